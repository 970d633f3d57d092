// System calls and types that the Glibc module does not import.
#ifndef MARTLET_CSHIMS_SYSTEM_H
#define MARTLET_CSHIMS_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

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

/// Writes the numbers of the cores the calling thread may run on, at most `countMax`, and returns how many there are; 0
/// where the kernel does not tell.
static inline size_t cshims_allowed_cores(int *cores, size_t countMax) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    size_t count = 0;
    for (int core = 0; core < CPU_SETSIZE; core++) {
        if (!CPU_ISSET(core, &set)) continue;
        if (count < countMax) cores[count] = core;
        count++;
    }
    return count;
}

/// Keeps the calling thread, and what it starts from now on, on `cores`. Returns whether the kernel agreed.
static inline _Bool cshims_keep_to_cores(const int *cores, size_t count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (size_t index = 0; index < count; index++) {
        if (cores[index] < 0 || cores[index] >= CPU_SETSIZE) return 0;
        CPU_SET(cores[index], &set);
    }
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

/// recv and send without signals, as bare calls: those of the library may be cancelled, which costs a thread two locked
/// instructions each. -1 with errno.
static inline ssize_t cshims_receive(int socket, void *bytes, size_t count) {
    return syscall(SYS_recvfrom, socket, bytes, count, 0, NULL, NULL);
}
static inline ssize_t cshims_send(int socket, const void *bytes, size_t count) {
    return syscall(SYS_sendto, socket, bytes, count, MSG_NOSIGNAL, NULL, 0);
}

/// Whether a file lies in memory, in a file system that counts nothing but the file's own bytes.
static inline _Bool cshims_is_tmpfs(int descriptor) {
    struct statfs system;
    return fstatfs(descriptor, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

/// Bytes that the file system of a file could still give to others than root; -1 where it does not tell, or knows no bound.
static inline int64_t cshims_free_bytes(int descriptor) {
    struct statfs system;
    if (fstatfs(descriptor, &system) != 0 || system.f_blocks == 0) return -1;
    return (int64_t)system.f_bavail * system.f_bsize;
}

/// A pipe, reading end first, that no child inherits, even one that another thread starts at this moment. 0, or -1 with
/// errno.
static inline int cshims_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

#endif
