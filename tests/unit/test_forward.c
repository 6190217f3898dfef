/* Heads on their way through: what passes, what stays, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "worker/forward.h"

static char raw[8192]; /* of the head that is looked at; its spans point here */
static char built[8192];

static struct http1_head
read_head(enum http1_side side, const char *text)
{
	struct http1_head head;
	struct http1 h;
	enum http1_fault fault;
	size_t n = strlen(text);

	assert_true(n < sizeof(raw));
	memcpy(raw, text, n);
	http1_init(&h, side);
	assert_int_equal(
	    http1_read_head(&h, raw, n, sizeof(raw), false, &head, &fault), 0);
	return head;
}

static const char *
text_of(struct sb *out)
{
	assert_false(out->over);
	assert_true(out->n < sizeof(built));
	built[out->n] = '\0';
	return built;
}

static struct config
config(void)
{
	static char key[] = "upstream-key", authority[] = "proxy:8081";

	return (struct config){
		.privatemode_api_key = key,
		.upstream = { .authority = authority },
	};
}

static const char *
forwarded(const struct config *cfg, const char *text, struct span id)
{
	struct sb out = sb_init(built, sizeof(built) - 1);
	const struct http1_head head = read_head(HTTP1_REQUEST, text);

	forward_request(&out, cfg, &head, id);
	return text_of(&out);
}

static void
a_request_takes_along_only_what_upstream_needs(void **state)
{
	const struct config cfg = config();

	(void)state;
	assert_string_equal(
	    forwarded(&cfg,
		"POST /v1/chat/completions?a=%41b HTTP/1.0\r\nHost: team.example\r\n"
		"Authorization: Bearer pm_secret\r\nX-API-Key: pm_secret\r\n"
		"Cookie: c\r\nUser-Agent: u\r\nX-Stainless-OS: Linux\r\n"
		"X-Forwarded-For: 192.0.2.1\r\nForwarded: for=x\r\nVia: v\r\nReferer: r\r\n"
		"Origin: https://o\r\nAccept-Encoding: gzip\r\nAccept-Language: de\r\n"
		"X-Request-Id: theirs\r\nProxy-Authorization: p\r\n"
		"Content-Type: application/json\r\nContent-Length: 2\r\n"
		"content-encoding: x\r\nACCEPT: a;q=0.1,  b\r\n"
		"anthropic-version: 1\r\nanthropic-beta: b1\r\nanthropic-beta: b2\r\n"
		"OpenAI-Beta: o\r\nIdempotency-Key: i\r\n\r\n",
		(struct span){ 0 }),
	    "POST /v1/chat/completions?a=%41b HTTP/1.1\r\nHost: proxy:8081\r\n"
	    "Authorization: Bearer upstream-key\r\nAccept-Encoding: identity\r\n"
	    "Content-Type: application/json\r\ncontent-encoding: x\r\n"
	    "ACCEPT: a;q=0.1,  b\r\nanthropic-version: 1\r\nanthropic-beta: b1\r\n"
	    "anthropic-beta: b2\r\nOpenAI-Beta: o\r\nIdempotency-Key: i\r\n");
}

static void
the_client_s_own_request_id_goes_along_once(void **state)
{
	struct config cfg = config();

	(void)state;
	cfg.privatemode_api_key = NULL;
	assert_string_equal(forwarded(&cfg,
				"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Request-Id: "
				"id-1\r\n\r\n",
				SPAN("id-1")),
	    "GET /v1/models HTTP/1.1\r\nHost: proxy:8081\r\n"
	    "Accept-Encoding: identity\r\nX-Request-Id: id-1\r\n");
}

