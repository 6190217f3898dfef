/* The answers made here: shapes, headers, lengths, and what they must not carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/reply.h"

#define T0 INT64_C(784111777250) /* Sun, 06 Nov 1994 08:49:37.250 GMT */
#define ERRORS ((int)REPLY_ADMIN_DOWN + 1)

struct answer {
	char text[8192]; /* NUL-terminated copy */
	size_t n;
	const char *body; /* in text */
	size_t body_n;
};

static struct reply_context
context(enum dialect dialect)
{
	return (struct reply_context){ .request_id = SPAN("req-1"),
		.dialect = dialect,
		.minor = 1,
		.keep_alive = true,
		.now_ms = T0 };
}

static void
finish(struct answer *a, const struct sb *b)
{
	assert_false(b->over);
	assert_true(b->n < sizeof(a->text));
	a->text[b->n] = '\0';
	a->n = b->n;
	a->body = strstr(a->text, "\r\n\r\n");
	assert_non_null(a->body);
	a->body += 4;
	a->body_n = a->n - (size_t)(a->body - a->text);
}

static void
answer_error(struct answer *a, const struct reply_context *ctx, enum reply_error e,
    const struct reply_detail *detail)
{
	struct sb b = sb_init(a->text, sizeof(a->text));

	reply_error(&b, ctx, e, detail);
	finish(a, &b);
}

/* The value of a header that stands exactly once, or NULL when there is none. */
static const char *
header(const struct answer *a, const char *name, char value[512])
{
	const size_t n = strlen(name);
	const char *found = NULL;

	for (const char *p = strstr(a->text, "\r\n") + 2; p < a->body - 2;
	     p = strstr(p, "\r\n") + 2)
		if (strncmp(p, name, n) == 0 && p[n] == ':') {
			assert_null(found);
			found = p + n + 2;
		}
	if (found == NULL)
		return NULL;
	snprintf(value, 512, "%.*s", (int)(strstr(found, "\r\n") - found), found);
	return value;
}

#define assert_header(a, name, wanted)                                                   \
	do {                                                                             \
		char value_[512];                                                        \
		const char *got_ = header((a), (name), value_);                          \
		if (got_ == NULL)                                                        \
			fail_msg("no %s in: %s", (name), (a)->text);                     \
		assert_string_equal(got_, (wanted));                                     \
	} while (0)

#define assert_no_header(a, name)                                                        \
	do {                                                                             \
		char value_[512];                                                        \
		assert_null(header((a), (name), value_));                                \
	} while (0)

static const char *
text_at(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	assert_non_null(s);
	return s;
}

static void
a_whole_error_is_exactly_this(void **state)
{
	struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;

	(void)state;
	ctx.hsts = true;
	ctx.keep_alive = false;
	answer_error(&a, &ctx, REPLY_BAD_KEY, NULL);
	assert_string_equal(a.text,
	    "HTTP/1.1 401 Unauthorized\r\n"
	    "Server: gatehouse\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "X-Frame-Options: DENY\r\n"
	    "Referrer-Policy: strict-origin-when-cross-origin\r\n"
	    "Permissions-Policy: geolocation=(), microphone=(), camera=()\r\n"
	    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	    "X-Request-Id: req-1\r\n"
	    "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
	    "Connection: close\r\n"
	    "WWW-Authenticate: Bearer\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: 118\r\n"
	    "\r\n"
	    "{\"error\":{\"message\":\"The API key is not valid.\","
	    "\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"invalid_api_"
	    "key\"}}");
}

