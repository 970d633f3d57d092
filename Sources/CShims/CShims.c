#include "CShims.h"

#include <stdatomic.h>
#include <time.h>

static _Thread_local int32_t held_locks;

int32_t cshims_held_locks(int32_t change) {
    held_locks += change;
    return held_locks;
}

static _Atomic uint64_t lock_waits;
static _Atomic uint64_t lock_wait_nanoseconds;

uint64_t cshims_lock_wait_begin(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cshims_lock_wait_end(uint64_t start) {
    atomic_fetch_add_explicit(&lock_waits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&lock_wait_nanoseconds, cshims_lock_wait_begin() - start, memory_order_relaxed);
}

uint64_t cshims_lock_wait_count(void) { return atomic_load_explicit(&lock_waits, memory_order_relaxed); }

uint64_t cshims_lock_wait_nanoseconds(void) {
    return atomic_load_explicit(&lock_wait_nanoseconds, memory_order_relaxed);
}
