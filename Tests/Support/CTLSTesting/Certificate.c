#include "CTLSTesting.h"

#ifdef MARTLET_TLS

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static X509 *read_certificate(const char *path) {
    FILE *file = fopen(path, "r");
    X509 *certificate = file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
    if (file != NULL) {
        fclose(file);
    }
    return certificate;
}

static EVP_PKEY *read_key(const char *path) {
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
    if (file != NULL) {
        fclose(file);
    }
    return key;
}

static int write_files(
    X509 *certificate, const char *certificate_path, EVP_PKEY *key, const char *key_path, int is_der) {
    FILE *file = fopen(certificate_path, "w");
    int is_written = file != NULL && PEM_write_X509(file, certificate) == 1;
    if (file != NULL) {
        is_written &= fclose(file) == 0;
    }
    FILE *key_file = fopen(key_path, "w");
    if (key_file == NULL) {
        return 0;
    }
    is_written &= is_der ? i2d_PrivateKey_fp(key_file, key) == 1
                         : PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1;
    return (fclose(key_file) == 0) & is_written;
}

int ctls_make_certificate(
    const char *certificate_path, const char *key_path, const char *name, const char *issuer_path,
    const char *issuer_key_path, const char *purpose, int is_der) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509 *issuer = issuer_path == NULL ? NULL : read_certificate(issuer_path);
    EVP_PKEY *issuer_key = issuer_key_path == NULL ? NULL : read_key(issuer_key_path);
    long serial = 1;
    RAND_bytes((unsigned char *)&serial, 4);
    int is_made = key != NULL && certificate != NULL && (issuer_path == NULL || (issuer != NULL && issuer_key != NULL));
    if (is_made) {
        X509_set_version(certificate, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        X509_NAME *subject = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
        X509_set_issuer_name(certificate, issuer == NULL ? subject : X509_get_subject_name(issuer));
        if (issuer == NULL) {
            X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
            X509_add_ext(certificate, extension, -1);
            X509_EXTENSION_free(extension);
        }
        if (purpose != NULL) {
            X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, purpose);
            X509_add_ext(certificate, extension, -1);
            X509_EXTENSION_free(extension);
        }
        is_made = X509_sign(certificate, issuer == NULL ? key : issuer_key, EVP_sha256()) > 0 &&
                  write_files(certificate, certificate_path, key, key_path, is_der);
    }
    X509_free(certificate);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
    return is_made;
}

#endif
