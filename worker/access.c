/*
 * The access log: ids, enums, sizes and times; see exchange_state.h. The request id
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

void
access_log(const struct exchange *x)
{
	char text[1024];
	char addr[ADDR_TEXT_BYTES];
	struct sb out = sb_init(text, sizeof(text) - 1);

	if (!x->env->cfg->access_log)
		return;
	put_text(&out, "request_id", (struct span){ x->request_id, x->request_id_n });
	put_text(&out, "key_id", x->key_id[0] != '\0' ? span_of(x->key_id) : SPAN("-"));
	put_text(&out, "endpoint", span_of(endpoint_name(x->match.endpoint)));
	put_number(&out, "code", x->status);
	put_number(&out, "bytes_in", x->bytes_in);
	put_number(&out, "bytes_out", x->bytes_out);
	put_number(&out, "ms", x->env->now_ms - x->began_ms);
	put_number(
	    &out, "ttfb_ms", x->first_byte_ms != 0 ? x->first_byte_ms - x->began_ms : 0);
	if (x->env->cfg->log_address) {
		addr_format(&x->addr, addr);
		put_text(&out, "addr", span_of(addr));
	}
	if (out.over)
		return;
	text[out.n] = '\0';
	log_write_fields(LOG_LEVEL_INFO, "request", text);
}
