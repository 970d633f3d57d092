// The C door to OpenSSL 3: opaque types and thin functions, so that Swift never sees OpenSSL's own headers, whose
// function-like macros do not import. For the server and the tools. Built without the package trait TLS nothing of
// this exists, and nothing may call it.
//
// A context holds certificates and rules, and may make sessions on several threads at once. A session is one connection's
// encryption and belongs to one thread at a time. No call ever waits, but for a client's; the socket is the caller's and is
// never closed here.
#ifndef MARTLET_COPENSSL_H
#define MARTLET_COPENSSL_H

#include <stddef.h>
#include <sys/uio.h>

/// An SSL_CTX.
typedef struct copenssl_context copenssl_context;
typedef struct copenssl_session copenssl_session;

/// How a session reaches its socket: each call gives the kernel's result, or the negative errno. Must outlive the session.
typedef struct copenssl_calls {
    void *_Nullable context;
    long (*_Nonnull receive)(void *_Nullable context, int descriptor, struct iovec *_Nonnull pieces, int count);
    long (*_Nonnull send)(void *_Nullable context, int descriptor, struct iovec *_Nonnull pieces, int count);
} copenssl_calls;

/// What comes of a call in place of a number of bytes.
enum {
    /// The client has ended the session, or just its connection.
    COPENSSL_CLOSED = 0,
    /// Nothing can be done before the socket is readable, or has room.
    COPENSSL_WANTS_READ = -1,
    COPENSSL_WANTS_WRITE = -2,
    /// The client has broken the rules, or does not satisfy ours: the session is of no further use.
    COPENSSL_FAILED = -3,
    /// The socket has failed, or the client was gone in the middle of its handshake.
    COPENSSL_LOST = -4,
};

/// Whether a session asks for a client certificate. The numbers are those of the option ssl_verify_mode.
enum {
    COPENSSL_VERIFY_NOBODY = 0,
    /// Asks; a certificate that is given must be good.
    COPENSSL_VERIFY_IF_GIVEN = 1,
    COPENSSL_VERIFY_ALWAYS = 2,
    /// As ALWAYS, not again when keys are renegotiated.
    COPENSSL_VERIFY_ONCE = 3,
};

/// Why the last call of this thread failed: one line, valid until the thread's next call.
const char *_Nonnull copenssl_reason(void);

/// `minimum_version`: 0 to 3 for TLS 1.0 to 1.3. Session tickets are always issued; with `kept_sessions`, as many sessions
/// of clients that do not take tickets are remembered, too, the latest ones. `uses_kernel` lets the kernel encrypt where it
/// can. NULL when memory is short.
copenssl_context *_Nullable copenssl_context_new(int minimum_version, int kept_sessions, int uses_kernel);
void copenssl_context_free(copenssl_context *_Nonnull context);
// Each returns 1, or 0 with a reason. No pass phrase is ever asked for.
int copenssl_context_use_chain(copenssl_context *_Nonnull context, const char *_Nonnull path);
/// `format` is 1 for PEM, 2 for DER.
int copenssl_context_use_key(copenssl_context *_Nonnull context, const char *_Nonnull path, int format);
int copenssl_context_check_key(copenssl_context *_Nonnull context);
/// Whose certificates clients may come with.
int copenssl_context_use_authorities(copenssl_context *_Nonnull context, const char *_Nonnull path);
/// For TLS 1.2 and before; the suites of TLS 1.3 are fixed.
int copenssl_context_use_ciphers(copenssl_context *_Nonnull context, const char *_Nonnull list);

/// A session that waits for the client to begin. `verify` is a COPENSSL_VERIFY_ number; sessions are resumed only under
/// the one they were made with. NULL when memory is short.
copenssl_session *_Nullable copenssl_session_new(
    copenssl_context *_Nonnull context, int descriptor, int verify, const copenssl_calls *_Nonnull calls);
/// Frees the session, saying goodbye before if `notifies` and if that is possible without waiting.
void copenssl_session_free(copenssl_session *_Nonnull session, int notifies);
/// Takes the handshake as far as it goes. Returns 1 when it is done, else a COPENSSL_ number.
int copenssl_session_negotiate(copenssl_session *_Nonnull session);
/// Reads until `bytes` is full or nothing is left inside the session. Returns how many bytes there are, or a COPENSSL_
/// number.
long copenssl_session_read(copenssl_session *_Nonnull session, void *_Nonnull bytes, size_t count);
/// Whether the last read has left input inside, of which the socket will not tell.
int copenssl_session_has_input(const copenssl_session *_Nonnull session);
/// Whether memory for a packet is kept inside: one has come in part, or not all of it was read.
int copenssl_session_holds_packet(const copenssl_session *_Nonnull session);
/// Writes until all is written or the socket is full. Returns how many bytes are gone, at least one, or a COPENSSL_ number.
/// After WANTS_WRITE the next write must begin with the same bytes and offer no fewer of them.
long copenssl_session_write(copenssl_session *_Nonnull session, const void *_Nonnull bytes, size_t count);

/// Sessions made known to the client so far, tickets included, if the context keeps sessions.
int copenssl_session_new_count(const copenssl_session *_Nonnull session);
int copenssl_session_is_resumed(const copenssl_session *_Nonnull session);
/// Whether the kernel encrypts what is sent.
int copenssl_session_is_in_kernel(const copenssl_session *_Nonnull session);
/// Whether the client has sent anything at all.
int copenssl_session_was_addressed(const copenssl_session *_Nonnull session);

/// As a client, over a connected socket that may wait, with bounds of its own: sends the bytes and reads once. `chain` and `key`
/// are the client's certificate, NULL without one; the server's is not looked at. Returns how many bytes came, 0 at the end,
/// or COPENSSL_FAILED with a reason.
long copenssl_ask(
    int descriptor, const char *_Nullable chain, const char *_Nullable key, int key_format,
    const void *_Nonnull request, size_t count, void *_Nonnull reply, size_t capacity);

/// A client's session over a connected socket that waits, with bounds of its own; for tools. The server's certificate must
/// be vouched for by `authorities` (a file; the system's if NULL) and be good for `name`, a host's or an address. `chain`
/// and `key` are the client's own as PEM, NULL without; the key may be in the file of the chain. Read, write and free it as
/// any session; WANTS_READ and WANTS_WRITE mean that the socket's bound, or the session's, has passed. NULL with a reason.
copenssl_session *_Nullable copenssl_client_new(
    int descriptor, const char *_Nonnull name, const char *_Nullable authorities, const char *_Nullable chain,
    const char *_Nullable key);
/// Until when a client's session waits for its socket: seconds of CLOCK_MONOTONIC; 0, as at first, for ever.
void copenssl_client_wait_until(copenssl_session *_Nonnull session, double seconds);
/// Shakes hands. Returns 1, or a COPENSSL_ number; what is wrong with the server's certificate is the reason of FAILED.
int copenssl_client_negotiate(copenssl_session *_Nonnull session);

/// OpenSSL's version, such as "OpenSSL 3.0.22 25 Aug 2026".
const char *_Nonnull copenssl_version(void);

#endif
