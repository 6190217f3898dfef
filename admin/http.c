/*
 * evhttp does the parsing; this file sets its bounds, looks at who connects, finds
 * the route and dresses the answers. Runs in the admin process.
 *
 * evhttp has no hook between accept and the first read, so the peer's uid is
 * judged in an event that is made active while evhttp accepts: libevent runs it
 * before it asks the kernel for readable sockets again, thus before any byte of a
 * stranger is read.
 */
#include "admin/http.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "common/clock.h"
#include "common/log.h"

enum {
	HTTP_MAGIC = 0x68747470,
	HTTP_DEFERRED_MAGIC = 0x68747464,
	HTTP_STRANGER_LINES = 5
};

/* A connection that has been accepted and whose peer has not been looked at yet. */
struct unchecked {
	LIST_ENTRY(unchecked) link;
	struct http_server *server;
	struct bufferevent *bev; /* one reference */
};

struct http_server {
	uint32_t magic;
	struct event_base *base;
	struct evhttp *evhttp;
	struct http_options o;
	LIST_HEAD(unchecked_list, unchecked) unchecked;
	struct log_limit strangers;
};

const char *
http_header(const struct http_request *rq, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(rq->ev), name);
}

static int
peer_uid(int fd, uid_t *out)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return -errno;
	*out = peer.uid;
	return 0;
}

int
http_peer_uid(const struct http_request *rq, uid_t *out)
{
	struct evhttp_connection *c = evhttp_request_get_connection(rq->ev);

	if (c == NULL)
		return -ENOTCONN;
	return peer_uid(bufferevent_getfd(evhttp_connection_get_bufferevent(c)), out);
}

struct span
http_body(struct http_request *rq)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(rq->ev);

	return (struct span){ (const char *)evbuffer_pullup(in, -1),
		evbuffer_get_length(in) };
}

struct span
http_query(const struct http_request *rq)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(rq->ev);

	return span_of(uri != NULL ? evhttp_uri_get_query(uri) : NULL);
}

int
http_query_number(const struct http_request *rq, const char *name, uint64_t *out)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(rq->ev);
	const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
	struct evkeyvalq pairs;
	const char *text;
	char *end;
	int r = 0;

	if (query == NULL)
		return -ENOENT;
	if (evhttp_parse_query_str(query, &pairs) != 0)
		return ERR_SYNTAX;
	text = evhttp_find_header(&pairs, name);
	if (text == NULL) {
		r = -ENOENT;
	} else {
		errno = 0;
		*out = strtoull(text, &end, 10);
		if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
			r = ERR_SYNTAX;
	}
	evhttp_clear_headers(&pairs);
	return r;
}

static bool
route_covers(const struct http_route *r, struct span path)
{
	struct span own = span_of(r->path);

	if (own.n > 0 && own.p[own.n - 1] == '/')
		return span_starts(path, own);
	return span_eq(path, own);
}

/* Call the first route for the path that has the method; 405, else 404, is answered here. */
static void
dispatch(struct http_server *s, struct http_request *rq, unsigned method)
{
	unsigned allowed = 0;

	for (size_t i = 0; i < s->o.n_routes; i++) {
		const struct http_route *r = &s->o.routes[i];
		unsigned methods = r->methods;

		if (!route_covers(r, rq->path))
			continue;
		if (methods & EVHTTP_REQ_GET)
			methods |= EVHTTP_REQ_HEAD;
		if (methods & method) {
			r->handle(rq, s->o.arg);
			return;
		}
		allowed |= methods;
	}
	if (allowed != 0)
		http_reply_method(rq, allowed);
	else
		http_reply_error(rq, 404, "not_found", "There is nothing at this path.");
}

/*
 * evhttp reads no body of these methods, and would take one for the next request: that
 * connection must not be gone on with.
 */
static bool
has_unread_body(const struct http_request *rq, unsigned method)
{
	const char *length = http_header(rq, "Content-Length");

	if (method & (EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH))
		return false;
	return http_header(rq, "Transfer-Encoding") != NULL ||
	    (length != NULL && strcmp(length, "0") != 0);
}

static void
on_request(struct evhttp_request *ev, void *arg)
{
	struct http_server *s = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(ev);
	const unsigned method = evhttp_request_get_command(ev);
	struct http_request rq = { .ev = ev };

	if (s->magic != HTTP_MAGIC)
		abort();
	rq.head = method == EVHTTP_REQ_HEAD;
	rq.path = span_of(uri != NULL ? evhttp_uri_get_path(uri) : NULL);
	if (has_unread_body(&rq, method)) {
		http_add_header(&rq, "Connection", "close");
		http_reply_error(
		    &rq, 400, "unexpected_body", "This method takes no body.");
		return;
	}
	dispatch(s, &rq, method);
}

/* --- answers that come later --- */

struct http_deferred {
	uint32_t magic;
	struct http_request rq;
	bool gone;
};

/* The connection ends: evhttp frees the request with it. */
static void
on_connection_end(struct evhttp_connection *c, void *arg)
{
	struct http_deferred *d = arg;

	(void)c;
	if (d->magic != HTTP_DEFERRED_MAGIC)
		abort();
	d->gone = true;
}

