#define _GNU_SOURCE 1
#include "CShimsPoll.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

_Static_assert(EPOLLIN == 0x001 && EPOLLOUT == 0x004 && EPOLLET == 1u << 31 && EPOLLRDHUP == 0x2000 &&
                   (EPOLLERR | EPOLLHUP) == 0x018,
               "the bits of CShimsPoll.h are those of epoll");

size_t cshims_poll_event_bytes(void) { return sizeof(struct epoll_event); }

int cshims_poll_new(void) { return epoll_create1(EPOLL_CLOEXEC); }

int cshims_poll_add(int poll, int descriptor, uint32_t interest, void *context) {
    struct epoll_event event = {.events = interest, .data = {.ptr = context}};
    return epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

int cshims_poll_change(int poll, int descriptor, uint32_t interest, void *context) {
    struct epoll_event event = {.events = interest, .data = {.ptr = context}};
    return epoll_ctl(poll, EPOLL_CTL_MOD, descriptor, &event);
}

int cshims_poll_wait(int poll, void *events, int count, int64_t nanoseconds) {
    struct epoll_event *due = events;
    if (nanoseconds <= 0) return epoll_wait(poll, due, count, nanoseconds < 0 ? -1 : 0);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
    static _Atomic int is_missing;
    if (!is_missing) {
        struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
        int result = epoll_pwait2(poll, due, count, &time, NULL);
        if (result >= 0 || errno != ENOSYS) return result;
        // A kernel before 5.11.
        is_missing = 1;
    }
#endif
    // Rounded down: turns without waiting at the end rather than a millisecond too late.
    return epoll_wait(poll, due, count, (int)(nanoseconds / 1000000));
}

void *cshims_poll_context(const void *events, int index) { return ((const struct epoll_event *)events)[index].data.ptr; }

uint32_t cshims_poll_due(const void *events, int index) { return ((const struct epoll_event *)events)[index].events; }

void cshims_precise_timers(unsigned long nanoseconds) { prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0); }
