#include "COpenSSL.h"

#ifdef MARTLET_TLS

#include "Internal.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

enum { CERTIFICATES_BYTES_MAX = 24 << 10 };

static _Thread_local char reason[256];

const char *copenssl_reason(void) { return reason; }

void copenssl_keep_reason(const char *text) { snprintf(reason, sizeof reason, "%s", text); }

void copenssl_keep_library_reason(void) {
    unsigned long error = ERR_get_error();
    if (error == 0) {
        copenssl_keep_reason("no reason known");
    } else {
        ERR_error_string_n(error, reason, sizeof reason);
    }
    ERR_clear_error();
}

static int kept(int succeeded) {
    if (succeeded == 1) {
        return 1;
    }
    copenssl_keep_library_reason();
    return 0;
}

// OpenSSL would ask at the terminal.
static int no_pass_phrase(char *buffer, int size, int writes, void *context) {
    (void)buffer, (void)size, (void)writes, (void)context;
    return -1;
}

static int count_new_session(SSL *ssl, SSL_SESSION *made) {
    (void)made;
    copenssl_session *session = SSL_get_app_data(ssl);
    session->new_count += 1;
    // The session stays OpenSSL's.
    return 0;
}

copenssl_context *copenssl_context_new(int minimum_version, int kept_sessions, int uses_kernel) {
    static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    if (minimum_version < 0 || minimum_version > 3) {
        copenssl_keep_reason("no such version of TLS");
        return NULL;
    }
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, versions[minimum_version])) {
        copenssl_keep_library_reason();
        SSL_CTX_free(context);
        return NULL;
    }
    // A connection may just end: lengths are part of the protocol above.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (uses_kernel) {
        SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS);
    }
    // Idle connections own no buffers. One call of the kernel brings as many packets as are there.
    SSL_CTX_set_mode(
        context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    // Otherwise one read would go on for as long as a client sends nothing but changes of its keys.
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    // A message of a handshake gets its memory when it is announced. OpenSSL's bound for certificates is 100 KB; that for
    // hellos, which it has not, is in Socket.c.
    SSL_CTX_set_max_cert_list(context, CERTIFICATES_BYTES_MAX);
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
    if (kept_sessions > 0) {
        // The usual size is 20,480, and 0 would be no bound.
        SSL_CTX_sess_set_cache_size(context, kept_sessions);
        SSL_CTX_sess_set_new_cb(context, count_new_session);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    } else {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    return (copenssl_context *)context;
}

void copenssl_context_free(copenssl_context *context) { SSL_CTX_free((SSL_CTX *)context); }

int copenssl_context_use_chain(copenssl_context *context, const char *path) {
    ERR_clear_error();
    return kept(SSL_CTX_use_certificate_chain_file((SSL_CTX *)context, path));
}

int copenssl_context_use_key(copenssl_context *context, const char *path, int format) {
    ERR_clear_error();
    int type = format == 2 ? SSL_FILETYPE_ASN1 : SSL_FILETYPE_PEM;
    return kept(SSL_CTX_use_PrivateKey_file((SSL_CTX *)context, path, type));
}

int copenssl_context_check_key(copenssl_context *context) {
    ERR_clear_error();
    return kept(SSL_CTX_check_private_key((SSL_CTX *)context));
}

int copenssl_context_use_authorities(copenssl_context *context, const char *path) {
    ERR_clear_error();
    if (!kept(SSL_CTX_load_verify_locations((SSL_CTX *)context, path, NULL))) {
        return 0;
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (names == NULL) {
        return kept(0);
    }
    SSL_CTX_set_client_CA_list((SSL_CTX *)context, names);
    return 1;
}

int copenssl_context_use_ciphers(copenssl_context *context, const char *list) {
    ERR_clear_error();
    return kept(SSL_CTX_set_cipher_list((SSL_CTX *)context, list));
}

const char *copenssl_version(void) { return OpenSSL_version(OPENSSL_VERSION); }

#endif