static void
further_headers_pass_when_they_are_named_but_no_hop_s_own(void **state)
{
	char tenant[] = "x-tenant", hop[] = "connection";
	char *names[] = { tenant, hop };
	struct config cfg = config();

	(void)state;
	cfg.upstream_headers = (struct strlist){ .v = names, .n = 2 };
	assert_string_equal(forwarded(&cfg,
				"GET / HTTP/1.1\r\nHost: x\r\nX-TENANT: 1\r\n"
				"X-Tenant:\r\nX-Other: 2\r\nAccept: secret\r\n"
				"Connection: accept, keep-alive\r\n\r\n",
				(struct span){ 0 }),
	    "GET / HTTP/1.1\r\nHost: proxy:8081\r\nAuthorization: Bearer upstream-key\r\n"
	    "Accept-Encoding: identity\r\nX-TENANT: 1\r\nX-Tenant: \r\n");
}

static void
bytes_of_values_are_left_alone(void **state)
{
	const struct config cfg = config();

	(void)state;
	assert_non_null(strstr(
	    forwarded(&cfg,
		"GET /v1/x?q=\"%zz HTTP/1.1\r\nHost: x\r\nAccept: \t\xc3\xa4  \xff\t\r\n\r\n",
		(struct span){ 0 }),
	    "\r\nAccept: \xc3\xa4  \xff\r\n"));
}

static void
admin_is_told_who_asks_and_never_by_the_client(void **state)
{
	struct sb out = sb_init(built, sizeof(built) - 1);
	struct forward_origin origin = { .https = true };
	struct http1_head head = read_head(HTTP1_REQUEST,
	    "GET /admin HTTP/1.1\r\nHost: team.example\r\nCookie: c\r\n"
	    "X-Gatehouse-Client: 127.0.0.1\r\nx-gatehouse-id: 1\r\n"
	    "X-Gatehouse-Proto: https\r\nSec-Fetch-Site: none\r\nX-CSRF-Token: t\r\n"
	    "Origin: https://o\r\nX-Forwarded-For: 1.1.1.1\r\nAuthorization: Bearer a\r\n"
	    "If-None-Match: e\r\nAccept: a\r\nContent-Type: j\r\nUser-Agent: u\r\n\r\n");

	(void)state;
	assert_int_equal(addr_parse(SPAN("192.0.2.7"), &origin.client), 0);
	forward_admin_request(&out, &head, SPAN("id-2"), &origin);
	assert_string_equal(text_of(&out),
	    "GET /admin HTTP/1.1\r\nX-Gatehouse-Client: 192.0.2.7\r\n"
	    "X-Gatehouse-Proto: https\r\nX-Gatehouse-Id: id-2\r\n"
	    "Host: team.example\r\nCookie: c\r\nSec-Fetch-Site: none\r\n"
	    "X-CSRF-Token: t\r\nOrigin: https://o\r\nAuthorization: Bearer a\r\n"
	    "If-None-Match: e\r\nAccept: a\r\nContent-Type: j\r\n");
}

static void
an_answer_passes_whole_but_for_framing_hops_and_what_is_ours(void **state)
{
	const struct reply_context ctx = { .request_id = SPAN("id-3"),
		.minor = 1,
		.keep_alive = true,
		.now_ms = INT64_C(784111777000) };
	struct http1_head head = read_head(HTTP1_RESPONSE,
	    "HTTP/1.1 201 Whatever\r\nServer: theirs\r\nDate: then\r\nX-Request-Id: t\r\n"
	    "Access-Control-Allow-Origin: *\r\nConnection: keep-alive, x-hop\r\n"
	    "X-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 5\r\n"
	    "Content-Type: application/json\r\nX-A: 1\r\nX-A: 2\r\nSet-Cookie: c\r\n\r\n");
	struct sb out = sb_init(built, sizeof(built) - 1);
	const char *text;

	(void)state;
	forward_answer(&out, &ctx, &head, false);
	text = text_of(&out);
	assert_true(span_starts(span_of(text),
	    SPAN("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
		 "X-A: 1\r\nX-A: 2\r\nSet-Cookie: c\r\nServer: gatehouse\r\n")));
	assert_null(strstr(text, "theirs"));
	assert_null(strstr(text, "then"));
	assert_null(strstr(text, "Hop"));
	assert_null(strstr(text, "Keep-Alive"));
	assert_null(strstr(text, "Access-Control"));
	assert_null(strstr(text, "Content-Length"));
	assert_non_null(strstr(text, "\r\nX-Request-Id: id-3\r\n"));
}

