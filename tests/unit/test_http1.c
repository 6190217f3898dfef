/*
 * worker/http1: the table of http1_cases.h at every split, the limits at their
 * edges, and the questions that the rest of the worker asks a head.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/http1_drive.h"
#include "tests/unit/http1_cases.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { MAX_HEAD = 16384 };

static const struct drive_arrival at_once = { .first = SIZE_MAX };
static const struct drive_arrival byte_by_byte = { .first = 0, .step = 1 };
static struct drive_result whole, pieces;

static void
run(enum http1_side side, struct span bytes, struct drive_arrival a,
    struct drive_result *out)
{
	drive_run(side, false, MAX_HEAD, bytes.p, bytes.n, a, out);
}

/* Once at once, once byte by byte, and in two parts at every place. */
static void
run_all_ways(enum http1_side side, const char *name, struct span bytes)
{
	run(side, bytes, at_once, &whole);
	run(side, bytes, byte_by_byte, &pieces);
	if (!drive_same(&whole, &pieces))
		fail_msg("%s: another result byte by byte", name);
	for (size_t cut = 1; cut < bytes.n; cut++) {
		run(side, bytes, (struct drive_arrival){ .first = cut }, &pieces);
		if (!drive_same(&whole, &pieces))
			fail_msg("%s: another result when cut at %zu", name, cut);
	}
}

static void
check_bad(enum http1_side side, const struct bad_case *c, size_t n)
{
	for (; n > 0; n--, c++) {
		run_all_ways(side, c->name, c->bytes);
		if (whole.result == 0)
			fail_msg("%s: accepted", c->name);
		if (whole.in_head != (c->fault != HTTP1_OK))
			fail_msg("%s: refused in the wrong place", c->name);
		if (whole.fault != c->fault)
			fail_msg("%s: fault %d", c->name, (int)whole.fault);
	}
}

static void
check_good(enum http1_side side, const struct good_case *c, size_t n)
{
	for (; n > 0; n--, c++) {
		run_all_ways(side, c->name, c->bytes);
		if (whole.result != 0)
			fail_msg("%s: refused, %d", c->name, (int)whole.fault);
		if (whole.first.framing != c->framing || whole.messages != c->messages)
			fail_msg("%s: framing %d, %u messages", c->name,
			    (int)whole.first.framing, whole.messages);
		if (whole.first.keep_alive != c->keep_alive)
			fail_msg("%s: keep_alive %d", c->name, whole.first.keep_alive);
		if (strcmp(whole.ending, c->ending) != 0)
			fail_msg("%s: ends %s", c->name, whole.ending);
		if (c->body != NULL &&
		    (whole.body_bytes != strlen(c->body) ||
			memcmp(whole.body, c->body, whole.body_bytes) != 0))
			fail_msg("%s: body of %zu bytes", c->name, whole.body_bytes);
	}
}

static void
ambiguous_requests_are_refused_at_every_split(void **state)
{
	(void)state;
	check_bad(HTTP1_REQUEST, bad_requests, COUNT(bad_requests));
}

static void
good_requests_are_understood_at_every_split(void **state)
{
	(void)state;
	check_good(HTTP1_REQUEST, good_requests, COUNT(good_requests));
}

static void
ambiguous_answers_are_refused_at_every_split(void **state)
{
	(void)state;
	check_bad(HTTP1_RESPONSE, bad_answers, COUNT(bad_answers));
}

static void
good_answers_are_understood_at_every_split(void **state)
{
	(void)state;
	check_good(HTTP1_RESPONSE, good_answers, COUNT(good_answers));
}

static void
a_bad_line_is_refused_before_it_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(early_bad); i++) {
		run_all_ways(HTTP1_REQUEST, early_bad[i].p, early_bad[i]);
		if (whole.result == 0)
			fail_msg("prefix %zu is waited for", i);
		run(HTTP1_REQUEST, (struct span){ early_bad[i].p, early_bad[i].n - 1 },
		    at_once, &whole);
		if (whole.result != 0)
			fail_msg("prefix %zu is refused too early to know why", i);
	}
}

