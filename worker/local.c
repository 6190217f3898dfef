/*
 * What is answered here, without upstream: health, readiness, key info, preflights.
 * See exchange_state.h.
 */
#include "worker/exchange_state.h"

#include <stdatomic.h>

#include "worker/gate.h"
#include "worker/reply.h"

static void
answer_json(struct exchange *x, unsigned status, struct span body)
{
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	x->status = status;
	reply_json(&out, &ctx, status, body);
	exchange_end_with(x, &out, ctx.keep_alive);
}

void
local_health(struct exchange *x)
{
	bool draining = atomic_load_explicit(
			    &x->env->shared->state->draining, memory_order_relaxed) != 0;

	if (draining)
		answer_json(x, 503, SPAN("{\"status\":\"draining\"}"));
	else
		answer_json(x, 200, SPAN("{\"status\":\"healthy\"}"));
}

void
local_ready(struct exchange *x)
{
	const struct state *st = x->env->shared->state;
	const struct scoreboard_row *row = x->env->row;
	uint64_t ok = atomic_load_explicit(&row->upstream_ok_ms, memory_order_relaxed);
	uint64_t fail = atomic_load_explicit(&row->upstream_fail_ms, memory_order_relaxed);

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

void
local_key_info(struct exchange *x, const struct keyring_entry *e)
{
	char text[4096];
	struct window_state w;
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
	gate_look_at_key(x->env->shared, e, &w);
	SB_LIT(&out, ",\"remaining\":");
	sb_u64(&out, w.remaining);
	SB_LIT(&out, ",\"reset\":");
	sb_i64(&out, (env_wall_ms(x->env) + (int64_t)w.reset_ms + 999) / 1000);
	SB_LIT(&out, ",\"description\":\"");
	sb_json(&out, span_of(e->key.description));
	SB_LIT(&out, "\",\"enabled\":true}");
	answer_json(x, 200, (struct span){ out.p, out.n });
}

void
local_preflight(struct exchange *x, const struct http1_head *head)
{
	const struct http1_field *asked =
	    http1_find(head, SPAN("access-control-request-headers"), NULL);
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	x->status = 204;
	reply_preflight(&out, &ctx, asked != NULL ? asked->value : (struct span){ 0 });
	exchange_end_with(x, &out, ctx.keep_alive);
}
