/*
 * A small HTTP server for the admin process, over libevent's evhttp: routes in a
 * table, answers in JSON, the headers that every answer carries. It listens on
 * the UNIX socket for workers and on METRICS_LISTEN. Not for API traffic: that is
 * the workers'.
 */
#ifndef GATEHOUSE_ADMIN_HTTP_H
#define GATEHOUSE_ADMIN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>

#include "common/err.h"
#include "common/span.h"

enum {
	HTTP_HEADER_BYTES = 16 * 1024, /* a request's head */
	HTTP_BODY_BYTES = 1024 * 1024, /* a request's body */
	HTTP_TIMEOUT_S = 30            /* without a byte in or out */
};

struct http_server;

/*
 * One request while its handler runs; the handler answers exactly once before it returns,
 * or puts the answer off with http_defer().
 */
struct http_request {
	struct evhttp_request *ev;
	struct span path; /* as sent: not decoded, no query; valid during the call */
	bool head;        /* HEAD: http_reply_* leave the body out */
};

typedef void (*http_handler)(struct http_request *rq, void *arg);

/*
 * A route. methods is a mask of EVHTTP_REQ_*; GET brings HEAD with it. A path that ends
 * in '/' stands for all that begins with it, another for itself alone.
 */
struct http_route {
	unsigned methods;
	const char *path;
	http_handler handle;
};

/* All borrowed for the server's life. */
struct http_options {
	const struct http_route *routes; /* the first that matches holds */
	size_t n_routes;
	void *arg;         /* handed to the handlers */
	const uid_t *uids; /* who may connect (SO_PEERCRED); NULL: everybody (TCP) */
	size_t n_uids;
};

/*
 * A server without a socket yet. Returns 0 or -ENOMEM. Free it with
 * http_server_destroy(), after which the loop must not run any more.
 */
int http_server_create(struct event_base *base, const struct http_options *o,
    struct http_server **out) MUSTCHECK;

/* Accept on fd, a listening socket; borrowed, never closed here. 0 or -errno. */
int http_server_listen(struct http_server *s, int fd) MUSTCHECK;

/* Close all connections. Accepts NULL inside, leaves NULL. */
void http_server_destroy(struct http_server **s);

/* The value of a request's header, NULL if there is none. */
const char *http_header(const struct http_request *rq, const char *name);

/* The user at the other end of a UNIX socket (SO_PEERCRED). 0 or -errno. */
int http_peer_uid(const struct http_request *rq, uid_t *out) MUSTCHECK;

/* The query behind '?', as sent; the empty span if there is none. Valid during the call. */
struct span http_query(const struct http_request *rq);

/* The request's body, all of it; valid during the call. */
struct span http_body(struct http_request *rq);

/* A number in the query, NAME=digits. Returns 0, -ENOENT or ERR_SYNTAX. */
int http_query_number(
    const struct http_request *rq, const char *name, uint64_t *out) MUSTCHECK;

/*
 * The answer comes later, from the loop: the request is kept until http_resume(). NULL
 * without memory (answer at once then). A client that leaves meanwhile costs nothing; so
 * does the server's end.
 */
struct http_deferred;
struct http_deferred *http_defer(struct http_request *rq) MUSTCHECK;

/*
 * Take a request back up and free d: rq_out is good until the caller returns to the loop and is to be
 * answered. false: the client has gone, there is nothing to answer.
 */
bool http_resume(struct http_deferred *d, struct http_request *rq_out) MUSTCHECK;

/* Add a header to the answer to come. Both are copied. */
void http_add_header(struct http_request *rq, const char *name, const char *value);

/*
 * Answer with the bytes of body (drained; stays the caller's). type: Content-Type. The
 * security headers come with it, and `Cache-Control: no-store` unless one was added.
 */
void http_reply(
    struct http_request *rq, int status, const char *type, struct evbuffer *body);

/* Answer with a JSON body; takes body, NULL (no memory) becomes a 500. */
void http_reply_json(struct http_request *rq, int status, json_t *body);

/* Answer 204 or 304: a status without a body. */
void http_reply_empty(struct http_request *rq, int status);

/* Answer {"error":{"message","type","param":null,"code"}}; both texts are constants. */
void http_reply_error(
    struct http_request *rq, int status, const char *code, const char *message);

/* The same with a field's name; param may be NULL. What is no UTF-8 makes a 500. */
void http_reply_fault(struct http_request *rq, int status, const char *code,
    const char *param, const char *message);

/* 405 with Allow. methods: a mask of EVHTTP_REQ_* that the path has; GET means HEAD too. */
void http_reply_method(struct http_request *rq, unsigned methods);

#endif
