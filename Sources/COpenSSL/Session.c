#include "COpenSSL.h"

#ifdef MARTLET_TLS

#include "Internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static int connect_socket(copenssl_session *session) {
    if (SSL_get_options(session->ssl) & SSL_OP_ENABLE_KTLS) {
        // The kernel takes keys from OpenSSL's own kind of socket only.
        return SSL_set_fd(session->ssl, session->descriptor);
    }
    BIO *bio = copenssl_socket_new(session);
    if (bio == NULL) {
        return 0;
    }
    SSL_set_bio(session->ssl, bio, bio);
    return 1;
}

static void set_verification(SSL *ssl, int verify) {
    static const int modes[] = {
        SSL_VERIFY_NONE,
        SSL_VERIFY_PEER,
        SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE,
    };
    // A session made where nobody is verified must not be taken for one of a verified client.
    unsigned char scope[] = "martlet 0";
    scope[sizeof scope - 2] += (unsigned char)verify;
    SSL_set_verify(ssl, modes[verify], NULL);
    SSL_set_session_id_context(ssl, scope, sizeof scope - 1);
}

copenssl_session *copenssl_session_new(
    copenssl_context *context, int descriptor, int verify, const copenssl_calls *calls) {
    ERR_clear_error();
    copenssl_session *session = calloc(1, sizeof *session);
    if (session == NULL || verify < COPENSSL_VERIFY_NOBODY || verify > COPENSSL_VERIFY_ONCE) {
        copenssl_keep_reason("no memory");
        free(session);
        return NULL;
    }
    session->calls = calls;
    session->descriptor = descriptor;
    session->ssl = SSL_new((SSL_CTX *)context);
    if (session->ssl == NULL || !connect_socket(session)) {
        copenssl_keep_library_reason();
        SSL_free(session->ssl);
        free(session);
        return NULL;
    }
    SSL_set_app_data(session->ssl, session);
    set_verification(session->ssl, verify);
    SSL_set_accept_state(session->ssl);
    return session;
}

void copenssl_session_free(copenssl_session *session, int notifies) {
    ERR_clear_error();
    if (SSL_is_init_finished(session->ssl) && !session->has_failed) {
        // Not behind half a packet. OpenSSL takes what was not said goodbye to for broken and does not resume it, so it is
        // told that it was.
        if (notifies && !session->is_writing && !session->at_end) {
            SSL_shutdown(session->ssl);
        } else {
            SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN);
        }
    }
    SSL_free(session->ssl);
    ERR_clear_error();
    free(session);
}

// What a call that did not succeed means. Call at once: it looks at errno.
static int outcome(copenssl_session *session, int result) {
    int error = errno;
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return COPENSSL_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return COPENSSL_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return COPENSSL_CLOSED;
    case SSL_ERROR_SSL:
        copenssl_keep_library_reason();
        session->has_failed = 1;
        return COPENSSL_FAILED;
    default:
        copenssl_keep_reason(session->at_end ? "connection ended" : strerror(error));
        ERR_clear_error();
        session->has_failed = 1;
        return COPENSSL_LOST;
    }
}

int copenssl_session_negotiate(copenssl_session *session) {
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        session->has_input = SSL_has_pending(session->ssl) != 0;
        return 1;
    }
    int outcome_code = outcome(session, result);
    if (outcome_code == COPENSSL_CLOSED) {
        copenssl_keep_reason("connection ended");
        session->has_failed = 1;
        return COPENSSL_LOST;
    }
    return outcome_code;
}

long copenssl_session_read(copenssl_session *session, void *bytes, size_t count) {
    size_t total = 0;
    while (total < count) {
        size_t some = 0;
        ERR_clear_error();
        int result = SSL_read_ex(session->ssl, (char *)bytes + total, count - total, &some);
        if (result == 1) {
            total += some;
            if (SSL_has_pending(session->ssl)) {
                continue;
            }
            session->has_input = 0;
            return (long)total;
        }
        int outcome_code = outcome(session, result);
        if (total == 0) {
            session->has_input = 0;
            return outcome_code;
        }
        // The next read will say it again, whatever else it is.
        session->has_input = outcome_code != COPENSSL_WANTS_READ;
        return (long)total;
    }
    session->has_input = SSL_has_pending(session->ssl) != 0;
    return (long)total;
}

int copenssl_session_has_input(const copenssl_session *session) { return session->has_input; }

int copenssl_session_holds_packet(const copenssl_session *session) {
    // Of a packet of which the head alone has come, nothing is pending; but it is in its body.
    return SSL_has_pending(session->ssl) || strcmp(SSL_rstate_string(session->ssl), "RB") == 0;
}

long copenssl_session_write(copenssl_session *session, const void *bytes, size_t count) {
    size_t total = 0;
    while (total < count) {
        size_t some = 0;
        ERR_clear_error();
        int result = SSL_write_ex(session->ssl, (const char *)bytes + total, count - total, &some);
        if (result == 1) {
            session->is_writing = 0;
            total += some;
            continue;
        }
        int outcome_code = outcome(session, result);
        session->is_writing = outcome_code == COPENSSL_WANTS_WRITE;
        return total > 0 ? (long)total : outcome_code;
    }
    return (long)total;
}

int copenssl_session_new_count(const copenssl_session *session) { return session->new_count; }

int copenssl_session_is_resumed(const copenssl_session *session) { return SSL_session_reused(session->ssl); }

int copenssl_session_is_in_kernel(const copenssl_session *session) {
    return BIO_get_ktls_send(SSL_get_wbio(session->ssl)) > 0;
}

int copenssl_session_was_addressed(const copenssl_session *session) {
    // What is refused does not count as read.
    return session->hello.is_too_long || BIO_number_read(SSL_get_rbio(session->ssl)) > 0;
}

#endif
