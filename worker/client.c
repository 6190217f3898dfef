/*
 * A client's connection; see client.h. Reads are registered once, level-triggered;
 * the write event exists only while something is pending. Freed through the
 * graveyard, so every function may still look at c->state after a callback.
 */
#include "worker/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event_struct.h>

enum {
	CLIENT_MAGIC = 0x636c6e74,
	CLIENT_DISCARD_MS = 10000 /* how long the rest of a body is thrown away */
};

enum client_state {
	CLIENT_HEAD,    /* handshake, idle, or reading a head */
	CLIENT_BODY,    /* a request is in flight, its body is coming */
	CLIENT_ANSWER,  /* its body is complete, its answer is not */
	CLIENT_DISCARD, /* it is answered, the rest of its body is thrown away */
	CLIENT_CLOSING, /* the last bytes are on their way out */
	CLIENT_LINGER,  /* all is sent; what still comes is thrown away until FIN */
	CLIENT_DEAD,
};

struct client {
	struct env_grave grave; /* first: the graveyard casts back */
	uint32_t magic;
	uint8_t state; /* enum client_state */
	bool keep;     /* after DISCARD: another request may follow */
	bool paused;   /* the owner wants no more body now */
	bool pumping;  /* client_pump is on the stack */
	bool reading;  /* read_event watches for data, not just for the end */
	bool doomed;   /* a write failed: on_gone comes from the loop */
	bool no_linger;
	bool reset;
	struct worker_env *env;
	struct client_list *list;
	struct client *next, *prev;
	const struct client_port *port;
	const struct client_ops *ops;
	void *request;
	void (*on_closed)(void *arg, const struct addr *addr);
	void *on_closed_arg;
	struct wire wire;
	struct http1 http;
	struct event read_event, write_event;
	struct wheel_entry timer;
	struct addr addr;
	char *in; /* bytes that wait to be worked off; NULL mostly */
	size_t in_n, in_cap;
	uint64_t discarded;
};

static void client_pump(struct client *c, struct span fresh);
static void on_timer(struct wheel_entry *e);

static struct client *
client_check(void *arg)
{
	struct client *c = arg;

	if (c->magic != CLIENT_MAGIC)
		abort();
	return c;
}

static void
client_free(struct env_grave *g)
{
	struct client *c = (struct client *)g;

	c->magic = 0;
	free(c);
}

/* Close and bury. The owner must have let go. */
static void
client_destroy(struct client *c)
{
	if (c->state == CLIENT_DEAD)
		return;
	c->state = CLIENT_DEAD;
	event_del(&c->read_event);
	event_del(&c->write_event);
	wheel_cancel(&c->env->wheel, &c->timer);
	wire_fini(&c->wire, c->reset);
	free(c->in);
	c->in = NULL;
	c->in_n = 0;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->list->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->list->n--;
	c->on_closed(c->on_closed_arg, &c->addr);
	env_bury(c->env, &c->grave, client_free);
}

/* The connection is of no use any more. */
static void
client_lost(struct client *c)
{
	if (c->request != NULL) {
		c->ops->on_gone(c);
		c->request = NULL;
	}
	client_destroy(c);
}

/* Have on_gone told from the loop: the owner is on the stack right now. */
static void
client_doom(struct client *c)
{
	c->doomed = true;
	event_active(&c->read_event, EV_READ, 0);
}

static void
set_timer(struct client *c, uint64_t ms)
{
	wheel_set(&c->env->wheel, &c->timer, c->env->now_ms + ms, on_timer);
}

static void on_ready(evutil_socket_t fd, short what, void *arg);

/* Watch for data, or only for the client's leaving. */
static void
watch_read(struct client *c, bool data)
{
	if (c->reading == data || c->state == CLIENT_DEAD)
		return;
	event_del(&c->read_event);
	event_assign(&c->read_event, c->env->base, c->wire.fd,
	    (short)((data ? EV_READ : EV_CLOSED) | EV_PERSIST), on_ready, c);
	if (event_add(&c->read_event, NULL) != 0)
		client_doom(c);
	c->reading = data;
}

