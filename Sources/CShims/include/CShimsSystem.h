// System calls and types that the Glibc module does not import.
#ifndef MARTLET_CSHIMS_SYSTEM_H
#define MARTLET_CSHIMS_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>

/// Fills `bytes` with `count` random bytes from the kernel. Returns whether it could.
static inline _Bool cshims_random_bytes(void *bytes, size_t count) {
    return getrandom(bytes, count, 0) == (ssize_t)count;
}

#endif