static void
every_error_has_a_message_and_an_exact_length(void **state)
{
	char value[512];
	struct answer a;

	(void)state;
	for (int e = 0; e < ERRORS * 2; e++) {
		const bool anthropic = e >= ERRORS;
		const enum reply_error which = (enum reply_error)(e % ERRORS);
		const struct reply_context ctx =
		    context(anthropic ? DIALECT_ANTHROPIC : DIALECT_OPENAI);
		json_t *root, *error;

		answer_error(&a, &ctx, which, NULL);
		assert_int_equal(strtoul(a.text + sizeof("HTTP/1.1"), NULL, 10),
		    reply_error_status(which));
		assert_int_equal(
		    strtoul(header(&a, "Content-Length", value), NULL, 10), a.body_n);
		assert_header(&a, "Content-Type", "application/json");
		root = json_loadb(a.body, a.body_n, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(root);
		error = json_object_get(root, "error");
		assert_true(strlen(text_at(error, "message")) > 5);
		assert_true(strlen(text_at(error, "type")) > 5);
		assert_int_equal(json_object_size(error), anthropic ? 2 : 4);
		if (anthropic) {
			assert_string_equal(text_at(root, "type"), "error");
			assert_string_equal(text_at(root, "request_id"), "req-1");
		} else {
			assert_true(strlen(text_at(error, "code")) > 5);
			assert_true(json_is_null(json_object_get(error, "param")));
		}
		json_decref(root);
	}
}

static void
head_gets_the_same_headers_and_no_body(void **state)
{
	struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer with, without;
	struct sb b;

	(void)state;
	for (int e = 0; e < ERRORS; e++) {
		ctx.head = false;
		answer_error(&with, &ctx, (enum reply_error)e, NULL);
		ctx.head = true;
		answer_error(&without, &ctx, (enum reply_error)e, NULL);
		assert_int_equal(without.body_n, 0);
		assert_memory_equal(with.text, without.text, without.n);
	}
	b = sb_init(without.text, sizeof(without.text));
	reply_json(&b, &ctx, 200, SPAN("{\"status\":\"healthy\"}"));
	finish(&without, &b);
	assert_int_equal(without.body_n, 0);
	assert_header(&without, "Content-Length", "20");
}

static void
types_are_those_the_sdks_know(void **state)
{
	/* clang-format off */
	static const struct {
		enum reply_error e;
		const char *openai, *code, *anthropic;
	} row[] = {
		{ REPLY_BAD_REQUEST, "invalid_request_error", "bad_request", "invalid_request_error" },
		{ REPLY_NO_KEY, "invalid_request_error", "invalid_api_key", "authentication_error" },
		{ REPLY_BAD_KEY, "invalid_request_error", "invalid_api_key", "authentication_error" },
		{ REPLY_HTTPS_REQUIRED, "invalid_request_error", "https_required", "permission_error" },
		{ REPLY_NOT_FOUND, "invalid_request_error", "not_found", "not_found_error" },
		{ REPLY_TOO_LARGE, "invalid_request_error", "request_too_large", "request_too_large" },
		{ REPLY_RATE_LIMITED, "requests", "rate_limit_exceeded", "rate_limit_error" },
		{ REPLY_UPSTREAM_AUTH, "server_error", "upstream_auth_failed", "api_error" },
		{ REPLY_UPSTREAM_TIMEOUT, "server_error", "upstream_timeout", "api_error" },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct reply_context ctx = context(DIALECT_OPENAI);
		char wanted[128];
		struct answer a;

		answer_error(&a, &ctx, row[i].e, NULL);
		snprintf(wanted, sizeof(wanted),
		    "\"type\":\"%s\",\"param\":null,\"code\":\"%s\"", row[i].openai,
		    row[i].code);
		assert_non_null(strstr(a.body, wanted));
		ctx.dialect = DIALECT_ANTHROPIC;
		answer_error(&a, &ctx, row[i].e, NULL);
		snprintf(wanted, sizeof(wanted), "\"error\":{\"type\":\"%s\",",
		    row[i].anthropic);
		assert_non_null(strstr(a.body, wanted));
	}
}

static void
only_what_upstream_can_not_have_begun_may_be_tried_again(void **state)
{
	const struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;

	(void)state;
	for (int e = 0; e < ERRORS; e++) {
		const unsigned status = reply_error_status((enum reply_error)e);

		answer_error(&a, &ctx, (enum reply_error)e, NULL);
		if (e == REPLY_UPSTREAM_CONNECT || e == REPLY_CONNECT_TIMEOUT ||
		    e == REPLY_UPSTREAM_UNKNOWN || e == REPLY_DRAINING ||
		    e == REPLY_NO_MEMORY)
			assert_header(&a, "x-should-retry", "true");
		else if (status >= 500)
			assert_header(&a, "x-should-retry", "false");
		else if (status != 429)
			assert_no_header(&a, "x-should-retry");
	}
}

static void
a_429_says_how_long_to_wait(void **state)
{
	/* clang-format off */
	static const struct {
		uint64_t limit, ms;
		const char *seconds, *millis, *retry;
	} row[] = {
		{ 10, 1, "1", "1", "true" },
		{ 10, 1000, "1", "1000", "true" },
		{ 10, 1001, "2", "1001", "true" },
		{ 10, 60000, "60", "60000", "true" },
		{ 10, 60001, "61", "60001", "false" },
		{ 0, 1000, "1", "1000", "false" },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct reply_detail d = { .retry_after_ms = row[i].ms };
		struct reply_context ctx = context(DIALECT_OPENAI);
		struct answer a;

		ctx.rate = (struct reply_rate){ true, row[i].limit, 0, row[i].ms };
		answer_error(&a, &ctx, REPLY_RATE_LIMITED, &d);
		assert_header(&a, "Retry-After", row[i].seconds);
		assert_header(&a, "retry-after-ms", row[i].millis);
		assert_header(&a, "x-should-retry", row[i].retry);
		assert_header(&a, "X-RateLimit-Remaining", "0");
	}
}

static void
details_replace_the_tables_texts(void **state)
{
	const struct reply_detail d = {
		.allow = "POST", .message = "say \"so\"", .code = "unsupported_endpoint"
	};
	const struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;

	(void)state;
	answer_error(&a, &ctx, REPLY_METHOD, &d);
	assert_header(&a, "Allow", "POST");
	assert_string_equal(a.body,
	    "{\"error\":{\"message\":\"say "
	    "\\\"so\\\"\",\"type\":\"invalid_request_error\","
	    "\"param\":null,\"code\":\"unsupported_endpoint\"}}");
}

static void
rate_headers_come_in_three_spellings(void **state)
{
	struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;
	struct sb b;

	(void)state;
	ctx.rate = (struct reply_rate){ true, 100, 42, 61500 };
	b = sb_init(a.text, sizeof(a.text));
	reply_json(&b, &ctx, 200, SPAN("{}"));
	finish(&a, &b);
	assert_header(&a, "X-RateLimit-Limit", "100");
	assert_header(&a, "X-RateLimit-Remaining", "42");
	assert_header(&a, "X-RateLimit-Reset", "784111839"); /* 838.750 rounded up */
	assert_header(&a, "x-ratelimit-limit-requests", "100");
	assert_header(&a, "x-ratelimit-remaining-requests", "42");
	assert_header(&a, "x-ratelimit-reset-requests", "1m1.5s");
	assert_no_header(&a, "anthropic-ratelimit-requests-limit");
	assert_no_header(&a, "request-id");

	ctx.dialect = DIALECT_ANTHROPIC;
	b = sb_init(a.text, sizeof(a.text));
	reply_json(&b, &ctx, 200, SPAN("{}"));
	finish(&a, &b);
	assert_header(&a, "anthropic-ratelimit-requests-limit", "100");
	assert_header(&a, "anthropic-ratelimit-requests-remaining", "42");
	assert_header(&a, "anthropic-ratelimit-requests-reset", "1994-11-06T08:50:39Z");
	assert_header(&a, "X-RateLimit-Limit", "100");
	assert_header(&a, "request-id", "req-1");
}

static void
a_401_tells_of_no_window(void **state)
{
	struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;

	(void)state;
	ctx.rate = (struct reply_rate){ true, 100, 42, 1000 };
	answer_error(&a, &ctx, REPLY_BAD_KEY, NULL);
	assert_no_header(&a, "X-RateLimit-Limit");
	answer_error(&a, &ctx, REPLY_NO_KEY, NULL);
	assert_null(strstr(a.text, "atelimit"));
	answer_error(&a, &ctx, REPLY_NOT_FOUND, NULL);
	assert_header(&a, "X-RateLimit-Limit", "100");
}

static void
the_connection_header_says_what_happens_next(void **state)
{
	struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;

	(void)state;
	answer_error(&a, &ctx, REPLY_NOT_FOUND, NULL);
	assert_no_header(&a, "Connection");
	ctx.minor = 0;
	answer_error(&a, &ctx, REPLY_NOT_FOUND, NULL);
	assert_header(&a, "Connection", "keep-alive");
	ctx.keep_alive = false;
	answer_error(&a, &ctx, REPLY_NOT_FOUND, NULL);
	assert_header(&a, "Connection", "close");
}

static void
an_allowed_origin_may_read_every_answer(void **state)
{
	struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;
	char value[512];

	(void)state;
	answer_error(&a, &ctx, REPLY_BAD_KEY, NULL);
	assert_no_header(&a, "Access-Control-Allow-Origin");
	assert_no_header(&a, "Vary");
	ctx.cors_origin = SPAN("https://app.example");
	answer_error(&a, &ctx, REPLY_BAD_KEY, NULL);
	assert_header(&a, "Access-Control-Allow-Origin", "https://app.example");
	assert_header(&a, "Vary", "Origin");
	assert_no_header(&a, "Access-Control-Allow-Credentials");
	header(&a, "Access-Control-Expose-Headers", value);
	assert_non_null(strstr(value, "X-Request-Id, request-id, Retry-After, "));
	assert_non_null(strstr(value, "x-ratelimit-reset-requests"));
	assert_non_null(strstr(value, "anthropic-ratelimit-requests-reset"));
}

static void
preflight(struct answer *a, const struct reply_context *ctx, struct span asked)
{
	struct sb b = sb_init(a->text, sizeof(a->text));

	reply_preflight(&b, ctx, asked);
	finish(a, &b);
}

static void
a_preflight_allows_what_is_asked_and_repeats_no_nonsense(void **state)
{
	static char longest[REPLY_MAX_ASKED + 1];
	struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;

	(void)state;
	ctx.cors_origin = SPAN("*");
	preflight(&a, &ctx, SPAN("authorization, x-stainless-os"));
	assert_true(strncmp(a.text, "HTTP/1.1 204 ", 13) == 0);
	assert_int_equal(a.body_n, 0);
	assert_no_header(&a, "Content-Length");
	assert_header(&a, "Access-Control-Allow-Methods", "GET, POST, DELETE");
	assert_header(&a, "Access-Control-Allow-Headers", "authorization, x-stainless-os");
	assert_header(&a, "Access-Control-Max-Age", "600");

	preflight(&a, &ctx, SPAN(""));
	assert_no_header(&a, "Access-Control-Allow-Headers");
	preflight(&a, &ctx, SPAN("a\r\nSet-Cookie: x"));
	assert_no_header(&a, "Access-Control-Allow-Headers");
	assert_null(strstr(a.text, "Cookie"));
	preflight(&a, &ctx, SPAN("a\0b"));
	assert_no_header(&a, "Access-Control-Allow-Headers");
	memset(longest, 'a', sizeof(longest));
	preflight(&a, &ctx, (struct span){ longest, sizeof(longest) });
	assert_no_header(&a, "Access-Control-Allow-Headers");
	preflight(&a, &ctx, (struct span){ longest, sizeof(longest) - 1 });
	assert_non_null(strstr(a.text, "Access-Control-Allow-Headers: aaa"));

	ctx.cors_origin.n = 0;
	preflight(&a, &ctx, SPAN("authorization"));
	assert_null(strstr(a.text, "Access-Control"));
}

static void
a_redirect_carries_no_byte_that_could_end_its_line(void **state)
{
	static const char *const bad[] = { "https://h/a b", "https://h/\r\nX: y",
		"https://h/\x7f", "https://h/\xc3" };
	const struct reply_context ctx = context(DIALECT_OPENAI);
	struct answer a;
	struct sb b = sb_init(a.text, sizeof(a.text));

	(void)state;
	reply_redirect(&b, &ctx, SPAN("https://h/admin?x=1"));
	finish(&a, &b);
	assert_true(strncmp(a.text, "HTTP/1.1 308 ", 13) == 0);
	assert_header(&a, "Location", "https://h/admin?x=1");
	assert_header(&a, "Content-Length", "0");
	assert_int_equal(a.body_n, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b = sb_init(a.text, sizeof(a.text));
		reply_redirect(&b, &ctx, span_of(bad[i]));
		finish(&a, &b);
		assert_true(strncmp(a.text, "HTTP/1.1 400 ", 13) == 0);
		assert_no_header(&a, "Location");
	}
}

static void
upstreams_word_does_not_replace_ours(void **state)
{
	static const char *const owned[] = { "Date", "SERVER", "alt-svc", "Connection",
		"request-id", "X-Request-ID", "x-frame-options", "Referrer-Policy",
		"permissions-policy", "X-Content-Type-Options",
		"Strict-Transport-Security", "Access-Control-Allow-Origin",
		"access-control-allow-credentials", "X-RateLimit-Limit",
		"x-ratelimit-remaining", "x-ratelimit-reset",
		"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
		"x-ratelimit-reset-requests", "anthropic-ratelimit-requests-limit",
		"anthropic-ratelimit-requests-remaining",
		"anthropic-ratelimit-requests-reset" };
	static const char *const passed[] = { "", "Content-Type", "content-length",
		"Dates", "cache-control", "Retry-After", "x-ratelimit-limit-tokens",
		"Vary", "openai-processing-ms", "access-control-", "Set-Cookie" };
	const struct reply_context ctx = context(DIALECT_OPENAI);

	(void)state;
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (!reply_owns_header(&ctx, span_of(owned[i])))
			fail_msg("%s", owned[i]);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (reply_owns_header(&ctx, span_of(passed[i])))
			fail_msg("%s", passed[i]);
}

static void
a_cut_stream_ends_in_one_error_event(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct reply_context ctx =
		    context(i & 1 ? DIALECT_ANTHROPIC : DIALECT_OPENAI);
		const bool chunked = (i & 2) != 0;
		char text[2048];
		struct sb b = sb_init(text, sizeof(text));
		const char *event = text, *data;
		size_t n;
		json_t *root;

		reply_stream_error(&b, &ctx, chunked);
		assert_false(b.over);
		n = b.n;
		text[b.n] = '\0';
		if (chunked) {
			char *rest;

			n = strtoul(text, &rest, 16);
			assert_memory_equal(rest, "\r\n", 2);
			event = rest + 2;
			assert_int_equal(b.n, (size_t)(event - text) + n + 2);
			assert_string_equal(event + n, "\r\n"); /* and no last chunk */
		}
		assert_memory_equal(event, "\n\n", 2);
		assert_memory_equal(event + n - 2, "\n\n", 2);
		assert_true((strstr(event, "event: error\ndata: ") != NULL) == (i & 1));
		data = strstr(event, "data: ") + 6;
		root = json_loadb(data, n - 2 - (size_t)(data - event), 0, NULL);
		assert_non_null(root);
		assert_non_null(json_object_get(root, "error"));
		json_decref(root);
	}
}