/* All is sent: close, or wait until the client has seen it. */
static void
finish_closing(struct client *c)
{
	if (c->no_linger || c->reset) {
		client_destroy(c);
		return;
	}
	c->state = CLIENT_LINGER;
	(void)shutdown(c->wire.fd, SHUT_WR); /* fails only when it is gone anyway */
	watch_read(c, true);
	set_timer(c, CLIENT_DISCARD_MS);
}

/* After a write: wait for the kernel if it did not take all. */
static void
after_write(struct client *c, int r)
{
	if (r != 0) {
		client_doom(c);
		return;
	}
	if (wire_pending(&c->wire) == 0)
		return;
	if (event_add(&c->write_event, NULL) != 0)
		client_doom(c);
	set_timer(c, c->env->cfg->idle_timeout_ms);
}

void
client_write(struct client *c, struct span head, struct span body)
{
	if (c->doomed || c->state == CLIENT_DEAD)
		return;
	after_write(c, wire_write(&c->wire, head, body));
}

/* The request is over and its connection goes on: to the rest of its body, or to
 * the next head. */
static void
next_request(struct client *c)
{
	if (c->state == CLIENT_BODY) {
		c->state = CLIENT_DISCARD;
		c->keep = true;
		c->discarded = 0;
		set_timer(c, CLIENT_DISCARD_MS);
	} else {
		c->state = CLIENT_HEAD;
		set_timer(c, c->env->cfg->idle_timeout_ms);
	}
	c->paused = false;
	if (!c->pumping) {
		watch_read(c, true);
		client_pump(c, (struct span){ 0 });
	}
}

/* The request is over and so is the connection, once all is sent. */
static void
close_after(struct client *c, bool unread)
{
	c->state = CLIENT_CLOSING;
	c->no_linger = !unread;
	c->paused = false;
	if (c->doomed)
		return;
	if (wire_pending(&c->wire) == 0)
		finish_closing(c);
	else
		watch_read(c, false);
}

void
client_end(struct client *c, struct span head, struct span body, bool keep)
{
	bool unread = c->state == CLIENT_BODY || c->in_n > 0;

	if (c->state == CLIENT_DEAD)
		return;
	c->request = NULL;
	if (c->doomed)
		return;
	keep = keep && !c->env->draining;
	after_write(c, keep ? wire_write(&c->wire, head, body)
			    : wire_write_last(&c->wire, head, body));
	if (c->doomed)
		return;
	if (keep)
		next_request(c);
	else
		close_after(c, unread);
}

void
client_abort(struct client *c, struct span tail, bool reset)
{
	if (c->state == CLIENT_DEAD)
		return;
	c->request = NULL;
	if (c->doomed)
		return;
	after_write(c, wire_write(&c->wire, tail, (struct span){ 0 }));
	if (c->doomed)
		return;
	c->reset = reset;
	close_after(c, c->state == CLIENT_BODY);
}

size_t
client_pending(const struct client *c)
{
	return c->state == CLIENT_DEAD ? 0 : wire_pending(&c->wire);
}

void
client_pause(struct client *c)
{
	if (c->state != CLIENT_BODY || c->paused)
		return;
	c->paused = true;
	if (!c->pumping)
		watch_read(c, false);
	wheel_cancel(&c->env->wheel, &c->timer); /* we are the slow one now */
}

void
client_resume(struct client *c)
{
	if (c->state != CLIENT_BODY || !c->paused)
		return;
	c->paused = false;
	set_timer(c, c->env->cfg->body_timeout_ms);
	if (!c->pumping) {
		watch_read(c, true);
		client_pump(c, (struct span){ 0 });
	}
}

