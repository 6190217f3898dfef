/*
 * The headers that every answer carries, forwarded ones too. Written on each
 * answer, so constants stand as whole blocks and nothing here goes through
 * printf. Runs in the worker; no state.
 */
#include "worker/reply.h"

#include "worker/timetext.h"

#define CRLF "\r\n"

/* As the Python proxy sent them, less X-XSS-Protection. */
#define CONSTANT_BLOCK                                                                   \
	"Server: gatehouse" CRLF "X-Content-Type-Options: nosniff" CRLF                  \
	"X-Frame-Options: DENY" CRLF                                                     \
	"Referrer-Policy: strict-origin-when-cross-origin" CRLF                          \
	"Permissions-Policy: geolocation=(), microphone=(), camera=()" CRLF "Date: "

/* Fetch, CORS protocol: what a script in a browser may read beside the body. */
#define CORS_BLOCK                                                                       \
	CRLF "Vary: Origin" CRLF                                                         \
	     "Access-Control-Expose-Headers: X-Request-Id, request-id, Retry-After, "    \
	     "retry-after-ms, x-should-retry, X-RateLimit-Limit, "                       \
	     "X-RateLimit-Remaining, X-RateLimit-Reset, x-ratelimit-limit-requests, "    \
	     "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, "              \
	     "anthropic-ratelimit-requests-limit, "                                      \
	     "anthropic-ratelimit-requests-remaining, "                                  \
	     "anthropic-ratelimit-requests-reset" CRLF

/* The rate headers in the gateway's own, OpenAI's and Anthropic's spelling. */
static void
put_rate(struct sb *out, const struct reply_context *ctx)
{
	const int64_t reset_at_ms = ctx->now_ms + (int64_t)ctx->rate.reset_ms;
	const int64_t reset_at_s = (reset_at_ms + 999) / 1000;
	char digits[40];
	struct sb limit = sb_init(digits, 20), left = sb_init(digits + 20, 20);

	sb_u64(&limit, ctx->rate.limit);
	sb_u64(&left, ctx->rate.remaining);
	SB_LIT(out, "X-RateLimit-Limit: ");
	sb_put(out, limit.p, limit.n);
	SB_LIT(out, CRLF "X-RateLimit-Remaining: ");
	sb_put(out, left.p, left.n);
	SB_LIT(out, CRLF "X-RateLimit-Reset: ");
	sb_u64(out, reset_at_s > 0 ? (uint64_t)reset_at_s : 0);
	SB_LIT(out, CRLF "x-ratelimit-limit-requests: ");
	sb_put(out, limit.p, limit.n);
	SB_LIT(out, CRLF "x-ratelimit-remaining-requests: ");
	sb_put(out, left.p, left.n);
	SB_LIT(out, CRLF "x-ratelimit-reset-requests: ");
	timetext_go_duration(out, ctx->rate.reset_ms);
	if (ctx->dialect == DIALECT_ANTHROPIC) {
		SB_LIT(out, CRLF "anthropic-ratelimit-requests-limit: ");
		sb_put(out, limit.p, limit.n);
		SB_LIT(out, CRLF "anthropic-ratelimit-requests-remaining: ");
		sb_put(out, left.p, left.n);
		SB_LIT(out, CRLF "anthropic-ratelimit-requests-reset: ");
		timetext_rfc3339(out, reset_at_s * 1000);
	}
	SB_LIT(out, CRLF);
}

void
reply_headers(struct sb *out, const struct reply_context *ctx)
{
	SB_LIT(out, CONSTANT_BLOCK);
	timetext_http_date(out, ctx->now_ms);
	SB_LIT(out, CRLF "X-Request-Id: ");
	sb_span(out, ctx->request_id);
	if (ctx->dialect == DIALECT_ANTHROPIC) {
		SB_LIT(out, CRLF "request-id: ");
		sb_span(out, ctx->request_id);
	}
	SB_LIT(out, CRLF);
	if (ctx->hsts)
		SB_LIT(out,
		    "Strict-Transport-Security: max-age=31536000; "
		    "includeSubDomains" CRLF);
	if (ctx->cors_origin.n > 0) {
		SB_LIT(out, "Access-Control-Allow-Origin: ");
		sb_span(out, ctx->cors_origin);
		SB_LIT(out, CORS_BLOCK);
	}
	if (ctx->rate.set)
		put_rate(out, ctx);
	if (!ctx->keep_alive)
		SB_LIT(out, "Connection: close" CRLF);
	else if (ctx->minor == 0)
		SB_LIT(out, "Connection: keep-alive" CRLF);
}

bool
reply_owns_header(const struct reply_context *ctx, struct span name)
{
	const struct span cors = SPAN("access-control-");

	/* clang-format off */
#define IS(literal) span_eq_nocase(name, SPAN(literal))
	(void)ctx; /* upstream's own are dropped even where none of ours takes their place */
	switch (name.n) {
	case 4: return IS("date");
	case 6: return IS("server");
	case 7: return IS("alt-svc");
	case 10: return IS("connection") || IS("request-id");
	case 12: return IS("x-request-id");
	case 15: return IS("x-frame-options") || IS("referrer-policy");
	case 17: return IS("x-ratelimit-limit") || IS("x-ratelimit-reset");
	case 18: return IS("permissions-policy");
	case 21: return IS("x-ratelimit-remaining");
	case 34: return IS("anthropic-ratelimit-requests-limit") ||
		    IS("anthropic-ratelimit-requests-reset");
	case 38: return IS("anthropic-ratelimit-requests-remaining");
	default: break;
	}
	if (IS("x-content-type-options") || IS("strict-transport-security") ||
	    IS("x-ratelimit-limit-requests") || IS("x-ratelimit-reset-requests") ||
	    IS("x-ratelimit-remaining-requests"))
		return true;
#undef IS
	/* clang-format on */
	return name.n > cors.n && strncasecmp(name.p, cors.p, cors.n) == 0;
}

bool
reply_request_id_ok(struct span s)
{
	if (s.n == 0 || s.n > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}
