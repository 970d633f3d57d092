// A blocking TLS client for tests, and certificates made on the spot. It uses OpenSSL on its own, not through the server's
// door, and trusts any server: what is tested is the server.
#ifndef MARTLET_CTLSTESTING_H
#define MARTLET_CTLSTESTING_H

#include <stddef.h>

typedef struct ctls_client ctls_client;
/// A session to resume, an SSL_SESSION.
typedef struct ctls_session ctls_session;

/// Writes a new key and a certificate for `name`, good for an hour, vouched for by the issuer's files or by itself (NULL).
/// `purpose` is the only use it is good for (`serverAuth`), NULL for any. The key is written as DER if `is_der`. Returns
/// 1 or 0.
int ctls_make_certificate(
    const char *_Nonnull certificate_path, const char *_Nonnull key_path, const char *_Nonnull name,
    const char *_Nullable issuer_path, const char *_Nullable issuer_key_path,
    const char *_Nullable purpose, int is_der);

/// A client on a connected socket, which stays the caller's. NULL when memory is short.
ctls_client *_Nullable ctls_client_new(int descriptor);
void ctls_client_free(ctls_client *_Nonnull client);
// To be called before the handshake. Each returns 1 or 0. Versions are 2 for TLS 1.2, 3 for TLS 1.3.
int ctls_use_certificate(ctls_client *_Nonnull client, const char *_Nonnull path, const char *_Nonnull key_path);
int ctls_use_versions(ctls_client *_Nonnull client, int minimum, int maximum);
int ctls_use_session(ctls_client *_Nonnull client, ctls_session *_Nonnull session);
int ctls_use_no_tickets(ctls_client *_Nonnull client);

/// Returns 1 or 0.
int ctls_handshake(ctls_client *_Nonnull client);
/// Bytes read, 0 at the end of the session, -1 on an error.
long ctls_read(ctls_client *_Nonnull client, void *_Nonnull bytes, size_t count);
/// Bytes written, or -1.
long ctls_write(ctls_client *_Nonnull client, const void *_Nonnull bytes, size_t count);
/// Says goodbye; returns 1 or 0.
int ctls_shutdown(ctls_client *_Nonnull client);
/// Asks for another handshake, as TLS 1.2 once allowed. Returns 1 when the server went along.
int ctls_renegotiate(ctls_client *_Nonnull client);
/// Changes the keys of TLS 1.3, and asks the server to change its own. Returns 1 or 0.
int ctls_update_keys(ctls_client *_Nonnull client);

/// 2 or 3.
int ctls_version(ctls_client *_Nonnull client);
int ctls_is_resumed(ctls_client *_Nonnull client);
/// Whether the server has said goodbye.
int ctls_has_goodbye(ctls_client *_Nonnull client);
/// The name in the server's certificate; valid until the thread's next call.
const char *_Nonnull ctls_server_name(ctls_client *_Nonnull client);
ctls_session *_Nullable ctls_session_of(ctls_client *_Nonnull client);
void ctls_session_free(ctls_session *_Nonnull session);

#endif
