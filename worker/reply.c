/*
 * The answers that are made here: errors in the shape of the client's dialect,
 * small JSON, preflights and the one redirect. Every text is a constant of this
 * file or of the caller; of what a client sent only the checked request id and
 * the checked header names of a preflight come back. Runs in the worker; no state.
 */
#include "worker/reply.h"

#include "worker/http1.h"

#define CRLF "\r\n"

/* May an SDK try again? (FACTS.md: x-should-retry overrides its own judgement.) */
enum retry {
	RETRY_UNSAID,
	RETRY_YES,   /* upstream can't have begun the work */
	RETRY_NO,    /* it may have, or trying again can't help */
	RETRY_LATER, /* 429: when there is room again */
};

struct error_row {
	unsigned status;
	enum retry retry;
	const char *code;
	const char *message;
};

/* clang-format off */
static const struct error_row error_rows[] = {
	[REPLY_BAD_REQUEST] = { 400, RETRY_UNSAID, "bad_request",
	    "The request is not well-formed HTTP." },
	[REPLY_BAD_TARGET] = { 400, RETRY_UNSAID, "bad_path",
	    "The request's path is ambiguous: it must begin with one slash and hold no doubled "
	    "or encoded slashes and no dot segments. Check the base URL." },
	[REPLY_DUPLICATE_CREDENTIAL] = { 400, RETRY_UNSAID, "duplicate_credential",
	    "The request carries the same credential header twice." },
	[REPLY_HTTPS_ON_TLS_PORT] = { 400, RETRY_UNSAID, "https_required", "HTTPS required" },
	[REPLY_NO_KEY] = { 401, RETRY_UNSAID, "invalid_api_key",
	    "No API key was sent. Send it as \"Authorization: Bearer KEY\" or as "
	    "\"X-API-Key: KEY\"." },
	[REPLY_BAD_KEY] = { 401, RETRY_UNSAID, "invalid_api_key",
	    "The API key is not valid." },
	[REPLY_HTTPS_REQUIRED] = { 403, RETRY_UNSAID, "https_required", "HTTPS required" },
	[REPLY_NOT_FOUND] = { 404, RETRY_UNSAID, "not_found", "There is nothing at this path." },
	[REPLY_METHOD] = { 405, RETRY_UNSAID, "method_not_allowed",
	    "This path does not take that method; the Allow header names those it takes." },
	[REPLY_TIMEOUT] = { 408, RETRY_UNSAID, "request_timeout",
	    "The request did not arrive in time." },
	[REPLY_TOO_LARGE] = { 413, RETRY_UNSAID, "request_too_large",
	    "The request's body is larger than this server accepts." },
	[REPLY_TARGET_TOO_LONG] = { 414, RETRY_UNSAID, "uri_too_long",
	    "The request's target is longer than this server accepts." },
	[REPLY_RATE_LIMITED] = { 429, RETRY_LATER, "rate_limit_exceeded",
	    "Rate limit reached. Wait as long as the Retry-After header says." },
	[REPLY_HEAD_TOO_LARGE] = { 431, RETRY_UNSAID, "headers_too_large",
	    "The request's headers are larger than this server accepts." },
	[REPLY_BAD_METHOD] = { 501, RETRY_NO, "method_not_implemented",
	    "The request's method is not known here." },
	[REPLY_BAD_VERSION] = { 505, RETRY_NO, "http_version_not_supported",
	    "The request's HTTP version is not spoken here." },
	[REPLY_UPSTREAM_CONNECT] = { 502, RETRY_YES, "upstream_unreachable",
	    "The model service could not be reached." },
	[REPLY_UPSTREAM_BROKEN] = { 502, RETRY_NO, "upstream_disconnected",
	    "The model service broke off, or its answer was malformed." },
	[REPLY_UPSTREAM_AUTH] = { 502, RETRY_NO, "upstream_auth_failed",
	    "The model service refused the gateway's own key; the operator has to put that right." },
	[REPLY_UPSTREAM_UNKNOWN] = { 503, RETRY_YES, "upstream_unreachable",
	    "The model service's address is not known yet." },
	[REPLY_DRAINING] = { 503, RETRY_YES, "shutting_down", "This server is shutting down." },
	[REPLY_NO_MEMORY] = { 503, RETRY_YES, "overloaded",
	    "This server has no memory left for the request." },
	[REPLY_UPSTREAM_TIMEOUT] = { 504, RETRY_NO, "upstream_timeout",
	    "The model service did not answer in time." },
	[REPLY_CONNECT_TIMEOUT] = { 504, RETRY_YES, "upstream_unreachable",
	    "Connecting to the model service took too long." },
	[REPLY_ADMIN_DOWN] = { 503, RETRY_NO, "admin_unavailable",
	    "The admin process is not there; it comes back by itself." },
};
/* clang-format on */