static void
the_length_of_a_body_that_does_not_come_is_told_as_it_was(void **state)
{
	const struct reply_context ctx = {
		.request_id = SPAN("i"), .minor = 1, .keep_alive = true
	};
	struct http1_head head =
	    read_head(HTTP1_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
	struct sb out = sb_init(built, sizeof(built) - 1);

	(void)state;
	forward_answer(&out, &ctx, &head, true);
	assert_non_null(strstr(text_of(&out), "\r\nContent-Length: 12345\r\n"));
}

static void
an_interim_answer_keeps_its_fields_and_ends_in_an_empty_line(void **state)
{
	struct http1_head head = read_head(HTTP1_RESPONSE,
	    "HTTP/1.1 103 x\r\nLink: </a>\r\nLink: </b>\r\nConnection: y\r\nY: 1\r\n\r\n");
	struct sb out = sb_init(built, sizeof(built) - 1);

	(void)state;
	forward_interim(&out, &head);
	assert_string_equal(text_of(&out),
	    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n");
}

static void
framing_says_how_the_body_ends(void **state)
{
	struct sb out = sb_init(built, sizeof(built) - 1);

	(void)state;
	forward_framing(&out, HTTP1_LENGTH, UINT64_MAX);
	forward_framing(&out, HTTP1_LENGTH, 0);
	forward_framing(&out, HTTP1_CHUNKED, 7);
	forward_framing(&out, HTTP1_NO_BODY, 7);
	forward_framing(&out, HTTP1_UNTIL_CLOSE, 7);
	assert_string_equal(text_of(&out),
	    "Content-Length: 18446744073709551615\r\n\r\nContent-Length: 0\r\n\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n\r\n\r\n");
}

static void
a_chunk_s_size_is_told_in_hex_without_leading_zeros(void **state)
{
	struct sb out = sb_init(built, sizeof(built) - 1);

	(void)state;
	forward_chunk(&out, 0);
	forward_chunk(&out, 15);
	forward_chunk(&out, 16);
	forward_chunk(&out, UINT64_MAX);
	assert_string_equal(text_of(&out), "0\r\nf\r\n10\r\nffffffffffffffff\r\n");
}

static void
what_does_not_fit_is_noticed(void **state)
{
	const struct config cfg = config();
	const struct http1_head head =
	    read_head(HTTP1_REQUEST, "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
	char small[90];

	(void)state;
	for (size_t cap = 0; cap < sizeof(small); cap++) {
		struct sb out = sb_init(small, cap);

		forward_request(&out, &cfg, &head, (struct span){ 0 });
		assert_true(out.over);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_takes_along_only_what_upstream_needs),
		cmocka_unit_test(the_client_s_own_request_id_goes_along_once),
		cmocka_unit_test(further_headers_pass_when_they_are_named_but_no_hop_s_own),
		cmocka_unit_test(bytes_of_values_are_left_alone),
		cmocka_unit_test(admin_is_told_who_asks_and_never_by_the_client),
		cmocka_unit_test(
		    an_answer_passes_whole_but_for_framing_hops_and_what_is_ours),
		cmocka_unit_test(the_length_of_a_body_that_does_not_come_is_told_as_it_was),
		cmocka_unit_test(
		    an_interim_answer_keeps_its_fields_and_ends_in_an_empty_line),
		cmocka_unit_test(framing_says_how_the_body_ends),
		cmocka_unit_test(a_chunk_s_size_is_told_in_hex_without_leading_zeros),
		cmocka_unit_test(what_does_not_fit_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