struct http_deferred *
http_defer(struct http_request *rq)
{
	struct evhttp_connection *c = evhttp_request_get_connection(rq->ev);
	struct http_deferred *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->magic = HTTP_DEFERRED_MAGIC;
	d->rq = *rq;
	d->gone = c == NULL;
	if (c != NULL)
		evhttp_connection_set_closecb(c, on_connection_end, d);
	return d;
}

bool
http_resume(struct http_deferred *d, struct http_request *rq_out)
{
	const bool there = !d->gone;

	if (d->magic != HTTP_DEFERRED_MAGIC)
		abort();
	if (there) {
		evhttp_connection_set_closecb(
		    evhttp_request_get_connection(d->rq.ev), NULL, NULL);
		*rq_out = d->rq;
	}
	d->magic = 0;
	free(d);
	return there;
}

static bool
peer_is_known(const struct http_server *s, int fd)
{
	uid_t uid = 0;

	if (peer_uid(fd, &uid) != 0)
		return false;
	for (size_t i = 0; i < s->o.n_uids; i++) {
		if (uid == s->o.uids[i])
			return true;
	}
	return false;
}

static void
unchecked_destroy(struct unchecked *u)
{
	LIST_REMOVE(u, link);
	bufferevent_decref(u->bev);
	free(u);
}

/* Close the connection of a stranger: to evhttp it looks as if the peer had gone. */
static void
on_check(evutil_socket_t none, short what, void *arg)
{
	struct unchecked *u = arg;
	struct http_server *s = u->server;

	(void)none;
	(void)what;
	if (s->magic != HTTP_MAGIC)
		abort();
	if (!peer_is_known(s, bufferevent_getfd(u->bev))) {
		log_write_limited(&s->strangers, HTTP_STRANGER_LINES, clock_mono_ms(),
		    LOG_LEVEL_WARN, "admin_stranger",
		    "closed a connection to the admin socket from another user");
		bufferevent_trigger_event(u->bev, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
	}
	unchecked_destroy(u);
}

/* Make the bufferevent of an accepted connection, NULL: evhttp makes a plain one. */
static struct bufferevent *
on_accept(struct event_base *base, void *arg)
{
	struct http_server *s = arg;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct unchecked *u = calloc(1, sizeof(*u));

	if (bev == NULL || u == NULL ||
	    event_base_once(base, -1, EV_TIMEOUT, on_check, u, NULL) != 0)
		abort(); /* without a check nobody gets in; the master starts another */
	u->server = s;
	u->bev = bev;
	bufferevent_incref(bev);
	LIST_INSERT_HEAD(&s->unchecked, u, link);
	return bev;
}

static void
on_accept_again(evutil_socket_t none, short what, void *arg)
{
	struct evconnlistener *listener = arg;

	(void)none;
	(void)what;
	evconnlistener_enable(listener);
}

/* Out of descriptors or memory: leave the queue alone for a second instead of spinning. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	const struct timeval pause = { .tv_sec = 1 };

	(void)arg;
	log_error("accept", "admin can't accept a connection: %s", err_text(-errno));
	evconnlistener_disable(listener);
	if (event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT,
		on_accept_again, listener, &pause) != 0)
		abort();
}

static void
set_bounds(struct http_server *s)
{
	evhttp_set_allowed_methods(s->evhttp,
	    EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
		EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS);
	evhttp_set_max_headers_size(s->evhttp, HTTP_HEADER_BYTES);
	evhttp_set_max_body_size(s->evhttp, HTTP_BODY_BYTES);
	evhttp_set_timeout(s->evhttp, HTTP_TIMEOUT_S);
	evhttp_set_default_content_type(s->evhttp, NULL);
}

int
http_server_create(
    struct event_base *base, const struct http_options *o, struct http_server **out)
{
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->magic = HTTP_MAGIC;
	s->base = base;
	s->o = *o;
	LIST_INIT(&s->unchecked);
	s->evhttp = evhttp_new(base);
	if (s->evhttp == NULL) {
		http_server_destroy(&s);
		return -ENOMEM;
	}
	set_bounds(s);
	evhttp_set_gencb(s->evhttp, on_request, s);
	if (o->uids != NULL)
		evhttp_set_bevcb(s->evhttp, on_accept, s);
	*out = s;
	return 0;
}

int
http_server_listen(struct http_server *s, int fd)
{
	struct evconnlistener *listener;

	if (evutil_make_socket_nonblocking(fd) != 0)
		return -errno;
	listener = evconnlistener_new(s->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (listener == NULL)
		return -ENOMEM;
	evconnlistener_set_error_cb(listener, on_accept_error);
	if (evhttp_bind_listener(s->evhttp, listener) == NULL) {
		evconnlistener_free(listener);
		return -ENOMEM;
	}
	return 0;
}

void
http_server_destroy(struct http_server **sp)
{
	struct http_server *s = *sp;

	if (s == NULL)
		return;
	while (!LIST_EMPTY(&s->unchecked))
		unchecked_destroy(LIST_FIRST(&s->unchecked));
	if (s->evhttp != NULL)
		evhttp_free(s->evhttp);
	s->magic = 0;
	free(s);
	*sp = NULL;
}
