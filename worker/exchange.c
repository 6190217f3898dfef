/*
 * A request from its head to upstream; see exchange.h. The order: route, transport,
 * method, key, limits, size - all judged on the head, before a byte of body is read.
 */
#include "worker/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/exchange_state.h"
#include "worker/forward.h"
#include "worker/gate.h"
#include "worker/peer.h"

enum {
	EXCHANGE_MAGIC = 0x65786368,
	EXCHANGE_HELD_MAX = 64 * 1024, /* a body up to this is held and sent whole */
	GENERATED_ID_BYTES = 32
};

struct exchange *
exchange_check(void *arg)
{
	struct exchange *x = arg;

	if (x->magic != EXCHANGE_MAGIC)
		abort();
	return x;
}

/* --- memory --- */

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

static void
exchange_free(struct env_grave *g)
{
	struct exchange *x = (struct exchange *)g;

	x->magic = 0;
	free(x);
}

void
exchange_finish(struct exchange *x)
{
	if (x->state == EXCHANGE_OVER)
		return;
	x->state = EXCHANGE_OVER;
	upstream_cancel(&x->call);
	wheel_cancel(&x->env->wheel, &x->keepalive);
	access_log(x);
	buf_free(x->env, &x->head);
	buf_free(x->env, &x->body);
	buf_free(x->env, &x->shaped);
	free(x->origin_copy);
	x->client = NULL;
	atomic_fetch_sub_explicit(
	    &x->env->row->requests_in_flight, 1, memory_order_relaxed);
	env_bury(x->env, &x->grave, exchange_free);
}

/* --- answering --- */

struct reply_context
exchange_context(const struct exchange *x)
{
	const struct config *cfg = x->env->cfg;

	return (struct reply_context){
		.request_id = { x->request_id, x->request_id_n },
		.dialect = x->match.dialect,
		.minor = x->minor,
		.keep_alive = x->keep_alive && !x->env->draining,
		.head = x->method == HTTP_HEAD,
		.hsts = x->https || cfg->force_https,
		.cors_origin = span_of(x->cors_origin),
		.now_ms = clock_wall_ms(),
		.rate = x->rate,
	};
}

void
exchange_end(struct exchange *x, struct span out, struct span body, bool keep)
{
	struct client *c = x->client;

	x->bytes_out += out.n + body.n;
	exchange_finish(x);
	client_end(c, out, body, keep);
}

void
exchange_break(struct exchange *x)
{
	struct client *c = x->client;
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);
	/* On HTTP/1.0 a plain FIN would look like the proper end. */
	bool reset = x->answer_close && !x->https;

	if (x->sse && !x->at_event_end) /* end the event that was cut */
		sb_str(&out, x->out_chunked ? "2\r\n\n\n\r\n" : "\n\n");
	if (x->sse)
		reply_stream_error(&out, &ctx, x->out_chunked);
	x->bytes_out += out.n;
	exchange_finish(x);
	client_abort(c, (struct span){ out.p, out.n }, reset);
}

void
exchange_fail(struct exchange *x, enum reply_error e, const struct reply_detail *detail)
{
	static const struct reply_detail none = { 0 };
	struct reply_context ctx;
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	/* A client that waits for 100 Continue may send its body, or its next
	 * request: there is no telling them apart. */
	if (x->expects_continue)
		x->keep_alive = false;
	ctx = exchange_context(x);
	x->status = reply_error_status(e);
	reply_error(&out, &ctx, e, detail != NULL ? detail : &none);
	exchange_end(
	    x, (struct span){ out.p, out.n }, (struct span){ 0 }, ctx.keep_alive);
}

static void
answer_json(struct exchange *x, unsigned status, struct span body)
{
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	x->status = status;
	reply_json(&out, &ctx, status, body);
	exchange_end(
	    x, (struct span){ out.p, out.n }, (struct span){ 0 }, ctx.keep_alive);
}

/* --- what is answered here --- */

