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

enum { HELLO_BYTES_MAX = 16 << 10 };

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// A packet's head is complete.
static void begin_packet(copenssl_session *session) {
    struct copenssl_hello *hello = &session->hello;
    unsigned char type = hello->packet[0];
    hello->packet_count = 0;
    hello->packet_left = (size_t)hello->packet[3] << 8 | hello->packet[4];
    // Alerts and changes of ciphers come between. Behind the latter all is encrypted, but with TLS 1.3, where it says
    // nothing and the type of encrypted packets is another.
    hello->is_over = type < SSL3_RT_CHANGE_CIPHER_SPEC || type > SSL3_RT_HANDSHAKE
        || (type == SSL3_RT_CHANGE_CIPHER_SPEC && SSL_version(session->ssl) <= TLS1_2_VERSION);
}

// Whether a hello announces more than any client needs. OpenSSL would take all that memory at once, up to 170 KB.
static int announces_too_much(copenssl_session *session, const unsigned char *bytes, size_t count) {
    struct copenssl_hello *hello = &session->hello;
    while (count > 0 && !hello->is_over) {
        size_t some = 1;
        if (hello->packet_left == 0) {
            hello->packet[hello->packet_count++] = *bytes;
            if (hello->packet_count == sizeof hello->packet) {
                begin_packet(session);
            }
        } else {
            if (hello->packet[0] != SSL3_RT_HANDSHAKE) {
                some = smaller(count, hello->packet_left);
            } else if (hello->message_left > 0) {
                some = smaller(smaller(count, hello->packet_left), hello->message_left);
                hello->message_left -= some;
            } else {
                hello->message[hello->message_count++] = *bytes;
                if (hello->message_count == sizeof hello->message) {
                    const unsigned char *head = hello->message;
                    hello->message_count = 0;
                    hello->message_left = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
                    if (head[0] == SSL3_MT_CLIENT_HELLO && hello->message_left > HELLO_BYTES_MAX) {
                        return 1;
                    }
                }
            }
            hello->packet_left -= some;
        }
        bytes += some;
        count -= some;
    }
    return 0;
}

static int receive(BIO *bio, char *bytes, int count) {
    copenssl_session *session = BIO_get_data(bio);
    struct iovec piece = {.iov_base = bytes, .iov_len = (size_t)count};
    int result = finish(bio, session->calls->receive(session->calls->context, session->descriptor, &piece, 1));
    if (result == 0) {
        session->at_end = 1;
    } else if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_read(bio);
    } else if (result > 0 && announces_too_much(session, (const unsigned char *)bytes, (size_t)result)) {
        session->hello.is_too_long = 1;
        errno = EMSGSIZE;
        return -1;
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
