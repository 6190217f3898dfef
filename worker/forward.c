/*
 * Building heads; see forward.h. Requests: a list of what may pass, all else stays
 * here. Answers: all passes but what holds for one hop or is ours to say.
 */
#include "worker/forward.h"

/* Client headers that upstream needs; `content-` fields pass besides. */
static const struct span request_names[] = {
	{ "accept", 6 },
	{ "anthropic-version", 17 },
	{ "anthropic-beta", 14 },
	{ "openai-beta", 11 },
	{ "idempotency-key", 15 },
};

static const struct span admin_names[] = {
	{ "accept", 6 },
	{ "authorization", 13 },
	{ "cookie", 6 },
	{ "host", 4 },
	{ "if-none-match", 13 },
	{ "origin", 6 },
	{ "x-csrf-token", 12 },
};

static bool
in_names(struct span name, const struct span *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq_nocase(name, names[i]))
			return true;
	}
	return false;
}

static bool
starts_nocase(struct span name, struct span prefix)
{
	return name.n >= prefix.n &&
	    span_eq_nocase((struct span){ name.p, prefix.n }, prefix);
}

/* Does this field of a client's head go upstream? */
static bool
request_passes(const struct config *cfg, struct span name)
{
	if (starts_nocase(name, SPAN("content-")))
		return !span_eq_nocase(name, SPAN("content-length"));
	if (in_names(name, request_names, sizeof(request_names) / sizeof(request_names[0])))
		return true;
	for (size_t i = 0; i < cfg->upstream_headers.n; i++) {
		if (span_eq_nocase(name, span_of(cfg->upstream_headers.v[i])))
			return true;
	}
	return false;
}

static void
put_field(struct sb *out, struct span name, struct span value)
{
	sb_span(out, name);
	SB_LIT(out, ": ");
	sb_span(out, value);
	SB_LIT(out, "\r\n");
}

static void
put_request_line(struct sb *out, const struct http1_head *head)
{
	sb_span(out, http_method_text(head->method));
	SB_LIT(out, " ");
	sb_span(out, head->target);
	SB_LIT(out, " HTTP/1.1\r\n");
}

void
forward_request(struct sb *out, const struct config *cfg, const struct http1_head *head,
    struct span request_id)
{
	put_request_line(out, head);
	put_field(out, SPAN("Host"), span_of(cfg->upstream.authority));
	if (cfg->privatemode_api_key != NULL) {
		SB_LIT(out, "Authorization: Bearer ");
		sb_str(out, cfg->privatemode_api_key);
		SB_LIT(out, "\r\n");
	}
	SB_LIT(out, "Accept-Encoding: identity\r\n");
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http1_field *f = &head->fields[i];

		if (request_passes(cfg, f->name) && !http1_is_hop_by_hop(head, f->name))
			put_field(out, f->name, f->value);
	}
	if (request_id.n > 0)
		put_field(out, SPAN("X-Request-Id"), request_id);
}

void
forward_admin_request(struct sb *out, const struct http1_head *head,
    struct span request_id, const struct forward_origin *origin)
{
	char text[ADDR_TEXT_BYTES];

	put_request_line(out, head);
	addr_format(&origin->client, text);
	put_field(out, SPAN("X-Gatehouse-Client"), span_of(text));
	put_field(
	    out, SPAN("X-Gatehouse-Proto"), origin->https ? SPAN("https") : SPAN("http"));
	put_field(out, SPAN("X-Gatehouse-Id"), request_id);
	for (size_t i = 0; i < head->n_fields; i++) {
		struct span name = head->fields[i].name;

		if (span_eq_nocase(name, SPAN("content-type")) ||
		    starts_nocase(name, SPAN("sec-fetch-")) ||
		    in_names(
			name, admin_names, sizeof(admin_names) / sizeof(admin_names[0])))
			put_field(out, name, head->fields[i].value);
	}
}

void
forward_framing(struct sb *out, enum http1_framing framing, uint64_t length)
{
	if (framing == HTTP1_LENGTH) {
		SB_LIT(out, "Content-Length: ");
		sb_u64(out, length);
		SB_LIT(out, "\r\n");
	} else if (framing == HTTP1_CHUNKED) {
		SB_LIT(out, "Transfer-Encoding: chunked\r\n");
	}
	SB_LIT(out, "\r\n");
}

static void
put_status_line(struct sb *out, unsigned status)
{
	SB_LIT(out, "HTTP/1.1 ");
	sb_u64(out, status);
	SB_LIT(out, " ");
	sb_str(out, http_reason(status));
	SB_LIT(out, "\r\n");
}

void
forward_answer(struct sb *out, const struct reply_context *ctx,
    const struct http1_head *head, bool raw_length)
{
	put_status_line(out, head->status);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http1_field *f = &head->fields[i];

		if (reply_owns_header(ctx, f->name) || http1_is_hop_by_hop(head, f->name))
			continue;
		/* 204 has none (RFC 9110 section 8.6): a careless reader would wait */
		if ((!raw_length || head->status == 204) &&
		    span_eq_nocase(f->name, SPAN("content-length")))
			continue;
		put_field(out, f->name, f->value);
	}
	reply_headers(out, ctx);
}

void
forward_interim(struct sb *out, const struct http1_head *head)
{
	put_status_line(out, head->status);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http1_field *f = &head->fields[i];

		if (!http1_is_hop_by_hop(head, f->name) &&
		    !span_eq_nocase(f->name, SPAN("content-length")))
			put_field(out, f->name, f->value);
	}
	SB_LIT(out, "\r\n");
}

void
forward_chunk(struct sb *out, uint64_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[18];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[n & 15];
		n >>= 4;
	} while (n > 0);
	sb_put(out, text + at, sizeof(text) - at);
	SB_LIT(out, "\r\n");
}