static void
an_answer_to_head_has_no_body_whatever_it_says(void **state)
{
	static const struct span answers[] = {
		B("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
		B("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
		B("HTTP/1.1 200 OK\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		drive_run(HTTP1_RESPONSE, true, MAX_HEAD, answers[i].p, answers[i].n,
		    at_once, &whole);
		assert_int_equal(whole.result, 0);
		assert_int_equal(whole.first.framing, HTTP1_NO_BODY);
		assert_int_equal(whole.messages, 1);
		assert_true(whole.first.keep_alive);
	}
}

/* A buffer that grows; big enough for every test here. */
struct text {
	char p[40000];
	size_t n;
};

static void
add(struct text *t, const char *s)
{
	const size_t n = strlen(s);

	assert_true(n <= sizeof(t->p) - t->n);
	memcpy(t->p + t->n, s, n);
	t->n += n;
}

static void
add_many(struct text *t, char c, size_t n)
{
	assert_true(n <= sizeof(t->p) - t->n);
	memset(t->p + t->n, c, n);
	t->n += n;
}

static void
check_text(const struct text *t, int result, enum http1_fault fault)
{
	const struct span bytes = { t->p, t->n };
	const struct drive_arrival odd = { .first = 1, .seed = 7 };

	run(HTTP1_REQUEST, bytes, at_once, &whole);
	assert_int_equal(whole.result, result);
	assert_int_equal(whole.fault, fault);
	run(HTTP1_REQUEST, bytes, byte_by_byte, &pieces);
	assert_true(drive_same(&whole, &pieces));
	run(HTTP1_REQUEST, bytes, odd, &pieces);
	assert_true(drive_same(&whole, &pieces));
}

/* A head of exactly n bytes, padded in its last field. */
static void
make_head(struct text *t, size_t n)
{
	t->n = 0;
	add(t, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	add_many(t, 'x', n - t->n - 4);
	add(t, "\r\n\r\n");
	assert_int_equal(t->n, n);
}

static void
a_head_of_max_head_bytes_is_the_longest(void **state)
{
	static struct text t;

	(void)state;
	make_head(&t, MAX_HEAD);
	check_text(&t, 0, HTTP1_OK);
	make_head(&t, MAX_HEAD + 1);
	check_text(&t, ERR_TOO_LARGE, HTTP1_HEAD_TOO_LARGE);
	make_head(&t, 2 * MAX_HEAD);
	check_text(&t, ERR_TOO_LARGE, HTTP1_HEAD_TOO_LARGE);
	t.n = MAX_HEAD; /* not complete, and can't become good */
	check_text(&t, ERR_TOO_LARGE, HTTP1_HEAD_TOO_LARGE);
	t.n = MAX_HEAD - 1;
	check_text(&t, 0, HTTP1_OK);
	assert_string_equal(whole.ending, "more");
}

static void
a_bad_line_of_a_huge_head_is_bad_and_not_large(void **state)
{
	static struct text t;

	(void)state;
	t.n = 0;
	add(&t, "GET / HTTP/1.1\r\nHost : a\r\nX: ");
	add_many(&t, 'x', MAX_HEAD);
	check_text(&t, ERR_SYNTAX, HTTP1_BAD);
}

static void
make_fields(struct text *t, unsigned fields)
{
	t->n = 0;
	add(t, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (unsigned i = 1; i < fields; i++)
		add(t, "X: y\r\n");
	add(t, "\r\n");
}

static void
a_hundred_fields_are_the_most(void **state)
{
	static struct text t;

	(void)state;
	make_fields(&t, HTTP1_MAX_FIELDS);
	check_text(&t, 0, HTTP1_OK);
	assert_int_equal(whole.first.n_fields, HTTP1_MAX_FIELDS);
	make_fields(&t, HTTP1_MAX_FIELDS + 1);
	check_text(&t, ERR_TOO_LARGE, HTTP1_HEAD_TOO_LARGE);
}

static void
make_target(struct text *t, size_t bytes)
{
	t->n = 0;
	add(t, "GET /");
	add_many(t, 'a', bytes - 1);
	add(t, " HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void
a_target_of_8192_bytes_is_the_longest(void **state)
{
	static struct text t;

	(void)state;
	make_target(&t, HTTP1_MAX_TARGET);
	check_text(&t, 0, HTTP1_OK);
	make_target(&t, HTTP1_MAX_TARGET + 1);
	check_text(&t, ERR_TOO_LARGE, HTTP1_TARGET_TOO_LONG);
	make_target(&t, 30000);
	check_text(&t, ERR_TOO_LARGE, HTTP1_TARGET_TOO_LONG);
}

static void
begin_chunks(struct text *t)
{
	t->n = 0;
	add(t, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void
make_extension(struct text *t, size_t line_bytes)
{
	begin_chunks(t);
	add(t, "3;");
	add_many(t, 'e', line_bytes - 4);
	add(t, "\r\nabc\r\n0\r\n\r\n");
}

static void
a_chunk_line_of_256_bytes_is_the_longest(void **state)
{
	static struct text t;

	(void)state;
	make_extension(&t, HTTP1_MAX_CHUNK_LINE);
	check_text(&t, 0, HTTP1_OK);
	assert_int_equal(whole.body_bytes, 3);
	make_extension(&t, HTTP1_MAX_CHUNK_LINE + 1);
	check_text(&t, ERR_SYNTAX, HTTP1_OK);
	begin_chunks(&t);
	add(&t, "3;");
	add_many(&t, 'e', 30000); /* without an end */
	check_text(&t, ERR_SYNTAX, HTTP1_OK);
}

static void
make_trailers(struct text *t, size_t bytes)
{
	begin_chunks(t);
	add(t, "0\r\n");
	for (; bytes >= 200; bytes -= 100) {
		add(t, "X: ");
		add_many(t, 'y', 95);
		add(t, "\r\n");
	}
	add(t, "X: ");
	add_many(t, 'y', bytes - 5);
	add(t, "\r\n\r\n");
}

static void
trailers_of_4096_bytes_are_the_most(void **state)
{
	static struct text t;

	(void)state;
	make_trailers(&t, HTTP1_MAX_TRAILERS);
	check_text(&t, 0, HTTP1_OK);
	assert_int_equal(whole.messages, 1);
	make_trailers(&t, HTTP1_MAX_TRAILERS + 1);
	check_text(&t, ERR_SYNTAX, HTTP1_OK);
}

static void
add_wordy_chunks(struct text *t, unsigned count, unsigned data)
{
	char size[16];

	begin_chunks(t);
	snprintf(size, sizeof(size), "%x;", data);
	for (unsigned i = 0; i < count; i++) {
		add(t, size);
		add_many(t, 'e', 200);
		add(t, "\r\n");
		add_many(t, 'd', data);
		add(t, "\r\n");
	}
	add(t, "0\r\n\r\n");
}

static void
extensions_may_not_go_on_and_on_with_hardly_any_data(void **state)
{
	static struct text t;

	(void)state;
	add_wordy_chunks(&t, 80, 1);
	check_text(&t, 0, HTTP1_OK);
	assert_int_equal(whole.body_bytes, 80);
	add_wordy_chunks(&t, 100, 1);
	check_text(&t, ERR_SYNTAX, HTTP1_OK);
	add_wordy_chunks(&t, 120, 95);
	check_text(&t, 0, HTTP1_OK);
	assert_int_equal(whole.body_bytes, 120 * 95);
}

static void
a_large_chunk_is_handed_out_as_it_comes(void **state)
{
	static struct text t;

	(void)state;
	begin_chunks(&t);
	add(&t, "7000\r\n");
	add_many(&t, 'd', 0x7000);
	add(&t, "\r\n0\r\n\r\n");
	check_text(&t, 0, HTTP1_OK);
	assert_int_equal(whole.body_bytes, 0x7000);
	assert_int_equal(whole.messages, 1);
}

static struct http1_head
head_of(enum http1_side side, struct span bytes)
{
	struct http1 parser;
	struct http1_head head;
	enum http1_fault fault;

	http1_init(&parser, side);
	assert_int_equal(
	    http1_read_head(&parser, bytes.p, bytes.n, MAX_HEAD, false, &head, &fault), 0);
	return head;
}

static void
assert_span(struct span s, const char *text)
{
	assert_int_equal(s.n, strlen(text));
	assert_memory_equal(s.p, text, s.n);
}

static void
a_head_is_handed_out_as_it_came(void **state)
{
	static const struct span bytes = B(
	    "PATCH /v1/a?b=%2F HTTP/1.1\r\nHost: gate:1\r\nX-One:  a, b \t\r\nx-one:\r\n"
	    "Expect: 100-continue\r\nContent-Length: 12\r\n\r\nabc");
	const struct http1_head head = head_of(HTTP1_REQUEST, bytes);

	(void)state;
	assert_int_equal(head.method, HTTP_PATCH);
	assert_span(head.target, "/v1/a?b=%2F");
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.framing, HTTP1_LENGTH);
	assert_int_equal(head.content_length, 12);
	assert_true(head.keep_alive);
	assert_true(head.expect_continue);
	assert_int_equal(head.bytes, bytes.n - 3);
	assert_int_equal(head.n_fields, 5);
	assert_span(head.fields[0].name, "Host");
	assert_span(head.fields[0].value, "gate:1");
	assert_span(head.fields[1].name, "X-One");
	assert_span(head.fields[1].value, "a, b");
	assert_span(head.fields[2].name, "x-one");
	assert_span(head.fields[2].value, "");
}

static void
an_expectation_in_1_0_is_not_met(void **state)
{
	static const struct span bytes =
	    B("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");

	(void)state;
	assert_false(head_of(HTTP1_REQUEST, bytes).expect_continue);
}

static void
fields_are_found_in_any_case_and_counted(void **state)
{
	static const struct span bytes =
	    B("GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: one\r\nx-api-key: two\r\n\r\n");
	const struct http1_head head = head_of(HTTP1_REQUEST, bytes);
	size_t count = 9;

	(void)state;
	assert_ptr_equal(http1_find(&head, SPAN("x-api-key"), &count), &head.fields[1]);
	assert_int_equal(count, 2);
	assert_ptr_equal(http1_find(&head, SPAN("host"), NULL), &head.fields[0]);
	assert_null(http1_find(&head, SPAN("x-api"), &count));
	assert_int_equal(count, 0);
}

static void
fields_of_one_hop_are_told_from_the_others(void **state)
{
	static const struct span bytes =
	    B("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Mine ,, close\r\nX-Mine: 1\r\n"
	      "connection: x-other\r\n\r\n");
	static const char *const hop[] = { "Connection", "Keep-Alive", "Proxy-Connection",
		"proxy-authenticate", "Proxy-Authorization", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade", "x-mine", "X-OTHER", "close" };
	static const char *const end[] = { "Host", "Content-Length", "X-Min", "X-Mine2",
		"Trailers", "" };
	const struct http1_head head = head_of(HTTP1_REQUEST, bytes);

	(void)state;
	for (size_t i = 0; i < COUNT(hop); i++)
		assert_true(http1_is_hop_by_hop(&head, span_of(hop[i])));
	for (size_t i = 0; i < COUNT(end); i++)
		assert_false(http1_is_hop_by_hop(&head, span_of(end[i])));
	assert_true(http1_connection_lists(&head, SPAN("x-mine")));
	assert_false(http1_connection_lists(&head, SPAN("keep-alive")));
	assert_false(head.keep_alive);
}

static void
the_end_of_a_connection_ends_only_what_it_may(void **state)
{
	struct http1_head head;
	enum http1_fault fault;
	struct http1 parser;

	(void)state;
	http1_init(&parser, HTTP1_RESPONSE);
	assert_int_equal(http1_eof(&parser), ERR_SYNTAX);
	assert_int_equal(http1_read_head(&parser, "HTTP/1.1 200 OK\r\n\r\n", 19, MAX_HEAD,
			     false, &head, &fault),
	    0);
	assert_false(http1_body_done(&parser));
	assert_int_equal(http1_eof(&parser), 0);
	assert_true(http1_body_done(&parser));
	assert_int_equal(http1_eof(&parser), ERR_SYNTAX);
}

static void
nothing_is_read_behind_a_refusal(void **state)
{
	static const struct span bad = B("GET  / HTTP/1.1\r\n");
	static const struct span good = LINE("GET / HTTP/1.1");
	struct http1_head head;
	enum http1_fault fault;
	struct http1 parser;
	struct span data;
	size_t used;
	bool end;

	(void)state;
	http1_init(&parser, HTTP1_REQUEST);
	assert_int_equal(
	    http1_read_head(&parser, bad.p, bad.n, MAX_HEAD, false, &head, &fault),
	    ERR_SYNTAX);
	assert_int_equal(
	    http1_read_head(&parser, good.p, good.n, MAX_HEAD, false, &head, &fault),
	    ERR_SYNTAX);
	assert_int_equal(fault, HTTP1_BAD);
	assert_int_equal(
	    http1_read_body(&parser, "abc", 3, &used, &data, &end), ERR_SYNTAX);
	assert_false(end);
	assert_false(http1_body_done(&parser));
}

static void
methods_and_statuses_have_their_texts(void **state)
{
	(void)state;
	assert_span(http_method_text(HTTP_GET), "GET");
	assert_span(http_method_text(HTTP_OPTIONS), "OPTIONS");
	assert_span(http_method_text(HTTP_PATCH), "PATCH");
	assert_string_equal(http_reason(200), "OK");
	assert_string_equal(http_reason(404), "Not Found");
	assert_string_equal(http_reason(431), "Request Header Fields Too Large");
	assert_string_equal(http_reason(299), "Unknown");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ambiguous_requests_are_refused_at_every_split),
		cmocka_unit_test(good_requests_are_understood_at_every_split),
		cmocka_unit_test(ambiguous_answers_are_refused_at_every_split),
		cmocka_unit_test(good_answers_are_understood_at_every_split),
		cmocka_unit_test(a_bad_line_is_refused_before_it_is_complete),
		cmocka_unit_test(an_answer_to_head_has_no_body_whatever_it_says),
		cmocka_unit_test(a_head_of_max_head_bytes_is_the_longest),
		cmocka_unit_test(a_bad_line_of_a_huge_head_is_bad_and_not_large),
		cmocka_unit_test(a_hundred_fields_are_the_most),
		cmocka_unit_test(a_target_of_8192_bytes_is_the_longest),
		cmocka_unit_test(a_chunk_line_of_256_bytes_is_the_longest),
		cmocka_unit_test(trailers_of_4096_bytes_are_the_most),
		cmocka_unit_test(extensions_may_not_go_on_and_on_with_hardly_any_data),
		cmocka_unit_test(a_large_chunk_is_handed_out_as_it_comes),
		cmocka_unit_test(a_head_is_handed_out_as_it_came),
		cmocka_unit_test(an_expectation_in_1_0_is_not_met),
		cmocka_unit_test(fields_are_found_in_any_case_and_counted),
		cmocka_unit_test(fields_of_one_hop_are_told_from_the_others),
		cmocka_unit_test(the_end_of_a_connection_ends_only_what_it_may),
		cmocka_unit_test(nothing_is_read_behind_a_refusal),
		cmocka_unit_test(methods_and_statuses_have_their_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
