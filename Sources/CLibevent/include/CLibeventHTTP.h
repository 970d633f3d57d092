// libevent's HTTP server, for the few requests of operators: everything is bounded, every reply is complete at once.
// It belongs to the thread that turns its loop.
#ifndef MARTLET_CLIBEVENT_HTTP_H
#define MARTLET_CLIBEVENT_HTTP_H

#include <stddef.h>

#include "CLibevent.h"

/// A struct evhttp, and one of its requests, valid while its callback runs.
typedef struct clibevent_http clibevent_http;
typedef struct clibevent_http_request clibevent_http_request;
/// Has to answer the request, exactly once, by clibevent_http_reply.
typedef void (*clibevent_http_callback)(clibevent_http_request *request, void *context);

/// With more bytes than these that nothing has been made of a connection is closed. More than any head and body.
enum { CLIBEVENT_HTTP_UNREAD_BYTES_MAX = 64 << 10 };

/// Answers GET and HEAD by `callback`, everything else by itself. Lines and bodies may have so many bytes, and a connection
/// may be silent for so many seconds. NULL when memory is short.
clibevent_http *clibevent_http_new(
    clibevent_loop *loop, long header_bytes_max, long body_bytes_max, int seconds_max, clibevent_http_callback callback,
    void *context);
/// Closes all its connections and listening sockets.
void clibevent_http_free(clibevent_http *http);
/// Takes over a bound, listening, non-blocking socket. When the system refuses a connection, for want of descriptors, say,
/// none is taken until clibevent_http_accept. Returns 0, or -1 with the socket still the caller's.
int clibevent_http_listen(clibevent_http *http, int descriptor);
/// Whether new connections are taken, also after the system has refused one; those that are not wait in the kernel.
void clibevent_http_accept(clibevent_http *http, int accepts);
/// Descriptors that the loop waits for, at most so many, some of them twice: those of all connections, listening sockets and
/// watchers. Returns how many there are.
int clibevent_loop_descriptors(clibevent_loop *loop, int *room, int count_max);

/// Path and query as they came.
const char *clibevent_http_target(clibevent_http_request *request);
/// The value of a header field, whatever its case; NULL without it.
const char *clibevent_http_field(clibevent_http_request *request, const char *name);
/// The descriptor of its connection; -1 if that has ended.
int clibevent_http_descriptor(clibevent_http_request *request);
int clibevent_http_is_head(clibevent_http_request *request);
/// Adds a field to the reply.
void clibevent_http_add_field(clibevent_http_request *request, const char *name, const char *value);
/// Sends the reply; the bytes are copied. A reply to HEAD tells their count only.
void clibevent_http_reply(
    clibevent_http_request *request, int status, const char *reason, const void *bytes, size_t count);

#endif