static const char *
openai_type(unsigned status)
{
	if (status >= 500)
		return "server_error";
	return status == 429 ? "requests" : "invalid_request_error";
}

static const char *
anthropic_type(unsigned status)
{
	switch (status) {
	case 401: return "authentication_error";
	case 403: return "permission_error";
	case 404: return "not_found_error";
	case 413: return "request_too_large";
	case 429: return "rate_limit_error";
	case 529: return "overloaded_error";
	default: return status >= 500 ? "api_error" : "invalid_request_error";
	}
}

static void
put_json_string(struct sb *out, struct span s)
{
	SB_LIT(out, "\"");
	sb_json(out, s);
	SB_LIT(out, "\"");
}

void
reply_error_body(struct sb *out, const struct reply_context *ctx, unsigned status,
    const char *type, const char *code, const char *message)
{
	if (ctx->dialect == DIALECT_ANTHROPIC) {
		SB_LIT(out, "{\"type\":\"error\",\"error\":{\"type\":");
		put_json_string(
		    out, span_of(type != NULL ? type : anthropic_type(status)));
		SB_LIT(out, ",\"message\":");
		put_json_string(out, span_of(message));
		SB_LIT(out, "},\"request_id\":");
		put_json_string(out, ctx->request_id);
		SB_LIT(out, "}");
		return;
	}
	SB_LIT(out, "{\"error\":{\"message\":");
	put_json_string(out, span_of(message));
	SB_LIT(out, ",\"type\":");
	put_json_string(out, span_of(type != NULL ? type : openai_type(status)));
	SB_LIT(out, ",\"param\":null,\"code\":");
	if (code != NULL)
		put_json_string(out, span_of(code));
	else
		SB_LIT(out, "null");
	SB_LIT(out, "}}");
}

/* Status line and the headers of every answer. */
static void
put_head(struct sb *out, const struct reply_context *ctx, unsigned status)
{
	SB_LIT(out, "HTTP/1.1 ");
	sb_u64(out, status);
	SB_LIT(out, " ");
	sb_str(out, http_reason(status));
	SB_LIT(out, CRLF);
	reply_headers(out, ctx);
}

/* Content headers, the empty line, and the body unless HEAD was asked. */
static void
put_json_body(struct sb *out, const struct reply_context *ctx, struct span body)
{
	SB_LIT(out, "Content-Type: application/json" CRLF "Content-Length: ");
	sb_u64(out, body.n);
	SB_LIT(out, CRLF CRLF);
	if (!ctx->head)
		sb_span(out, body);
}

/* FACTS.md: the SDKs wait 60 s at most, and a limit of 0 never has room. */
static void
put_retry_later(struct sb *out, const struct reply_context *ctx, uint64_t ms)
{
	const bool hopeless = ms > 60000 || (ctx->rate.set && ctx->rate.limit == 0);

	SB_LIT(out, "Retry-After: ");
	sb_u64(out, ms / 1000 + (ms % 1000 > 0));
	SB_LIT(out, CRLF "retry-after-ms: ");
	sb_u64(out, ms);
	if (hopeless)
		SB_LIT(out, CRLF "x-should-retry: false" CRLF);
	else
		SB_LIT(out, CRLF "x-should-retry: true" CRLF);
}

static void
put_error_headers(struct sb *out, const struct reply_context *ctx,
    const struct error_row *row, const struct reply_detail *detail)
{
	if (row->status == 401)
		SB_LIT(out, "WWW-Authenticate: Bearer" CRLF);
	if (detail->allow != NULL) {
		SB_LIT(out, "Allow: ");
		sb_str(out, detail->allow);
		SB_LIT(out, CRLF);
	}
	switch (row->retry) {
	case RETRY_UNSAID: break;
	case RETRY_YES: SB_LIT(out, "x-should-retry: true" CRLF); break;
	case RETRY_NO: SB_LIT(out, "x-should-retry: false" CRLF); break;
	case RETRY_LATER: put_retry_later(out, ctx, detail->retry_after_ms); break;
	}
}

