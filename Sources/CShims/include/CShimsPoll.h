// epoll, which the Glibc module does not import, for the load driver's loop: one call waits for many sockets, and what a
// socket belongs to comes back with it. Not inline: <sys/epoll.h> brings <sys/select.h>, whose fd_set the compiler's module of
// processor intrinsics knows differently.
#ifndef MARTLET_CSHIMS_POLL_H
#define MARTLET_CSHIMS_POLL_H

#include <stddef.h>
#include <stdint.h>

/// What is waited for, and what is due.
static const uint32_t CSHIMS_POLL_READABLE = 0x001, CSHIMS_POLL_WRITABLE = 0x004;

/// With an interest: told once for all that has come up to then, not again as long as some of it is left.
static const uint32_t CSHIMS_POLL_ONCE = 0x80000000;

/// The other side has closed, to be waited for, or the connection is broken, which is due in any case.
static const uint32_t CSHIMS_POLL_CLOSED = 0x2000, CSHIMS_POLL_BROKEN = 0x018;

/// Bytes of one event that a wait brings.
size_t cshims_poll_event_bytes(void);

/// A descriptor to wait with, not inherited by children. -1 with errno otherwise.
int cshims_poll_new(void);

/// Waits from now on for `interest` at `descriptor`; `context` comes with its events. 0, or -1 with errno.
int cshims_poll_add(int poll, int descriptor, uint32_t interest, void *context);

/// Changes what is waited for. 0, or -1 with errno.
int cshims_poll_change(int poll, int descriptor, uint32_t interest, void *context);

/// Fills `events`, of `count` times cshims_poll_event_bytes() bytes, and returns how many are due; waits at most
/// `nanoseconds`, for ever when negative. -1 with errno.
int cshims_poll_wait(int poll, void *events, int count, int64_t nanoseconds);

/// The context of the event at `index`, and what is due.
void *cshims_poll_context(const void *events, int index);
uint32_t cshims_poll_due(const void *events, int index);

/// Lets the calling thread's timed waits end within `nanoseconds` of their time instead of the usual 50 us.
void cshims_precise_timers(unsigned long nanoseconds);

#endif