static void
an_answer_that_does_not_fit_is_known_by_its_builder(void **state)
{
	const struct reply_context ctx = context(DIALECT_OPENAI);
	char text[200];
	struct sb b = sb_init(text, sizeof(text));

	(void)state;
	reply_error(&b, &ctx, REPLY_NOT_FOUND, NULL);
	assert_true(b.over);
}

static void
request_ids_are_of_a_safe_alphabet_and_length(void **state)
{
	static char longest[REQUEST_ID_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_true(reply_request_id_ok(SPAN("aZ09._-")));
	assert_true(reply_request_id_ok((struct span){ longest, REQUEST_ID_MAX }));
	assert_false(reply_request_id_ok((struct span){ longest, REQUEST_ID_MAX + 1 }));
	assert_false(reply_request_id_ok(SPAN("")));
	assert_false(reply_request_id_ok(SPAN("a b")));
	assert_false(reply_request_id_ok(SPAN("a\nb")));
	assert_false(reply_request_id_ok(SPAN("a/b")));
	assert_false(reply_request_id_ok(SPAN("\xc3\xa9")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_error_is_exactly_this),
		cmocka_unit_test(every_error_has_a_message_and_an_exact_length),
		cmocka_unit_test(head_gets_the_same_headers_and_no_body),
		cmocka_unit_test(types_are_those_the_sdks_know),
		cmocka_unit_test(only_what_upstream_can_not_have_begun_may_be_tried_again),
		cmocka_unit_test(a_429_says_how_long_to_wait),
		cmocka_unit_test(details_replace_the_tables_texts),
		cmocka_unit_test(rate_headers_come_in_three_spellings),
		cmocka_unit_test(a_401_tells_of_no_window),
		cmocka_unit_test(the_connection_header_says_what_happens_next),
		cmocka_unit_test(an_allowed_origin_may_read_every_answer),
		cmocka_unit_test(a_preflight_allows_what_is_asked_and_repeats_no_nonsense),
		cmocka_unit_test(a_redirect_carries_no_byte_that_could_end_its_line),
		cmocka_unit_test(upstreams_word_does_not_replace_ours),
		cmocka_unit_test(a_cut_stream_ends_in_one_error_event),
		cmocka_unit_test(an_answer_that_does_not_fit_is_known_by_its_builder),
		cmocka_unit_test(request_ids_are_of_a_safe_alphabet_and_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
