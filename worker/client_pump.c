/*
 * Bytes that come from a client, in the order of HTTP/1 messages: heads, bodies,
 * pipelined requests, and what nobody wants. See client_state.h.
 */
#include "worker/client_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
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
	c->state = http1_body_done(&c->http) ? CLIENT_ANSWER : CLIENT_BODY;
	client_set_body_timer(c);
	c->body_here = s.n > head.bytes;
	c->pace = (struct pace){ 0 };
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
	if (end)
		c->state = CLIENT_ANSWER;
	client_set_body_timer(c);
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
		client_set_idle_timer(c);
	} else if (c->discarded > c->env->cfg->max_body) {
		client_destroy(c);
	}
	return used;
}

/*
 * Work off s as far as the state allows. Returns bytes used. A request is begun only
 * when the answers before it have left: who does not read them is not answered more.
 */
static size_t
pump_span(struct client *c, struct span s)
{
	size_t used = 0;

	while (used < s.n && !c->doomed) {
		struct span rest = { s.p + used, s.n - used };
		size_t step = 0;

		switch ((enum client_state)c->state) {
		case CLIENT_HEAD:
			step = wire_all_taken(&c->wire) ? pump_head(c, rest) : 0;
			break;
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
		client_free_in(c);
	} else if (rest.n > c->in_cap) {
		char *p = malloc(rest.n);

		if (p == NULL)
			return -ENOMEM;
		memcpy(p, rest.p, rest.n);
		client_free_in(c);
		env_hold(c->env, rest.n);
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
		env_hold(c->env, cap - c->in_cap);
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
		client_set_timer(c, c->env->cfg->header_timeout_ms);
}

void
client_next_head(struct client *c)
{
	if (c->in_n == 0) {
		client_set_idle_timer(c);
		return;
	}
	client_set_timer(c, c->env->cfg->header_timeout_ms);
	client_pump(c, (struct span){ 0 });
}

/* Can what the client sends be worked off, or at least be kept? */
static bool
wants_data(const struct client *c)
{
	const bool room = c->in_n < c->env->cfg->max_header;

	switch ((enum client_state)c->state) {
	case CLIENT_HEAD: return room || wire_pending(&c->wire) == 0;
	case CLIENT_BODY: return !c->paused;
	case CLIENT_ANSWER: return room;
	case CLIENT_DISCARD:
	case CLIENT_LINGER: return true;
	case CLIENT_CLOSING:
	case CLIENT_DEAD: break;
	}
	return false;
}

void
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
	if (c->state == CLIENT_HEAD && c->in_n > 0 && wire_pending(&c->wire) == 0)
		await_rest_of_head(c, !had_rest || used > 0);
	/* Read on only for somebody who wants it; the end is always watched for. */
	client_watch(c, wants_data(c));
}
