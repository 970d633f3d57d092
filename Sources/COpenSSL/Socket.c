// How OpenSSL reaches the socket: a BIO whose reads and writes are the caller's system calls. So they can be made to fail,
// an interrupted one is repeated, and a closed peer is an error instead of a signal.
#include "COpenSSL.h"

#ifdef MARTLET_TLS

#include "Internal.h"

#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>

static int finish(BIO *bio, long result) {
    BIO_clear_retry_flags(bio);
    if (result >= 0) {
        return (int)result;
    }
    errno = (int)-result;
    return -1;
}

static int receive(BIO *bio, char *bytes, int count) {
    copenssl_session *session = BIO_get_data(bio);
    struct iovec piece = {.iov_base = bytes, .iov_len = (size_t)count};
    int result = finish(bio, session->calls->receive(session->calls->context, session->descriptor, &piece, 1));
    if (result == 0) {
        session->at_end = 1;
    } else if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_read(bio);
    }
    return result;
}

static int send_bytes(BIO *bio, const char *bytes, int count) {
    copenssl_session *session = BIO_get_data(bio);
    struct iovec piece = {.iov_base = (char *)bytes, .iov_len = (size_t)count};
    int result = finish(bio, session->calls->send(session->calls->context, session->descriptor, &piece, 1));
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_write(bio);
    }
    return result;
}

static long control(BIO *bio, int what, long number, void *pointer) {
    (void)number, (void)pointer;
    copenssl_session *session = BIO_get_data(bio);
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return session->at_end;
    default:
        return 0;
    }
}

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_method(void) {
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "martlet socket");
    if (made == NULL) {
        return;
    }
    BIO_meth_set_read(made, receive);
    BIO_meth_set_write(made, send_bytes);
    BIO_meth_set_ctrl(made, control);
    method = made;
}

BIO *copenssl_socket_new(copenssl_session *session) {
    pthread_once(&once, make_method);
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (bio != NULL) {
        BIO_set_data(bio, session);
        BIO_set_init(bio, 1);
    }
    return bio;
}

#endif
