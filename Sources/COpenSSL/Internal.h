// What the files of this target share.
#ifndef MARTLET_COPENSSL_INTERNAL_H
#define MARTLET_COPENSSL_INTERNAL_H

#include "COpenSSL.h"

#include <openssl/ssl.h>

/// How far a client's unencrypted packets were followed, and the messages in them.
struct copenssl_hello {
    unsigned char packet[5];
    unsigned char message[4];
    unsigned char packet_count;
    unsigned char message_count;
    /// What comes now is encrypted, or no handshake.
    char is_over;
    char is_too_long;
    size_t packet_left;
    size_t message_left;
};

struct copenssl_session {
    SSL *ssl;
    const copenssl_calls *calls;
    int descriptor;
    int new_count;
    /// The socket has said that nothing more comes.
    char at_end;
    /// The last read has left input inside.
    char has_input;
    /// The session is broken: nothing can be said any more.
    char has_failed;
    /// A packet is half written.
    char is_writing;
    struct copenssl_hello hello;
};

/// A BIO for the session, by its own calls; NULL when memory is short.
BIO *copenssl_socket_new(copenssl_session *session);

void copenssl_keep_reason(const char *text);
/// Keeps OpenSSL's first error as the reason, and forgets all of them.
void copenssl_keep_library_reason(void);

#endif