void
client_send_continue(struct client *c)
{
	if (c->state == CLIENT_BODY && c->in_n == 0)
		client_write(
		    c, SPAN("HTTP/1.1 100 Continue\r\n\r\n"), (struct span){ 0 });
}

/* Tell the owner of a fault; whoever has no request has begun none. */
static void
client_fault(struct client *c, enum client_fault f, enum http1_fault head)
{
	c->ops->on_fault(c, f, head);
	if (c->state == CLIENT_HEAD || c->state == CLIENT_BODY ||
	    c->state == CLIENT_ANSWER)
		client_abort(c, (struct span){ 0 }, false);
}

/* A head at the front of s. Returns bytes used; 0: more is needed, or it is over. */
static size_t
pump_head(struct client *c, struct span s)
{
	struct http1_head head;
	enum http1_fault fault = HTTP1_OK;
	int r;

	r = http1_read_head(
	    &c->http, s.p, s.n, c->env->cfg->max_header, false, &head, &fault);
	if (r == ERR_MORE)
		return 0;
	if (r != 0) {
		client_fault(c, CLIENT_BAD_HEAD, fault);
		return 0;
	}
	if (http1_body_done(&c->http)) {
		c->state = CLIENT_ANSWER;
		wheel_cancel(&c->env->wheel, &c->timer);
	} else {
		c->state = CLIENT_BODY;
		set_timer(c, c->env->cfg->body_timeout_ms);
	}
	c->ops->on_head(c, &head);
	return head.bytes;
}

/* Some of a body at the front of s. */
static size_t
pump_body(struct client *c, struct span s)
{
	struct span data = { 0 };
	size_t used = 0;
	bool end = false;

	if (http1_read_body(&c->http, s.p, s.n, &used, &data, &end) != 0) {
		client_fault(c, CLIENT_BAD_BODY, HTTP1_BAD);
		return 0;
	}
	if (end) {
		c->state = CLIENT_ANSWER;
		wheel_cancel(&c->env->wheel, &c->timer);
	} else {
		set_timer(c, c->env->cfg->body_timeout_ms);
	}
	if (data.n > 0 || end)
		c->ops->on_body(c, data, end);
	return used;
}

/* The rest of a body that nobody wants. */
static size_t
pump_discard(struct client *c, struct span s)
{
	struct span data = { 0 };
	size_t used = 0;
	bool end = false;

	if (http1_read_body(&c->http, s.p, s.n, &used, &data, &end) != 0) {
		client_destroy(c);
		return 0;
	}
	c->discarded += used;
	if (end) {
		c->state = CLIENT_HEAD;
		set_timer(c, c->env->cfg->idle_timeout_ms);
	} else if (c->discarded > c->env->cfg->max_body) {
		client_destroy(c);
	}
	return used;
}

/* Work off s as far as the state allows. Returns bytes used. */
static size_t
pump_span(struct client *c, struct span s)
{
	size_t used = 0;

	while (used < s.n) {
		struct span rest = { s.p + used, s.n - used };
		size_t step = 0;

		switch ((enum client_state)c->state) {
		case CLIENT_HEAD: step = c->doomed ? 0 : pump_head(c, rest); break;
		case CLIENT_BODY: step = c->paused ? 0 : pump_body(c, rest); break;
		case CLIENT_DISCARD: step = pump_discard(c, rest); break;
		case CLIENT_ANSWER: return used;
		case CLIENT_CLOSING:
		case CLIENT_LINGER:
		case CLIENT_DEAD: return s.n;
		}
		if (step == 0)
			break;
		used += step;
	}
	return used;
}

/* Keep the bytes that could not be worked off. Returns 0 or -ENOMEM. */
static int
keep_rest(struct client *c, struct span rest)
{
	if (rest.n == 0) {
		free(c->in);
		c->in = NULL;
		c->in_n = 0;
		c->in_cap = 0;
		return 0;
	}
	if (rest.n > c->in_cap) {
		char *p = malloc(rest.n);

		if (p == NULL)
			return -ENOMEM;
		memcpy(p, rest.p, rest.n);
		free(c->in);
		c->in = p;
		c->in_cap = rest.n;
	} else {
		memmove(c->in, rest.p, rest.n);
	}
	c->in_n = rest.n;
	return 0;
}

