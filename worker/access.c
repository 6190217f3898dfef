/*
 * What is noted of a finished exchange: the counters of the metrics, and the access
 * log: ids, enums, sizes and times; see exchange_state.h. The request id
 * may be the client's own: it has been checked to be of harmless characters.
 */
#include "worker/exchange_state.h"

#include "common/log.h"
#include "common/sb.h"

static void
put_number(struct sb *out, const char *name, uint64_t v)
{
	SB_LIT(out, ",\"");
	sb_str(out, name);
	SB_LIT(out, "\":");
	sb_u64(out, v);
}

static void
put_text(struct sb *out, const char *name, struct span v)
{
	if (out->n > 0)
		SB_LIT(out, ",");
	SB_LIT(out, "\"");
	sb_str(out, name);
	SB_LIT(out, "\":\"");
	sb_json(out, v);
	SB_LIT(out, "\"");
}

static uint64_t
tokens_of(const struct usage *u)
{
	return u->v[USAGE_INPUT] + u->v[USAGE_CACHE_READ] + u->v[USAGE_CACHE_WRITE] +
	    u->v[USAGE_OUTPUT];
}

void
access_log(const struct exchange *x)
{
	char text[2048]; /* room for all, each byte of a name escaped */
	char addr[ADDR_TEXT_BYTES];
	struct sb out = sb_init(text, sizeof(text) - 1);

	if (!x->env->cfg->access_log)
		return;
	put_text(&out, "request_id", (struct span){ x->request_id, x->request_id_n });
	put_text(&out, "key_id", x->key_id[0] != '\0' ? span_of(x->key_id) : SPAN("-"));
	put_text(&out, "endpoint", span_of(endpoint_name(x->match.endpoint)));
	put_text(&out, "model",
	    x->account.model[0] != '\0' ? span_of(x->account.model) : SPAN("-"));
	put_number(&out, "code", x->status);
	put_number(&out, "bytes_in", x->bytes_in);
	put_number(&out, "bytes_out", x->bytes_out);
	put_number(&out, "ms", (x->env->now_ns - x->began_ns) / 1000000);
	put_number(&out, "ttfb_ms",
	    x->first_byte_ns != 0 ? (x->first_byte_ns - x->began_ns) / 1000000 : 0);
	put_number(&out, "tokens", tokens_of(&x->account.noted));
	if (x->env->cfg->log_address) {
		addr_format(&x->addr, addr);
		put_text(&out, "addr", span_of(addr));
	}
	if (out.over)
		return;
	text[out.n] = '\0';
	log_write_fields(LOG_LEVEL_INFO, "request", text);
}

/* The client that left before its answer has a status of its own, as in nginx. */
enum { STATUS_CLIENT_LEFT = 499 };

void
access_count(const struct exchange *x)
{
	struct stats *st = &x->env->row->stats;
	enum endpoint e = x->match.endpoint;
	unsigned status = x->status != 0 ? x->status : STATUS_CLIENT_LEFT;

	stats_add(&st->requests[e][stats_code_index(status)], 1);
	stats_observe(
	    &st->duration[e], stats_bounds_us, (x->env->now_ns - x->began_ns) / 1000);
	if (x->first_byte_ns == 0)
		return;
	stats_observe(
	    &st->first_byte[e], stats_bounds_us, (x->first_byte_ns - x->began_ns) / 1000);
	stats_observe(&st->overhead, stats_overhead_bounds_us, x->overhead_ns / 1000);
	if (x->sse)
		stats_add(&st->streams, UINT64_MAX); /* one less */
}
