#include "CLibeventHTTP.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>

struct evhttp_bound_socket;

static void close_connection(struct evhttp_request *request) {
    // What a client keeps open for nothing, another one cannot have.
    evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
}

// As if the client had gone. A high-water mark instead would leave the connection unwatched, for as long as it likes.
static void close_flood(struct evbuffer *input, const struct evbuffer_cb_info *change, void *context) {
    if (change->n_added > 0 && evbuffer_get_length(input) > CLIBEVENT_HTTP_UNREAD_BYTES_MAX) {
        bufferevent_trigger_event(context, BEV_EVENT_READING | BEV_EVENT_EOF, BEV_TRIG_DEFER_CALLBACKS);
    }
}

// libevent bounds heads and bodies, but not the line that tells the size of a chunk.
static struct bufferevent *new_stream(struct event_base *base, void *context) {
    (void)context;
    struct bufferevent *stream = bufferevent_socket_new(base, -1, 0);
    if (stream != NULL && evbuffer_add_cb(bufferevent_get_input(stream), close_flood, stream) == NULL) {
        bufferevent_free(stream);
        return NULL;
    }
    return stream;
}

// Out of descriptors or memory. The connection stays in the kernel's queue, so the socket stays readable: to go on
// asking would be a loop that does nothing else.
static void accept_failed(struct evconnlistener *listener, void *context) {
    (void)context;
    evconnlistener_disable(listener);
}

clibevent_http *clibevent_http_new(
    clibevent_loop *loop, long header_bytes_max, long body_bytes_max, int seconds_max, clibevent_http_callback callback,
    void *context) {
    struct evhttp *http = evhttp_new((struct event_base *)loop);
    if (http == NULL) {
        return NULL;
    }
    evhttp_set_max_headers_size(http, header_bytes_max);
    evhttp_set_max_body_size(http, body_bytes_max);
    evhttp_set_timeout(http, seconds_max);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_bevcb(http, new_stream, NULL);
    evhttp_set_gencb(http, (void (*)(struct evhttp_request *, void *))callback, context);
    return (clibevent_http *)http;
}

void clibevent_http_free(clibevent_http *http) { evhttp_free((struct evhttp *)http); }

int clibevent_http_listen(clibevent_http *http, int descriptor) {
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle((struct evhttp *)http, descriptor);
    if (bound == NULL) {
        return -1;
    }
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), accept_failed);
    return 0;
}

static void set_accepts(struct evhttp_bound_socket *bound, void *context) {
    struct evconnlistener *listener = evhttp_bound_socket_get_listener(bound);
    if (context != NULL) {
        evconnlistener_enable(listener);
    } else {
        evconnlistener_disable(listener);
    }
}

void clibevent_http_accept(clibevent_http *http, int accepts) {
    evhttp_foreach_bound_socket((struct evhttp *)http, set_accepts, accepts ? http : NULL);
}

struct gathered {
    int *room;
    int count;
    int count_max;
};

static int gather(const struct event_base *base, const struct event *event, void *context) {
    struct gathered *gathered = context;
    (void)base;
    // Timers have none, and what a signal has is its number.
    if (event_get_fd(event) < 0 || (event_get_events(event) & EV_SIGNAL) != 0) {
        return 0;
    }
    gathered->room[gathered->count++] = (int)event_get_fd(event);
    return gathered->count == gathered->count_max;
}

int clibevent_loop_descriptors(clibevent_loop *loop, int *room, int count_max) {
    struct gathered gathered = {room, 0, count_max};
    event_base_foreach_event((struct event_base *)loop, gather, &gathered);
    return gathered.count;
}

int clibevent_http_descriptor(clibevent_http_request *request) {
    struct evhttp_connection *connection = evhttp_request_get_connection((struct evhttp_request *)request);
    return connection == NULL ? -1 : (int)bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
}

const char *clibevent_http_target(clibevent_http_request *request) {
    return evhttp_request_get_uri((struct evhttp_request *)request);
}

const char *clibevent_http_field(clibevent_http_request *request, const char *name) {
    return evhttp_find_header(evhttp_request_get_input_headers((struct evhttp_request *)request), name);
}

int clibevent_http_is_head(clibevent_http_request *request) {
    return evhttp_request_get_command((struct evhttp_request *)request) == EVHTTP_REQ_HEAD;
}

void clibevent_http_add_field(clibevent_http_request *request, const char *name, const char *value) {
    evhttp_add_header(evhttp_request_get_output_headers((struct evhttp_request *)request), name, value);
}

void clibevent_http_reply(
    clibevent_http_request *request, int status, const char *reason, const void *bytes, size_t count) {
    struct evhttp_request *answered = (struct evhttp_request *)request;
    char length[24];
    snprintf(length, sizeof length, "%zu", count);
    evhttp_add_header(evhttp_request_get_output_headers(answered), "Content-Length", length);
    if (status >= 400) {
        close_connection(answered);
    }
    struct evbuffer *body = evbuffer_new();
    if (body != NULL && !clibevent_http_is_head(request)) {
        evbuffer_add(body, bytes, count);
    }
    struct evhttp_connection *connection = evhttp_request_get_connection(answered);
    struct bufferevent *stream = connection == NULL ? NULL : evhttp_connection_get_bufferevent(connection);
    evhttp_send_reply(answered, status, reason, body);
    // Who has said all there is to say still gets the whole answer: else the end of what the client sends, found while the
    // answer is on its way, would cut it off. Reading goes on with the next request.
    if (stream != NULL) {
        bufferevent_disable(stream, EV_READ);
    }
    if (body != NULL) {
        evbuffer_free(body);
    }
}