/* Put fresh behind what waits. Returns 0 or -ENOMEM. */
static int
append_in(struct client *c, struct span fresh)
{
	if (c->in_n + fresh.n > c->in_cap) {
		size_t cap = c->in_n + fresh.n;
		char *p = realloc(c->in, cap);

		if (p == NULL)
			return -ENOMEM;
		c->in = p;
		c->in_cap = cap;
	}
	memcpy(c->in + c->in_n, fresh.p, fresh.n);
	c->in_n += fresh.n;
	return 0;
}

/* Part of a head waits: its time runs from its first byte. */
static void
await_rest_of_head(struct client *c, bool first)
{
	if (first)
		set_timer(c, c->env->cfg->header_timeout_ms);
}

/* Work off what waits and fresh (may be empty) behind it. */
static void
client_pump(struct client *c, struct span fresh)
{
	struct span all = fresh;
	bool had_rest = c->in_n > 0;
	size_t used;
	int r = 0;

	if (had_rest && fresh.n > 0)
		r = append_in(c, fresh);
	if (r != 0) {
		client_lost(c);
		return;
	}
	if (had_rest)
		all = (struct span){ c->in, c->in_n };
	if (all.n == 0)
		return;
	c->pumping = true;
	used = pump_span(c, all);
	c->pumping = false;
	if (c->state == CLIENT_DEAD)
		return;
	if (keep_rest(c, (struct span){ all.p + used, all.n - used }) != 0) {
		client_lost(c);
		return;
	}
	if (c->state == CLIENT_HEAD && c->in_n > 0)
		await_rest_of_head(c, !had_rest || used > 0);
	/* Read on only for somebody who wants it; the end is always watched for. */
	watch_read(
	    c, !(c->state == CLIENT_BODY && c->paused) &&
		   !(c->state == CLIENT_ANSWER && c->in_n >= c->env->cfg->max_header) &&
		   c->state != CLIENT_CLOSING);
}

/* What the client sends after we have said all is thrown away unread. */
static void
linger_read(struct client *c)
{
	ssize_t n = recv(c->wire.fd, c->env->io.cipher, 16384, 0);

	if (n > 0)
		c->discarded += (uint64_t)n;
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR) ||
	    c->discarded > c->env->cfg->max_body)
		client_destroy(c);
}