void
reply_error(struct sb *out, const struct reply_context *ctx, enum reply_error e,
    const struct reply_detail *detail)
{
	static const struct reply_detail none;
	const struct error_row *row = &error_rows[e];
	struct reply_context c = *ctx;
	char text[2048];
	struct sb body = sb_init(text, sizeof(text));

	if (detail == NULL)
		detail = &none;
	if (row->status == 401)
		c.rate.set = false; /* who has no key is not told of anybody's window */
	reply_error_body(&body, &c, row->status, NULL,
	    detail->code != NULL ? detail->code : row->code,
	    detail->message != NULL ? detail->message : row->message);
	put_head(out, &c, row->status);
	put_error_headers(out, &c, row, detail);
	put_json_body(out, &c, (struct span){ body.p, body.n });
	out->over = out->over || body.over;
}

unsigned
reply_error_status(enum reply_error e)
{
	return error_rows[e].status;
}

void
reply_json(
    struct sb *out, const struct reply_context *ctx, unsigned status, struct span body)
{
	put_head(out, ctx, status);
	put_json_body(out, ctx, body);
}

/* A comma-separated list of tokens (RFC 9110 section 5.6.1), of bearable length? */
static bool
is_token_list(struct span s)
{
	static const char marks[] = "!#$%&'*+-.^_`|~, \t";

	if (s.n == 0 || s.n > REPLY_MAX_ASKED)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') ||
			(c != '\0' && memchr(marks, c, sizeof(marks) - 1) != NULL)))
			return false;
	}
	return true;
}

void
reply_preflight(struct sb *out, const struct reply_context *ctx, struct span asked)
{
	put_head(out, ctx, 204);
	if (ctx->cors_origin.n > 0) {
		SB_LIT(out, "Access-Control-Allow-Methods: GET, POST, DELETE" CRLF);
		if (is_token_list(asked)) {
			SB_LIT(out, "Access-Control-Allow-Headers: ");
			sb_span(out, asked);
			SB_LIT(out, CRLF);
		}
		SB_LIT(out,
		    "Access-Control-Max-Age: 600" CRLF
		    "Vary: Access-Control-Request-Method, "
		    "Access-Control-Request-Headers" CRLF);
	}
	SB_LIT(out, CRLF); /* no Content-Length with 204 (RFC 9110 section 8.6) */
}

void
reply_redirect(struct sb *out, const struct reply_context *ctx, struct span location)
{
	for (size_t i = 0; i < location.n; i++)
		if (location.p[i] <= ' ' || location.p[i] > '~') {
			reply_error(out, ctx, REPLY_BAD_TARGET, NULL);
			return;
		}
	put_head(out, ctx, 308);
	SB_LIT(out, "Location: ");
	sb_span(out, location);
	SB_LIT(out, CRLF "Content-Length: 0" CRLF CRLF);
}

/* The length of a chunk (RFC 9112 section 7.1). */
static void
put_chunk_size(struct sb *out, size_t n)
{
	char digits[16];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % 16];
		n /= 16;
	} while (n > 0);
	sb_put(out, digits + at, sizeof(digits) - at);
	SB_LIT(out, CRLF);
}

void
reply_stream_error(struct sb *out, const struct reply_context *ctx, bool chunked)
{
	const struct error_row *row = &error_rows[REPLY_UPSTREAM_BROKEN];
	char text[2048];
	struct sb event = sb_init(text, sizeof(text));

	SB_LIT(&event, "\n\n");
	if (ctx->dialect == DIALECT_ANTHROPIC)
		SB_LIT(&event, "event: error\n");
	SB_LIT(&event, "data: ");
	reply_error_body(&event, ctx, row->status, NULL, row->code,
	    "The model service broke off: this answer is incomplete.");
	SB_LIT(&event, "\n\n");
	if (chunked)
		put_chunk_size(out, event.n);
	sb_put(out, event.p, event.n);
	if (chunked)
		SB_LIT(out, CRLF);
	out->over = out->over || event.over;
}
