// The C door to libevent: opaque types and thin functions, so that Swift never sees libevent's own headers (their macros,
// inline structs and platform switches do not import well, and would tie every module to one version of them).
//
// A loop belongs to one thread: its base is made without locks. The only thing another thread may do is write to a
// descriptor that the loop watches; clibevent_wakeup_new makes one for that purpose.
#ifndef MARTLET_CLIBEVENT_H
#define MARTLET_CLIBEVENT_H

#include <stddef.h>
#include <stdint.h>

/// A struct event_base.
typedef struct clibevent_loop clibevent_loop;
/// A struct event, in memory of the caller's: clibevent_watcher_bytes() bytes, aligned to 16.
typedef struct clibevent_watcher clibevent_watcher;
/// `what` is a set of the CLIBEVENT_ bits that are due.
typedef void (*clibevent_callback)(int descriptor, short what, void *context);

enum {
    CLIBEVENT_TIMEOUT = 0x01,
    CLIBEVENT_READ = 0x02,
    CLIBEVENT_WRITE = 0x04,
    CLIBEVENT_SIGNAL = 0x08,
    CLIBEVENT_PERSIST = 0x10,
};

/// NULL when the kernel or memory refuses. What libevent has to say goes to stderr, at most ten lines a second.
clibevent_loop *clibevent_loop_new(void);
/// The watchers must be stopped before.
void clibevent_loop_free(clibevent_loop *loop);
/// Waits until something is due (only looks when `waits` is 0) and calls the callbacks. Returns 0, 1 when nothing is
/// watched any more, -1 on an error.
int clibevent_loop_turn(clibevent_loop *loop, int waits);

size_t clibevent_watcher_bytes(void);
/// Prepares a stopped watcher. `descriptor` is -1 for a pure timer, the number of the signal for a signal.
/// Returns 0, or -1 for arguments that make no sense.
int clibevent_watcher_prepare(
    clibevent_watcher *watcher, clibevent_loop *loop, int descriptor, short what, clibevent_callback callback,
    void *context);
/// Starts the watcher, with a timeout when `timeout_milliseconds` is not negative. Returns 0 or -1.
int clibevent_watcher_start(clibevent_watcher *watcher, int64_t timeout_milliseconds);
/// Stops the watcher; stopping a stopped one does nothing. Afterwards its memory may be freed and its descriptor closed.
int clibevent_watcher_stop(clibevent_watcher *watcher);

/// A descriptor that becomes readable when eight bytes (a count) are written to it. -1 on an error.
int clibevent_wakeup_new(void);

/// libevent's version, such as "2.1.12-stable".
const char *clibevent_version(void);

#include "CLibeventHTTP.h"

#endif