static void
read_some(struct client *c)
{
	struct span data = { 0 };
	int r = wire_read(&c->wire, &data);

	if (r == -EAGAIN)
		return;
	if (r == ERR_SYNTAX) {
		wire_make_plain(&c->wire);
		client_fault(c, CLIENT_HTTP_ON_TLS, HTTP1_OK);
		return;
	}
	if (r != 0) {
		client_lost(c);
		return;
	}
	client_pump(c, data);
	if (c->state != CLIENT_DEAD && c->state != CLIENT_LINGER &&
	    c->state != CLIENT_CLOSING && wire_has_more(&c->wire))
		client_lost(c);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = client_check(arg);

	(void)fd;
	env_now(c->env);
	if (c->state == CLIENT_DEAD)
		return;
	if (c->doomed || (what & EV_CLOSED) != 0) {
		client_lost(c);
		return;
	}
	if (c->state == CLIENT_LINGER)
		linger_read(c);
	else if (c->state != CLIENT_CLOSING)
		read_some(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = client_check(arg);

	(void)fd;
	(void)what;
	env_now(c->env);
	if (c->state == CLIENT_DEAD)
		return;
	if (wire_flush(&c->wire) != 0) {
		client_lost(c);
		return;
	}
	if (wire_pending(&c->wire) > 0) {
		set_timer(c, c->env->cfg->idle_timeout_ms);
		return;
	}
	event_del(&c->write_event);
	if (c->state == CLIENT_CLOSING) {
		finish_closing(c);
		return;
	}
	if (c->state == CLIENT_ANSWER)
		wheel_cancel(&c->env->wheel, &c->timer);
	if (c->request != NULL)
		c->ops->on_drained(c);
}

static void
on_timer(struct wheel_entry *e)
{
	struct client *c = client_check((char *)e - offsetof(struct client, timer));

	if (wire_pending(&c->wire) > 0) { /* it does not read what we send */
		client_lost(c);
		return;
	}
	switch ((enum client_state)c->state) {
	case CLIENT_HEAD:
		if (c->in_n > 0)
			client_fault(c, CLIENT_HEAD_TIMEOUT, HTTP1_OK);
		else
			client_lost(c);
		return;
	case CLIENT_BODY: client_fault(c, CLIENT_BODY_TIMEOUT, HTTP1_OK); return;
	case CLIENT_ANSWER: return; /* upstream's time-outs decide */
	case CLIENT_DISCARD:
	case CLIENT_CLOSING:
	case CLIENT_LINGER: client_lost(c); return;
	case CLIENT_DEAD: return;
	}
}

/* Make the events and the wire. Returns 0 or -ENOMEM; the socket is c's then. */
static int
client_attach(struct client *c, int fd)
{
	SSL *ssl = NULL;

	if (c->port->tls && (ssl = tls_server_new(c->env->tls)) == NULL) {
		close(fd);
		return -ENOMEM;
	}
	if (wire_init(&c->wire, &c->env->io, fd, ssl) != 0)
		return -ENOMEM;
	c->reading = true;
	event_assign(
	    &c->write_event, c->env->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	event_assign(&c->read_event, c->env->base, fd, EV_READ | EV_PERSIST, on_ready, c);
	if (event_add(&c->read_event, NULL) == 0)
		return 0;
	wire_fini(&c->wire, false);
	return -ENOMEM;
}

int
client_open(struct worker_env *env, struct client_list *list,
    const struct client_port *port, const struct client_ops *ops, int fd,
    const struct addr *addr, void (*on_closed)(void *arg, const struct addr *addr),
    void *arg)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return -ENOMEM;
	}
	c->magic = CLIENT_MAGIC;
	c->env = env;
	c->list = list;
	c->port = port;
	c->ops = ops;
	c->addr = *addr;
	c->on_closed = on_closed;
	c->on_closed_arg = arg;
	http1_init(&c->http, HTTP1_REQUEST);
	if (client_attach(c, fd) != 0) {
		free(c);
		return -ENOMEM;
	}
	c->next = list->first;
	if (c->next != NULL)
		c->next->prev = c;
	list->first = c;
	list->n++;
	set_timer(c, env->cfg->header_timeout_ms);
	return 0;
}

void
client_set_request(struct client *c, void *request)
{
	c->request = request;
}

void *
client_request(const struct client *c)
{
	return c->request;
}

struct worker_env *
client_env(const struct client *c)
{
	return c->env;
}

const struct addr *
client_addr(const struct client *c)
{
	return &c->addr;
}

const struct client_port *
client_port(const struct client *c)
{
	return c->port;
}

void
client_list_drain(struct client_list *list, uint64_t grace_ms)
{
	struct client *next;

	for (struct client *c = list->first; c != NULL; c = next) {
		next = c->next;
		if (c->state != CLIENT_HEAD || c->in_n > 0 || !c->wire.handshaken)
			continue;
		if (grace_ms == 0)
			client_destroy(c);
		else
			set_timer(c, grace_ms);
	}
}

void
client_list_close(struct client_list *list)
{
	struct client *next;

	for (struct client *c = list->first; c != NULL; c = next) {
		next = c->next;
		client_lost(c);
	}
}
