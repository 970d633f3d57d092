#include "CLibevent.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

_Static_assert(CLIBEVENT_TIMEOUT == EV_TIMEOUT, "libevent's bits have changed");
_Static_assert(CLIBEVENT_READ == EV_READ, "libevent's bits have changed");
_Static_assert(CLIBEVENT_WRITE == EV_WRITE, "libevent's bits have changed");
_Static_assert(CLIBEVENT_SIGNAL == EV_SIGNAL, "libevent's bits have changed");
_Static_assert(CLIBEVENT_PERSIST == EV_PERSIST, "libevent's bits have changed");

enum { LOG_LINES_PER_SECOND_MAX = 10, LOG_LINE_BYTES_MAX = 512 };

// What clients bring about must not fill the log, whatever libevent finds worth a line, and no loop waits for whoever
// reads the log: LogOutput.swift says how. Any thread's loop may call it.
static void write_log_line(int severity, const char *message) {
    static atomic_long latest_second;
    static atomic_int line_count;
    if (severity == EVENT_LOG_DEBUG) {
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (atomic_exchange(&latest_second, (long)now.tv_sec) != (long)now.tv_sec) {
        atomic_store(&line_count, 0);
    }
    struct pollfd asked = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (atomic_fetch_add(&line_count, 1) >= LOG_LINES_PER_SECOND_MAX || poll(&asked, 1, 0) <= 0
        || !(asked.revents & POLLOUT)) {
        return;
    }
    char line[LOG_LINE_BYTES_MAX];
    int length = snprintf(line, sizeof line, "libevent: %.400s\n", message);
    if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0) {
        // There is nowhere to tell it.
    }
}

clibevent_loop *clibevent_loop_new(void) {
    event_set_log_callback(write_log_line);
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return (clibevent_loop *)base;
}

void clibevent_loop_free(clibevent_loop *loop) { event_base_free((struct event_base *)loop); }

int clibevent_loop_turn(clibevent_loop *loop, int waits) {
    // Without EVLOOP_ONCE, libevent would go on for as long as some descriptor stays ready.
    return event_base_loop((struct event_base *)loop, waits ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

size_t clibevent_watcher_bytes(void) { return event_get_struct_event_size(); }

int clibevent_watcher_prepare(
    clibevent_watcher *watcher, clibevent_loop *loop, int descriptor, short what, clibevent_callback callback,
    void *context) {
    return event_assign(
        (struct event *)watcher, (struct event_base *)loop, descriptor, what, (event_callback_fn)callback, context);
}

int clibevent_watcher_start(clibevent_watcher *watcher, int64_t timeout_milliseconds) {
    if (timeout_milliseconds < 0) {
        return event_add((struct event *)watcher, NULL);
    }
    struct timeval timeout = {
        .tv_sec = timeout_milliseconds / 1000,
        .tv_usec = (timeout_milliseconds % 1000) * 1000,
    };
    return event_add((struct event *)watcher, &timeout);
}

int clibevent_watcher_stop(clibevent_watcher *watcher) { return event_del((struct event *)watcher); }

int clibevent_wakeup_new(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

const char *clibevent_version(void) { return event_get_version(); }
