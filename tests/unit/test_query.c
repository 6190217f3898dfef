/* Percent-encoding and queries, the broken ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/query.h"

static void
escapes_are_decoded(void **state)
{
	static const struct {
		const char *in, *out;
		bool plus;
	} cases[] = {
		{ "", "", false },
		{ "plain-._~", "plain-._~", false },
		{ "%41%7a", "Az", false },
		{ "a+b", "a+b", false },
		{ "a+b", "a b", true },
		{ "%2B%2b", "++", true },
		{ "%C3%A4", "\xc3\xa4", false },
		{ "%2e%2e%2F%22%3Cb%3E", "../\"<b>", false },
		{ "%2541", "%41", false },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    query_decode(span_of(cases[i].in), cases[i].plus, out, sizeof(out)),
		    0);
		assert_string_equal(out, cases[i].out);
	}
}

static void
broken_escapes_nul_and_foreign_bytes_are_refused(void **state)
{
	static const char *const bad[] = { "%", "%4", "a%4", "%zz", "%00", "a%00b", "%ff",
		"%C3", "%ED%A0%80", "%C0%80", "\xff" };
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    query_decode(span_of(bad[i]), false, out, sizeof(out)), ERR_SYNTAX);
}

static void
what_has_no_room_is_refused(void **state)
{
	char out[4];

	(void)state;
	assert_int_equal(query_decode(span_of("abc"), false, out, sizeof(out)), 0);
	assert_int_equal(
	    query_decode(span_of("abcd"), false, out, sizeof(out)), ERR_TOO_LARGE);
}

static void
parameters_are_found_by_name(void **state)
{
	struct query *q = NULL;

	(void)state;
	assert_int_equal(
	    query_parse(span_of("a=1&b=x%26y+z&&empty=&bare&%61%62=c=d"), &q), 0);
	assert_string_equal(query_get(q, "a"), "1");
	assert_string_equal(query_get(q, "b"), "x&y z");
	assert_string_equal(query_get(q, "empty"), "");
	assert_string_equal(query_get(q, "bare"), "");
	assert_string_equal(query_get(q, "ab"), "c=d");
	assert_null(query_get(q, "x"));
	query_destroy(&q);
	assert_null(q);
	assert_int_equal(query_parse(span_of(NULL), &q), 0);
	assert_null(query_get(q, "a"));
	query_destroy(&q);
	assert_null(query_get(NULL, "a"));
}

static void
queries_that_are_broken_doubled_or_too_long_are_refused(void **state)
{
	char text[QUERY_BYTES_MAX + 2];
	struct query *q = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(query_parse(span_of("a=%"), &q), ERR_SYNTAX);
	assert_int_equal(query_parse(span_of("a=1&%61=2"), &q), ERR_SYNTAX);
	memset(text, 'a', sizeof(text));
	assert_int_equal(query_parse((struct span){ text, QUERY_BYTES_MAX }, &q), 0);
	query_destroy(&q);
	assert_int_equal(
	    query_parse((struct span){ text, QUERY_BYTES_MAX + 1 }, &q), ERR_TOO_LARGE);
	for (int i = 0; i <= QUERY_PAIRS_MAX; i++) {
		text[n++] = (char)('A' + i);
		text[n++] = '&';
	}
	assert_int_equal(query_parse((struct span){ text, n }, &q), ERR_TOO_LARGE);
	assert_null(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(broken_escapes_nul_and_foreign_bytes_are_refused),
		cmocka_unit_test(what_has_no_room_is_refused),
		cmocka_unit_test(parameters_are_found_by_name),
		cmocka_unit_test(queries_that_are_broken_doubled_or_too_long_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
