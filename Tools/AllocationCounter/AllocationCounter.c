// Counts what a running program allocates and how often it counts references, thread by thread.
//
// Loaded in front of the C library and the Swift runtime (LD_PRELOAD), it takes their functions' places, counts and calls
// on. Only threads that are named "worker-..." are counted: what the main thread does once a second is not a request's.
// The counts live in a file named by MARTLET_ALLOCATION_COUNTS, mapped shared, so that whoever drives the program can
// read them while it runs.
#define _GNU_SOURCE
#include "AllocationCounter.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct allocation_counts *counts;

__attribute__((constructor)) static void open_counts(void) {
    const char *path = getenv("MARTLET_ALLOCATION_COUNTS");
    int descriptor = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *memory = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (memory != MAP_FAILED) counts = memory;
}

// A thread is asked for its name until it has one; the answer is kept.
static int is_worker(void) {
    static _Thread_local int known;
    char name[32];
    if (known == 0 && pthread_getname_np(pthread_self(), name, sizeof name) == 0 && !strncmp(name, "worker", 6)) known = 1;
    return known;
}

static void count(uint64_t *counter) {
    if (counts && is_worker()) __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

#define COUNTED(kind) count(counts ? &counts->kind : NULL)

// glibc's own names for its allocator, so that no look-up is needed before there is one.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

void *malloc(size_t size) {
    COUNTED(allocations);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    COUNTED(allocations);
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    COUNTED(allocations);
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    COUNTED(allocations);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    COUNTED(allocations);
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : 12;
}

void free(void *memory) {
    if (memory) COUNTED(frees);
    __libc_free(memory);
}

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

#define FORWARD(name, kind)                                    \
    void *name(void *object) {                                 \
        static _Atomic(void *) known;                          \
        void *real = atomic_load(&known);                      \
        if (!real) atomic_store(&known, real = next(#name));   \
        COUNTED(kind);                                         \
        return ((void *(*)(void *))real)(object);              \
    }

FORWARD(swift_retain, retains)
FORWARD(swift_release, releases)
FORWARD(swift_bridgeObjectRetain, retains)
FORWARD(swift_bridgeObjectRelease, releases)
