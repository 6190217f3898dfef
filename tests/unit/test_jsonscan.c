/* The look at a JSON object's top level: members, strings, brackets, cut texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/jsonscan.h"

static bool
has_error(const char *text)
{
	/* a copy of just that size, so that a read beyond it is noticed */
	size_t n = strlen(text);
	char *copy = malloc(n > 0 ? n : 1);
	bool r;

	assert_non_null(copy);
	memcpy(copy, text, n);
	r = json_object_has((struct span){ copy, n }, SPAN("error"));
	free(copy);
	return r;
}

static void
a_member_at_the_top_is_found(void **state)
{
	static const char *const texts[] = { "{\"error\":{}}",
		" \t\r\n{ \"error\" : null } \n",
		"{\"a\":[1,{\"b\":\"}\"}],\"error\":\"x\"}", "{\"error\":1,\"error\":2}",
		"{\"a\\\"\":1,\"error\":{\"message\":\"\\\\\"}}",
		"{\"\\u0065rror\":1,\"error\":[]}", "{\"error\"\n:\t\"{[\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_true(has_error(texts[i]));
}

static void
what_is_no_such_member_is_not_taken_for_one(void **state)
{
	static const char *const texts[] = { "", " ", "null", "\"error\"",
		"[{\"error\":1}]", "{}", "{\"errors\":1}", "{\"erro\":1}",
		"{\"Error\":1}", "{\"a\":{\"error\":1}}", "{\"a\":[\"error\"]}",
		"{\"a\":\"error\"}", "{\"a\":\"\\\"error\\\":1\"}", "{\"error\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(has_error(texts[i]));
}

static void
a_text_that_is_cut_or_goes_on_is_no_object(void **state)
{
	static const char whole[] = "{\"error\":{\"a\":[\"\\\"}\",1]}}";
	char text[sizeof(whole) + 1];

	(void)state;
	assert_true(has_error(whole));
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		memcpy(text, whole, n);
		text[n] = '\0';
		assert_false(has_error(text));
	}
	assert_false(has_error("{\"error\":1}x"));
	assert_false(has_error("{\"error\":1}{\"error\":1}"));
	assert_false(has_error("{\"error\":1}}"));
	assert_false(has_error("{\"error\":\"\\"));
}

static void
depth_has_no_limit(void **state)
{
	enum { DEPTH = 200000 };
	char *text = malloc(2 * (size_t)DEPTH + 32);
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	memcpy(text, "{\"error\":", 9);
	n = 9;
	memset(text + n, '[', DEPTH);
	memset(text + n + DEPTH, ']', DEPTH);
	n += 2 * (size_t)DEPTH;
	assert_false(json_object_has((struct span){ text, n }, SPAN("error")));
	text[n++] = '}';
	assert_true(json_object_has((struct span){ text, n }, SPAN("error")));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_at_the_top_is_found),
		cmocka_unit_test(what_is_no_such_member_is_not_taken_for_one),
		cmocka_unit_test(a_text_that_is_cut_or_goes_on_is_no_object),
		cmocka_unit_test(depth_has_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
