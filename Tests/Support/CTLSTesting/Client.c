#include "CTLSTesting.h"

#ifdef MARTLET_TLS

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>

struct ctls_client {
    SSL_CTX *context;
    SSL *ssl;
};

static int version_number(int version) { return version == 3 ? TLS1_3_VERSION : TLS1_2_VERSION; }

ctls_client *ctls_client_new(int descriptor) {
    // OpenSSL writes to the socket in a way that signals a closed peer.
    signal(SIGPIPE, SIG_IGN);
    ctls_client *client = calloc(1, sizeof *client);
    client->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(client->context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_CLIENT);
    client->ssl = SSL_new(client->context);
    SSL_set_fd(client->ssl, descriptor);
    SSL_set_connect_state(client->ssl);
    return client;
}

void ctls_client_free(ctls_client *client) {
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    ERR_clear_error();
    free(client);
}

int ctls_use_certificate(ctls_client *client, const char *path, const char *key_path) {
    return SSL_use_certificate_file(client->ssl, path, SSL_FILETYPE_PEM) == 1 &&
           SSL_use_PrivateKey_file(client->ssl, key_path, SSL_FILETYPE_PEM) == 1;
}

int ctls_use_versions(ctls_client *client, int minimum, int maximum) {
    return SSL_set_min_proto_version(client->ssl, version_number(minimum)) == 1 &&
           SSL_set_max_proto_version(client->ssl, version_number(maximum)) == 1;
}

int ctls_use_session(ctls_client *client, ctls_session *session) {
    return SSL_set_session(client->ssl, (SSL_SESSION *)session);
}

int ctls_use_no_tickets(ctls_client *client) { return (SSL_set_options(client->ssl, SSL_OP_NO_TICKET), 1); }

int ctls_handshake(ctls_client *client) {
    ERR_clear_error();
    return SSL_do_handshake(client->ssl) == 1;
}

long ctls_read(ctls_client *client, void *bytes, size_t count) {
    ERR_clear_error();
    size_t some = 0;
    int result = SSL_read_ex(client->ssl, bytes, count, &some);
    if (result == 1) {
        return (long)some;
    }
    return SSL_get_error(client->ssl, result) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

long ctls_write(ctls_client *client, const void *bytes, size_t count) {
    ERR_clear_error();
    size_t some = 0;
    return SSL_write_ex(client->ssl, bytes, count, &some) == 1 ? (long)some : -1;
}

int ctls_shutdown(ctls_client *client) {
    ERR_clear_error();
    return SSL_shutdown(client->ssl) >= 0;
}

int ctls_renegotiate(ctls_client *client) {
    ERR_clear_error();
    return SSL_renegotiate(client->ssl) == 1 && SSL_do_handshake(client->ssl) == 1;
}

int ctls_update_keys(ctls_client *client) {
    ERR_clear_error();
    return SSL_key_update(client->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(client->ssl) == 1;
}

int ctls_version(ctls_client *client) { return SSL_version(client->ssl) == TLS1_3_VERSION ? 3 : 2; }

int ctls_is_resumed(ctls_client *client) { return SSL_session_reused(client->ssl); }

int ctls_has_goodbye(ctls_client *client) { return (SSL_get_shutdown(client->ssl) & SSL_RECEIVED_SHUTDOWN) != 0; }

const char *ctls_server_name(ctls_client *client) {
    static _Thread_local char name[128];
    X509 *certificate = SSL_get0_peer_certificate(client->ssl);
    name[0] = 0;
    if (certificate != NULL) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    }
    return name;
}

ctls_session *ctls_session_of(ctls_client *client) {
    // A copy: OpenSSL spoils the original when the client goes.
    SSL_SESSION *session = SSL_get_session(client->ssl);
    return session == NULL ? NULL : (ctls_session *)SSL_SESSION_dup(session);
}

void ctls_session_free(ctls_session *session) { SSL_SESSION_free((SSL_SESSION *)session); }

#endif
