// Processor hints and the futex.
#ifndef MARTLET_CSHIMS_PROCESSOR_H
#define MARTLET_CSHIMS_PROCESSOR_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/// Asks the processor to bring the cache line at `address` for reading.
__attribute__((always_inline)) static inline void cshims_prefetch(const void *address) {
    __builtin_prefetch(address, 0, 3);
}

/// Asks the processor to bring the cache line at `address` for writing.
__attribute__((always_inline)) static inline void cshims_prefetch_write(const void *address) {
    __builtin_prefetch(address, 1, 3);
}

/// Tells the processor that this is a spin-wait loop.
__attribute__((always_inline)) static inline void cshims_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// Sleeps while the word at `address` equals `expected`. May return early; the caller loops.
static inline void cshims_futex_wait(const void *address, uint32_t expected) {
    syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

/// The same for at most so many milliseconds.
static inline void cshims_futex_wait_for(const void *address, uint32_t expected, int64_t milliseconds) {
    struct timespec rest = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, expected, &rest, NULL, 0);
}

/// Wakes at most `count` threads sleeping on `address`.
static inline void cshims_futex_wake(const void *address, int32_t count) {
    syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/// A bit for each of the ten 16-bit tags at `tags` that equals `tag`. Reads 32 bytes: the tags are followed by at least
/// 12 more bytes of the same bucket. Not instrumented by the thread sanitizer, because the prefetch stage also calls it
/// without the stripe's lock; whatever it returns then is only a hint.
__attribute__((no_sanitize("thread"))) static inline uint32_t cshims_match_tags(const void *tags, uint16_t tag) {
#if defined(__x86_64__)
    const __m128i wanted = _mm_set1_epi16((short)tag);
    const __m128i low = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)tags), wanted);
    const __m128i high = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)((const char *)tags + 16)), wanted);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) & 0x3ff;
#else
    uint32_t bits = 0;
    for (int index = 0; index < 10; index++) {
        uint16_t other;
        memcpy(&other, (const char *)tags + 2 * index, 2);
        bits |= (uint32_t)(other == tag) << index;
    }
    return bits;
#endif
}

/// Reads a word that another thread may be writing, for prefetching only; not instrumented by the thread sanitizer.
__attribute__((no_sanitize("thread"))) static inline uint32_t cshims_load_hint(const void *address) {
    return *(const volatile uint32_t *)address;
}

/// Around a sleep for a lock: notes how many there were and how long. Whoever sleeps has lost microseconds already, so that
/// one shared counter costs nothing that matters.
uint64_t cshims_lock_wait_begin(void);
void cshims_lock_wait_end(uint64_t start);
uint64_t cshims_lock_wait_count(void);
uint64_t cshims_lock_wait_nanoseconds(void);

/// Adds `change` to the calling thread's count of held locks and returns it: the debug check that no thread holds two.
int32_t cshims_held_locks(int32_t change);

#endif