static void
answer_health(struct exchange *x)
{
	bool draining = atomic_load_explicit(
			    &x->env->shared->state->draining, memory_order_relaxed) != 0;

	if (draining)
		answer_json(x, 503, SPAN("{\"status\":\"draining\"}"));
	else
		answer_json(x, 200, SPAN("{\"status\":\"healthy\"}"));
}

static void
answer_ready(struct exchange *x)
{
	const struct state *st = x->env->shared->state;
	const struct scoreboard_row *row = x->env->row;
	uint64_t ok = atomic_load_explicit(&row->upstream_ok_ms, memory_order_relaxed);
	uint64_t fail =
	    atomic_load_explicit(&row->upstream_fail_ms, memory_order_relaxed);

	if (atomic_load_explicit(&st->draining, memory_order_relaxed) != 0)
		answer_json(
		    x, 503, SPAN("{\"status\":\"not ready\",\"reason\":\"draining\"}"));
	else if (ok == 0 && fail == 0)
		answer_json(
		    x, 503, SPAN("{\"status\":\"not ready\",\"reason\":\"starting\"}"));
	else if (ok < fail)
		answer_json(
		    x, 503, SPAN("{\"status\":\"not ready\",\"reason\":\"upstream\"}"));
	else
		answer_json(x, 200, SPAN("{\"status\":\"ready\"}"));
}

static void
put_time(struct sb *out, const char *name, int64_t ms)
{
	SB_LIT(out, ",\"");
	sb_str(out, name);
	SB_LIT(out, "\":");
	if (ms == 0) {
		SB_LIT(out, "null");
		return;
	}
	sb_i64(out, ms / 1000);
	if (ms % 1000 != 0)
		sb_printf(out, ".%03d", (int)(ms % 1000));
}

static void
answer_key_info(struct exchange *x, const struct keyring_entry *e)
{
	char text[4096];
	struct sb out = sb_init(text, sizeof(text));

	SB_LIT(&out, "{\"key_id\":\"");
	sb_json(&out, span_of(e->key.id));
	SB_LIT(&out, "\"");
	put_time(&out, "created_at", e->key.created_ms);
	put_time(&out, "expires_at", e->key.expires_ms);
	SB_LIT(&out, ",\"rate_limit\":");
	if (e->key.rate_limit == KEY_NO_LIMIT)
		SB_LIT(&out, "null");
	else
		sb_i64(&out, e->key.rate_limit);
	SB_LIT(&out, ",\"description\":\"");
	sb_json(&out, span_of(e->key.description));
	SB_LIT(&out, "\",\"enabled\":true}");
	answer_json(x, 200, (struct span){ out.p, out.n });
}

/* --- credentials --- */

/* Know the key or answer: false means that x is answered. */
static bool
admit_key(struct exchange *x, const struct http1_head *head, struct keyring_entry *entry)
{
	struct span secret = { 0 };
	enum gate_identity who = gate_secret(head, &secret);

	if (who == GATE_KNOWN)
		who = gate_identify(shared_keyring(x->env->shared->published), secret,
		    clock_wall_ms(), entry);
	switch (who) {
	case GATE_KNOWN: break;
	case GATE_MISSING: exchange_fail(x, REPLY_NO_KEY, NULL); return false;
	case GATE_WRONG: exchange_fail(x, REPLY_BAD_KEY, NULL); return false;
	case GATE_DOUBLED:
		exchange_fail(x, REPLY_DUPLICATE_CREDENTIAL, NULL);
		return false;
	}
	memcpy(x->key_id, entry->key.id, sizeof(x->key_id));
	return true;
}

/* --- to upstream --- */

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
	if (upstream_start(x->to_admin ? env->admin : env->api, &x->call, &answer_ops, x,
		x->method, held, n, complete) != 0)
		exchange_fail(x, REPLY_NO_MEMORY, NULL);
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

/* Pass some of the body on. */
static void
pass_body(struct exchange *x, struct span data, bool end)
{
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	if (x->body_framing == HTTP1_LENGTH) {
		upstream_send(&x->call, (struct span){ 0 }, data, end);
	} else {
		if (data.n > 0) {
			forward_chunk(&out, data.n);
			sb_span(&out, data);
			SB_LIT(&out, "\r\n");
		}
		if (end)
			SB_LIT(&out, "0\r\n\r\n");
		upstream_send(
		    &x->call, (struct span){ out.p, out.n }, (struct span){ 0 }, end);
	}
	if (end)
		x->state = EXCHANGE_WAIT;
	else if (upstream_congested(&x->call))
		client_pause(x->client);
}

