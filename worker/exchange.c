/*
 * An exchange from its request's head to the last byte of its answer; see exchange.h.
 * Who is let in is admission.c's to say.
 */
#include "worker/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/exchange_state.h"
#include "worker/peer.h"

enum { EXCHANGE_MAGIC = 0x65786368, GENERATED_ID_BYTES = 32 };

struct exchange *
exchange_check(void *arg)
{
	struct exchange *x = arg;

	if (x->magic != EXCHANGE_MAGIC)
		abort();
	return x;
}

/* --- memory --- */

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
	answer_stop_metering(x);
	account_settle(x->env->accounts, &x->account);
	wheel_cancel(&x->env->wheel, &x->keepalive);
	access_count(x);
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
		.now_ms = env_wall_ms(x->env),
		.rate = x->rate,
	};
}

void
exchange_end(struct exchange *x, const struct client_bytes *bytes, bool keep)
{
	struct client *c = x->client;

	x->bytes_out += bytes->head.n + bytes->body.n + bytes->tail.n;
	x->overhead_ns += clock_mono_ns() - x->env->now_ns;
	exchange_finish(x);
	client_end(c, bytes, keep);
}

void
exchange_break(struct exchange *x)
{
	struct client *c = x->client;
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);
	/* On HTTP/1.0 a FIN would look like the proper end, under TLS too: many clients
	 * don't mind a missing close_notify. */
	bool reset = x->answer_close;
	/* Not into a body of known length: it would seem complete. */
	bool told = x->sse && (x->out_chunked || x->answer_close);

	if (told)
		reply_stream_error(&out, &ctx, x->out_chunked);
	x->bytes_out += out.n;
	exchange_finish(x);
	client_abort(c, (struct span){ out.p, out.n }, reset);
}

/* Count a refusal by its reason; failures of others have their status only. */
static void
count_refusal(struct exchange *x, enum reply_error e)
{
	_Atomic uint64_t *refused = x->env->row->stats.refused;

	switch (e) {
	case REPLY_NO_KEY:
	case REPLY_BAD_KEY:
	case REPLY_DUPLICATE_CREDENTIAL: stats_add(&refused[STATS_REFUSED_KEY], 1); break;
	case REPLY_BAD_REQUEST:
	case REPLY_BAD_TARGET:
	case REPLY_BAD_METHOD:
	case REPLY_BAD_VERSION: stats_add(&refused[STATS_REFUSED_MALFORMED], 1); break;
	case REPLY_TOO_LARGE:
	case REPLY_TARGET_TOO_LONG:
	case REPLY_HEAD_TOO_LARGE: stats_add(&refused[STATS_REFUSED_TOO_LARGE], 1); break;
	case REPLY_TIMEOUT: stats_add(&refused[STATS_REFUSED_TIMEOUT], 1); break;
	case REPLY_HTTPS_ON_TLS_PORT:
	case REPLY_HTTPS_REQUIRED: stats_add(&refused[STATS_REFUSED_TRANSPORT], 1); break;
	case REPLY_RATE_LIMITED: /* counted where it is known which window it was */
	case REPLY_NOT_FOUND:
	case REPLY_METHOD:
	case REPLY_UPSTREAM_CONNECT:
	case REPLY_UPSTREAM_BROKEN:
	case REPLY_UPSTREAM_AUTH:
	case REPLY_UPSTREAM_UNKNOWN:
	case REPLY_DRAINING:
	case REPLY_NO_MEMORY:
	case REPLY_UPSTREAM_TIMEOUT:
	case REPLY_CONNECT_TIMEOUT:
	case REPLY_ADMIN_DOWN: break;
	}
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
	count_refusal(x, e);
	ctx = exchange_context(x);
	x->status = reply_error_status(e);
	reply_error(&out, &ctx, e, detail != NULL ? detail : &none);
	exchange_end_with(x, &out, ctx.keep_alive);
}

/* --- a new exchange --- */

/* A step of SplitMix64: an id says nothing of how many requests came before it. */
static uint64_t
mix(uint64_t v)
{
	v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
	return v ^ (v >> 31);
}

/* The client's own id if it is harmless, else one of ours: 128 bits in hex, random
 * per process and counted up, so that no two answers share one. */
static void
choose_request_id(struct exchange *x, const struct http1_head *head)
{
	static const char digits[] = "0123456789abcdef";
	const struct http1_field *f =
	    head != NULL ? http1_find(head, SPAN("x-request-id"), NULL) : NULL;
	uint64_t seed = x->env->request_seed, n = ++x->env->request_count;
	uint64_t halves[2] = { mix(seed ^ n),
		mix(seed + n * UINT64_C(0x9e3779b97f4a7c15)) };

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
	x->began_ns = env->now_ns;
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
	admission_begin(x, head);
}

static void
on_body(struct client *c, struct span data, bool end)
{
	struct exchange *x = exchange_check(client_request(c));

	x->bytes_in += data.n;
	if (x->bytes_in > x->env->cfg->max_body) {
		x->keep_alive = false;
		if (x->state != EXCHANGE_RELAY)
			exchange_fail(x, REPLY_TOO_LARGE, NULL);
		else
			exchange_break(x);
		return;
	}
	request_on_body(x, data, end);
}

static void
on_drained(struct client *c)
{
	answer_on_drained(exchange_check(client_request(c)));
}

static bool
on_gone(struct client *c)
{
	struct exchange *x = exchange_check(client_request(c));
	/* Who only closed its own direction reads on, and takes the end of the connection
	 * for that of the answer (RFC 9112 section 6.3). */
	const bool looks_whole = x->state == EXCHANGE_RELAY && x->answer_close;

	exchange_finish(x);
	return looks_whole;
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
	if (x->state != EXCHANGE_RELAY)
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
