// System calls and types that the Glibc module does not import.
#ifndef MARTLET_CSHIMS_SYSTEM_H
#define MARTLET_CSHIMS_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>

/// Fills `bytes` with `count` random bytes from the kernel. Returns whether it could.
static inline _Bool cshims_random_bytes(void *bytes, size_t count) {
    return getrandom(bytes, count, 0) == (ssize_t)count;
}

/// Takes a connection from a listening socket: non-blocking and not inherited by children. Fills `peer`, cleared before,
/// as far as the family goes. -1 with errno otherwise.
static inline int cshims_accept(int listener, struct sockaddr_storage *peer) {
    socklen_t bytes = sizeof *peer;
    peer->ss_family = AF_UNSPEC;
    return accept4(listener, (struct sockaddr *)peer, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/// Names the calling thread (at most 15 bytes), as ps -L and debuggers show it.
static inline void cshims_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

#endif