void
exchange_on_writable(struct exchange *x)
{
	if (x->state == EXCHANGE_PASS && x->client != NULL)
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

/*
 * Build the request for upstream. A body of known length up to the limit is
 * collected behind its head in one buffer of just that size; a longer one passes.
 */
static void
begin_forward(struct exchange *x, const struct http1_head *head)
{
	struct worker_env *env = x->env;
	struct span id = { x->request_id, x->request_id_n };
	struct sb out = sb_init(env->scratch, ENV_SCRATCH);
	struct forward_origin origin = { .client = x->addr, .https = x->https };
	bool hold = (head->framing != HTTP1_LENGTH ||
			head->content_length <= EXCHANGE_HELD_MAX) &&
		    !env_short(env);
	size_t cap;

	if (x->to_admin)
		forward_admin_request(&out, head, id, &origin);
	else
		forward_request(
		    &out, env->cfg, head, x->client_id ? id : (struct span){ 0 });
	x->body_framing = head->framing;
	x->body_length = head->content_length;
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

/* --- the order of things --- */

static void
begin_preflight(struct exchange *x, const struct http1_head *head)
{
	const struct http1_field *asked =
	    http1_find(head, SPAN("access-control-request-headers"), NULL);
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	x->status = 204;
	reply_preflight(&out, &ctx, asked != NULL ? asked->value : (struct span){ 0 });
	exchange_end(
	    x, (struct span){ out.p, out.n }, (struct span){ 0 }, ctx.keep_alive);
}

static bool
is_preflight(const struct exchange *x, const struct http1_head *head)
{
	return x->method == HTTP_OPTIONS && x->cors_origin != NULL &&
	       http1_find(head, SPAN("access-control-request-method"), NULL) != NULL;
}

static void
begin_api(struct exchange *x, const struct http1_head *head)
{
	struct keyring_entry entry;
	struct reply_detail detail = { .allow = x->match.allow };

	if (is_preflight(x, head)) {
		begin_preflight(x, head);
		return;
	}
	if (x->method == HTTP_OPTIONS && detail.allow == NULL)
		detail.allow = "GET, HEAD, POST, DELETE";
	if (detail.allow != NULL) {
		exchange_fail(x, REPLY_METHOD, &detail);
		return;
	}
	if (!admit_key(x, head, &entry))
		return;
	if (head->framing == HTTP1_LENGTH &&
	    head->content_length > x->env->cfg->max_body) {
		x->keep_alive = false;
		exchange_fail(x, REPLY_TOO_LARGE, NULL);
		return;
	}
	begin_forward(x, head);
}

static void
begin_admin(struct exchange *x, const struct http1_head *head)
{
	const struct client_port *port = client_port(x->client);

	x->cors_origin = NULL;
	if (port->no_admin)
		exchange_fail(x, REPLY_NOT_FOUND, NULL);
	else if (x->env->cfg->admin_password == NULL && x->match.route == ROUTE_ADMIN)
		exchange_fail(x, REPLY_ADMIN_OFF, NULL);
	else {
		x->to_admin = true;
		begin_forward(x, head);
	}
}

static void
begin_key_info(struct exchange *x, const struct http1_head *head)
{
	struct keyring_entry entry;

	if (admit_key(x, head, &entry))
		answer_key_info(x, &entry);
}

/* On a plain port of a house that has TLS only health and ACME are served.
 * Returns false when x is answered. */
static bool
transport_ok(struct exchange *x, const struct http1_head *head)
{
	const struct http1_field *host = http1_find(head, SPAN("host"), NULL);
	char url[512];
	struct sb location = sb_init(url, sizeof(url));
	struct reply_context ctx;
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	if (x->https || !x->env->cfg->force_https || x->match.route == ROUTE_HEALTH ||
	    x->match.route == ROUTE_ACME)
		return true;
	if (x->match.route != ROUTE_ADMIN || x->method != HTTP_GET || host == NULL) {
		exchange_fail(x, REPLY_HTTPS_REQUIRED, NULL);
		return false;
	}
	SB_LIT(&location, "https://");
	for (size_t i = 0; i < host->value.n && host->value.p[i] != ':'; i++)
		sb_put(&location, &host->value.p[i],
		    1); /* the port there is the plain one */
	sb_span(&location, head->target);
	if (location.over) {
		exchange_fail(x, REPLY_HTTPS_REQUIRED, NULL);
		return false;
	}
	ctx = exchange_context(x);
	x->status = 308;
	reply_redirect(&out, &ctx, (struct span){ location.p, location.n });
	exchange_end(
	    x, (struct span){ out.p, out.n }, (struct span){ 0 }, ctx.keep_alive);
	return false;
}

static void
begin_routed(struct exchange *x, const struct http1_head *head)
{
	struct reply_detail detail = { .allow = x->match.allow };

	if (!transport_ok(x, head))
		return;
	if (client_port(x->client)->admin_only && x->match.route == ROUTE_API)
		x->match.route = ROUTE_NOT_FOUND;
	if (x->match.route != ROUTE_API && x->match.route != ROUTE_NOT_FOUND &&
	    detail.allow != NULL) {
		exchange_fail(x, REPLY_METHOD, &detail);
		return;
	}
	switch (x->match.route) {
	case ROUTE_HEALTH: answer_health(x); return;
	case ROUTE_READY: answer_ready(x); return;
	case ROUTE_KEY_INFO: begin_key_info(x, head); return;
	case ROUTE_ADMIN: begin_admin(x, head); return;
	case ROUTE_ACME:
		if (x->env->cfg->acme_webroot != NULL) {
			begin_admin(x, head);
			return;
		}
		break;
	case ROUTE_API: begin_api(x, head); return;
	case ROUTE_NOT_FOUND: break;
	}
	detail = (struct reply_detail){ .message = x->match.hint, .code = x->match.code };
	exchange_fail(x, REPLY_NOT_FOUND, &detail);
}

/* --- a new exchange --- */

/* The client's own id if it is harmless, else one of ours: 128 bits in hex, random
 * per process and counted up, so that no two answers share one. */
static void
choose_request_id(struct exchange *x, const struct http1_head *head)
{
	static const char digits[] = "0123456789abcdef";
	const struct http1_field *f =
	    head != NULL ? http1_find(head, SPAN("x-request-id"), NULL) : NULL;
	uint64_t halves[2] = { x->env->request_seed, ++x->env->request_count };

	if (f != NULL && reply_request_id_ok(f->value)) {
		memcpy(x->request_id, f->value.p, f->value.n);
		x->request_id_n = (uint8_t)f->value.n;
		x->client_id = true;
		return;
	}
	for (size_t i = 0; i < GENERATED_ID_BYTES; i++)
		x->request_id[i] = digits[(halves[i / 16] >> (60 - 4 * (i % 16))) & 15];
	x->request_id_n = GENERATED_ID_BYTES;
}

/* May this origin read answers? Remember it as the answer's header will say it. */
static void
choose_cors(struct exchange *x, const struct http1_head *head)
{
	const struct strlist *allowed = &x->env->cfg->cors_origins;
	const struct http1_field *origin = http1_find(head, SPAN("origin"), NULL);

	if (origin == NULL || x->match.route != ROUTE_API)
		return;
	for (size_t i = 0; i < allowed->n; i++) {
		if (strcmp(allowed->v[i], "*") == 0 ||
		    span_eq(span_of(allowed->v[i]), origin->value)) {
			x->cors_origin = allowed->v[i];
			return;
		}
	}
}

static struct exchange *
exchange_create(struct client *c)
{
	struct worker_env *env = client_env(c);
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->magic = EXCHANGE_MAGIC;
	x->env = env;
	x->client = c;
	x->began_ms = env->now_ms;
	x->minor = 1;
	x->match.endpoint = ENDPOINT_NONE;
	x->addr = *client_addr(c);
	x->https = client_port(c)->tls;
	atomic_fetch_add_explicit(&env->row->requests_in_flight, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&env->row->requests, 1, memory_order_relaxed);
	client_set_request(c, x);
	return x;
}

static void
on_head(struct client *c, const struct http1_head *head)
{
	struct exchange *x = exchange_create(c);
	int r;

	if (x == NULL) {
		client_abort(c, (struct span){ 0 }, false);
		return;
	}
	x->method = head->method;
	x->minor = head->minor;
	x->keep_alive = head->keep_alive;
	x->expects_continue = head->expect_continue;
	x->https = peer_is_https(x->env->cfg, head, client_addr(c), x->https);
	peer_client(x->env->cfg, head, client_addr(c), &x->addr);
	choose_request_id(x, head);
	r = route_match(head->method, head->target, &x->match);
	if (http1_find(head, SPAN("anthropic-version"), NULL) != NULL)
		x->match.dialect = DIALECT_ANTHROPIC;
	if (r != 0) {
		x->keep_alive = false;
		x->match.route = ROUTE_NOT_FOUND;
		exchange_fail(x, REPLY_BAD_TARGET, NULL);
		return;
	}
	choose_cors(x, head);
	begin_routed(x, head);
}

static void
on_body(struct client *c, struct span data, bool end)
{
	struct exchange *x = exchange_check(client_request(c));

	x->bytes_in += data.n;
	if (x->bytes_in > x->env->cfg->max_body) {
		x->keep_alive = false;
		exchange_fail(x, REPLY_TOO_LARGE, NULL);
	} else if (x->state == EXCHANGE_HOLD) {
		hold_body(x, data, end);
	} else if (x->state == EXCHANGE_PASS) {
		pass_body(x, data, end);
	} /* else upstream has answered already: the rest is of no use */
}

static void
on_drained(struct client *c)
{
	answer_on_drained(exchange_check(client_request(c)));
}

static void
on_gone(struct client *c)
{
	exchange_finish(exchange_check(client_request(c)));
}

/* Which answer a head's fault deserves. */
static enum reply_error
head_error(enum http1_fault f)
{
	switch (f) {
	case HTTP1_BAD_VERSION: return REPLY_BAD_VERSION;
	case HTTP1_BAD_METHOD: return REPLY_BAD_METHOD;
	case HTTP1_TARGET_TOO_LONG: return REPLY_TARGET_TOO_LONG;
	case HTTP1_HEAD_TOO_LARGE: return REPLY_HEAD_TOO_LARGE;
	case HTTP1_OK:
	case HTTP1_BAD:
	case HTTP1_TLS_ON_PLAIN: break;
	}
	return REPLY_BAD_REQUEST;
}

static enum reply_error
fault_error(enum client_fault f, enum http1_fault head)
{
	switch (f) {
	case CLIENT_BAD_HEAD: return head_error(head);
	case CLIENT_BAD_BODY: return REPLY_BAD_REQUEST;
	case CLIENT_HEAD_TIMEOUT:
	case CLIENT_BODY_TIMEOUT: return REPLY_TIMEOUT;
	case CLIENT_HTTP_ON_TLS: return REPLY_HTTPS_ON_TLS_PORT;
	}
	return REPLY_BAD_REQUEST;
}

static void
on_fault(struct client *c, enum client_fault f, enum http1_fault head)
{
	struct exchange *x = client_request(c);

	if (f == CLIENT_BAD_HEAD && head == HTTP1_TLS_ON_PLAIN)
		return; /* it would not understand: the connection is just closed */
	if (x == NULL) {
		x = exchange_create(c);
		if (x == NULL)
			return;
		choose_request_id(x, NULL);
	}
	x->keep_alive = false;
	if (x->status == 0)
		exchange_fail(x, fault_error(f, head), NULL);
	else
		exchange_break(x);
}

const struct client_ops exchange_client_ops = {
	.on_head = on_head,
	.on_body = on_body,
	.on_drained = on_drained,
	.on_fault = on_fault,
	.on_gone = on_gone,
};
