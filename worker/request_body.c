/*
 * A request's way upstream: its head built, its body held and sent whole, or passed
 * on as it comes. See exchange_state.h.
 */
#include "worker/exchange_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/forward.h"

/* A body up to this is held and sent whole. */
enum { EXCHANGE_HELD_MAX = 64 * 1024 };

int
buf_add(struct worker_env *env, struct exchange_buf *b, struct span s, size_t cap_hint)
{
	if (b->n + s.n > b->cap) {
		size_t cap = b->cap == 0 ? cap_hint : b->cap * 2;
		char *p;

		if (cap < b->n + s.n)
			cap = b->n + s.n;
		p = realloc(b->p, cap);
		if (p == NULL)
			return -ENOMEM;
		env_hold(env, cap - b->cap);
		b->p = p;
		b->cap = cap;
	}
	if (s.n > 0)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
	return 0;
}

void
buf_free(struct worker_env *env, struct exchange_buf *b)
{
	env_release(env, b->cap);
	free(b->p);
	*b = (struct exchange_buf){ 0 };
}

/* Hand head and what is held of the body over; the body may go on. */
static void
submit(struct exchange *x, bool complete)
{
	struct worker_env *env = x->env;
	char *held = x->head.p;
	size_t n = x->head.n;

	/* The call accounts for n bytes from here on. */
	env_release(env, x->head.cap - n);
	x->head = (struct exchange_buf){ 0 };
	x->state = complete ? EXCHANGE_WAIT : EXCHANGE_PASS;
	x->passing = !complete;
	if (upstream_start(x->to_admin ? env->admin : env->api, &x->call, &answer_ops, x,
		x->method, held, n, complete) != 0)
		exchange_fail(x, REPLY_NO_MEMORY, NULL);
	else
		x->overhead_ns += clock_mono_ns() - x->env->now_ns;
}

/* Close a chunked body's open head, and put what is held of the body behind it. */
static int
join_body(struct exchange *x, enum http1_framing framing)
{
	char text[64];
	struct sb out = sb_init(text, sizeof(text));
	int r;

	forward_framing(&out, framing, x->body.n);
	if (framing == HTTP1_CHUNKED && x->body.n > 0)
		forward_chunk(&out, x->body.n);
	r = buf_add(x->env, &x->head, (struct span){ out.p, out.n }, 0);
	if (r == 0)
		r = buf_add(x->env, &x->head, (struct span){ x->body.p, x->body.n }, 0);
	if (r == 0 && framing == HTTP1_CHUNKED && x->body.n > 0)
		r = buf_add(x->env, &x->head, SPAN("\r\n"), 0);
	buf_free(x->env, &x->body);
	return r;
}

/* The body is not held (any longer): what follows is passed on as it comes. */
static void
begin_passing(struct exchange *x)
{
	if (x->body_framing == HTTP1_CHUNKED && join_body(x, HTTP1_CHUNKED) != 0) {
		exchange_fail(x, REPLY_NO_MEMORY, NULL);
		return;
	}
	submit(x, false);
	if (x->state == EXCHANGE_PASS && upstream_congested(&x->call))
		client_pause(x->client);
}

/* What comes behind a chunk's data, and behind the last chunk. */
static struct span
chunk_end(bool data, bool end)
{
	if (!data)
		return end ? SPAN("0\r\n\r\n") : (struct span){ 0 };
	return end ? SPAN("\r\n0\r\n\r\n") : SPAN("\r\n");
}

/* Pass some of the body on. */
static void
pass_body(struct exchange *x, struct span data, bool end)
{
	char text[32];
	struct sb size = sb_init(text, sizeof(text));
	struct span pieces[] = { { 0 }, data, { 0 } };

	if (x->body_framing != HTTP1_LENGTH) {
		if (data.n > 0)
			forward_chunk(&size, data.n);
		pieces[0] = (struct span){ size.p, size.n };
		pieces[2] = chunk_end(data.n > 0, end);
	}
	upstream_send(&x->call, pieces, sizeof(pieces) / sizeof(pieces[0]), end);
	if (end) {
		x->passing = false;
		if (x->state == EXCHANGE_PASS)
			x->state = EXCHANGE_WAIT;
	} else if (upstream_congested(&x->call)) {
		client_pause(x->client);
	}
}

void
request_on_writable(struct exchange *x)
{
	if (x->passing && x->client != NULL)
		client_resume(x->client);
}

/* Collect some of the body. */
static void
hold_body(struct exchange *x, struct span data, bool end)
{
	bool chunked = x->body_framing == HTTP1_CHUNKED;
	int r = buf_add(x->env, chunked ? &x->body : &x->head, data, 4096);

	if (r == 0 && end && chunked)
		r = join_body(x, HTTP1_LENGTH);
	if (r != 0)
		exchange_fail(x, REPLY_NO_MEMORY, NULL);
	else if (end)
		submit(x, true);
	else if (x->body.n > EXCHANGE_HELD_MAX || env_short(x->env))
		begin_passing(x); /* the body is long, or memory is short */
}

/* The meter looks for the model's name and include_usage. Upstream reads a body that is
 * no form as JSON, whatever its Content-Type says, and so do we. */
static void
begin_metering(struct exchange *x, const struct http1_head *head)
{
	const struct http1_field *type = http1_find(head, SPAN("content-type"), NULL);
	struct span boundary = { 0 };
	enum meter_format f = METER_JSON;

	if (x->to_admin || head->framing == HTTP1_NO_BODY)
		f = METER_NONE;
	else if (type != NULL && meter_format_of(type->value, &boundary) == METER_MULTIPART)
		f = METER_MULTIPART;
	meter_request_init(&x->meter.request, f, boundary);
}

void
request_forward(struct exchange *x, const struct http1_head *head)
{
	struct worker_env *env = x->env;
	struct span id = { x->request_id, x->request_id_n };
	struct sb out = sb_init(env->scratch, ENV_SCRATCH);
	struct forward_origin origin = { .client = x->addr, .https = x->https };
	bool hold =
	    (head->framing != HTTP1_LENGTH || head->content_length <= EXCHANGE_HELD_MAX) &&
	    !env_short(env);
	size_t cap;

	if (x->to_admin)
		forward_admin_request(&out, head, id, &origin);
	else
		forward_request(
		    &out, env->cfg, head, x->client_id ? id : (struct span){ 0 });
	begin_metering(x, head);
	x->body_framing = head->framing;
	if (head->framing != HTTP1_CHUNKED)
		forward_framing(&out, head->framing, head->content_length);
	cap = out.n;
	if (hold && head->framing == HTTP1_LENGTH)
		cap += head->content_length;
	if (out.over || buf_add(env, &x->head, (struct span){ out.p, out.n }, cap) != 0) {
		exchange_fail(x, REPLY_NO_MEMORY, NULL);
		return;
	}
	if (head->framing == HTTP1_NO_BODY ||
	    (head->framing == HTTP1_LENGTH && head->content_length == 0))
		submit(x, true);
	else if (hold)
		x->state = EXCHANGE_HOLD;
	else
		begin_passing(x);
	if (x->state != EXCHANGE_OVER && x->expects_continue) {
		x->expects_continue = false;
		client_send_continue(x->client);
	}
}

void
request_on_body(struct exchange *x, struct span data, bool end)
{
	if (x->state == EXCHANGE_HOLD || x->state == EXCHANGE_PASS)
		meter_request_feed(&x->meter.request, data);
	if (x->state == EXCHANGE_HOLD)
		hold_body(x, data, end);
	else if (x->passing)
		pass_body(x, data, end);
}
