#include "COpenSSL.h"

#ifdef MARTLET_TLS

#include "Internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

static long asked(
    SSL_CTX *context, SSL *ssl, int descriptor, const char *chain, const char *key, int key_format, const void *request,
    size_t count, void *reply, size_t capacity) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    if (chain != NULL) {
        int type = key_format == 2 ? SSL_FILETYPE_ASN1 : SSL_FILETYPE_PEM;
        if (SSL_use_certificate_chain_file(ssl, chain) != 1
            || SSL_use_PrivateKey_file(ssl, key != NULL ? key : chain, type) != 1) {
            return COPENSSL_FAILED;
        }
    }
    if (SSL_set_fd(ssl, descriptor) != 1 || SSL_connect(ssl) != 1) {
        return COPENSSL_FAILED;
    }
    // With TLS 1.3 a certificate that the server minds is only heard of when something is read.
    if (SSL_write(ssl, request, (int)count) <= 0) {
        return COPENSSL_FAILED;
    }
    int result = SSL_read(ssl, reply, (int)capacity);
    if (result > 0) {
        return result;
    }
    return SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN ? COPENSSL_CLOSED : COPENSSL_FAILED;
}

long copenssl_ask(
    int descriptor, const char *chain, const char *key, int key_format, const void *request, size_t count, void *reply,
    size_t capacity) {
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    long result = COPENSSL_FAILED;
    if (ssl != NULL) {
        result = asked(context, ssl, descriptor, chain, key, key_format, request, count, reply, capacity);
    }
    if (result == COPENSSL_FAILED) {
        copenssl_keep_library_reason();
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    return result;
}

// A client's session, and until when its socket is waited for. Freed as the session, which comes first.
struct client {
    copenssl_session session;
    copenssl_calls calls;
    /// Seconds of the clock that only goes on; 0 for ever.
    double end_seconds;
};

// Whether the socket is ready before the end. What is ready at the end is taken.
static int is_ready(const struct client *client, int descriptor, short events) {
    if (client->end_seconds == 0) {
        return 1;
    }
    struct pollfd poll_descriptor = {.fd = descriptor, .events = events};
    int result;
    do {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double left = client->end_seconds - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
        result = poll(&poll_descriptor, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
    } while (result < 0 && errno == EINTR);
    return result != 0;
}

static long receive_waiting(void *context, int descriptor, struct iovec *pieces, int count) {
    if (!is_ready(context, descriptor, POLLIN)) {
        return -EAGAIN;
    }
    ssize_t result;
    do {
        result = readv(descriptor, pieces, count);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static long send_waiting(void *context, int descriptor, struct iovec *pieces, int count) {
    if (!is_ready(context, descriptor, POLLOUT)) {
        return -EAGAIN;
    }
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    ssize_t result;
    do {
        result = sendmsg(descriptor, &message, MSG_NOSIGNAL);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static int no_pass_phrase(char *buffer, int size, int writes, void *context) {
    (void)buffer, (void)size, (void)writes, (void)context;
    return -1;
}

static int kept(int succeeded, const char *what) {
    if (succeeded == 1) {
        return 1;
    }
    // The first error says most: that there is no such file, for one.
    unsigned long error = ERR_peek_error();
    const char *text = error == 0 ? NULL : ERR_reason_error_string(error);
    char line[256];
    snprintf(line, sizeof line, "%s: %s", what, text != NULL ? text : "it cannot be used");
    copenssl_keep_reason(line);
    ERR_clear_error();
    return 0;
}

// No read-ahead and no other modes: a read that waits must not wait for more than there is to come.
static int prepare_client(SSL_CTX *context, const char *authorities, const char *chain, const char *key) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
    // A connection may just end: lengths are part of the protocol above.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) {
        return kept(0, "TLS 1.2");
    }
    if (authorities == NULL ? !kept(SSL_CTX_set_default_verify_paths(context), "the system's certificates")
                            : !kept(SSL_CTX_load_verify_locations(context, authorities, NULL), authorities)) {
        return 0;
    }
    if (chain == NULL) {
        return 1;
    }
    const char *key_path = key != NULL ? key : chain;
    return kept(SSL_CTX_use_certificate_chain_file(context, chain), chain)
           && kept(SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM), key_path);
}

// An address is looked for among the certificate's addresses, and is no name to be sent.
static int expect_name(SSL *ssl, const char *name) {
    // Whoever trusts a server's own certificate need not know who vouches for it.
    X509_VERIFY_PARAM_set_flags(SSL_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1) {
        return 1;
    }
    ERR_clear_error();
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return kept(SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1, name);
}

copenssl_session *copenssl_client_new(
    int descriptor, const char *name, const char *authorities, const char *chain, const char *key) {
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct client *client = calloc(1, sizeof *client);
    copenssl_session *session = client != NULL ? &client->session : NULL;
    copenssl_keep_reason("no memory");
    int is_prepared = context != NULL && session != NULL && prepare_client(context, authorities, chain, key);
    if (is_prepared) {
        client->calls = (copenssl_calls){.context = client, .receive = receive_waiting, .send = send_waiting};
        session->calls = &client->calls;
        session->hello.is_over = 1;
        session->descriptor = descriptor;
        session->ssl = SSL_new(context);
        BIO *bio = session->ssl != NULL ? copenssl_socket_new(session) : NULL;
        is_prepared = bio != NULL;
        if (is_prepared) {
            SSL_set_bio(session->ssl, bio, bio);
            SSL_set_connect_state(session->ssl);
            is_prepared = expect_name(session->ssl, name);
        }
    }
    // A session keeps what it needs of it.
    SSL_CTX_free(context);
    if (!is_prepared) {
        SSL_free(session != NULL ? session->ssl : NULL);
        free(client);
        return NULL;
    }
    return session;
}

void copenssl_client_wait_until(copenssl_session *session, double seconds) {
    ((struct client *)session)->end_seconds = seconds;
}

int copenssl_client_negotiate(copenssl_session *session) {
    int result = copenssl_session_negotiate(session);
    long verdict = SSL_get_verify_result(session->ssl);
    if (result == COPENSSL_FAILED && verdict != X509_V_OK) {
        char line[256];
        snprintf(line, sizeof line, "the server's certificate: %s", X509_verify_cert_error_string(verdict));
        copenssl_keep_reason(line);
    }
    return result;
}

#endif
