#include "COpenSSL.h"

#ifdef MARTLET_TLS

#include "Internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

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

#endif
