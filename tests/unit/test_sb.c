/* The string builder: exact bytes, and an overflow that is never silent. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "common/sb.h"

#define ASSERT_SB(b, text)                                                               \
	do {                                                                             \
		assert_int_equal((b).n, strlen(text));                                   \
		assert_memory_equal((b).p, text, (b).n);                                 \
	} while (0)

static void
numbers_are_written_in_decimal_up_to_their_bounds(void **state)
{
	char room[128];
	struct sb b = sb_init(room, sizeof(room));

	(void)state;
	sb_u64(&b, 0);
	SB_LIT(&b, " ");
	sb_u64(&b, UINT64_MAX);
	SB_LIT(&b, " ");
	sb_i64(&b, -1);
	SB_LIT(&b, " ");
	sb_i64(&b, INT64_MIN);
	SB_LIT(&b, " ");
	sb_i64(&b, INT64_MAX);
	assert_false(b.over);
	ASSERT_SB(b, "0 18446744073709551615 -1 -9223372036854775808 9223372036854775807");
}

static void
what_does_not_fit_is_left_out_whole_and_remembered(void **state)
{
	char room[5];
	struct sb b = sb_init(room, sizeof(room));

	(void)state;
	sb_str(&b, "abc");
	sb_u64(&b, 123);
	assert_true(b.over);
	ASSERT_SB(b, "abc");
	sb_i64(&b, -12);
	ASSERT_SB(b, "abc");
	sb_str(&b, "de");
	ASSERT_SB(b, "abcde");
	assert_true(b.over);
}

static void
formatted_text_is_appended_or_not_at_all(void **state)
{
	char room[8];
	struct sb b = sb_init(room, sizeof(room));
	struct sb none = sb_init(NULL, 0);

	(void)state;
	sb_printf(&b, "%d-%s", 12, "ab");
	assert_false(b.over);
	ASSERT_SB(b, "12-ab");
	sb_printf(&b, "%s", "xyz"); /* its NUL has no room */
	assert_true(b.over);
	ASSERT_SB(b, "12-ab");
	b.over = false;
	sb_printf(&b, "%s", "xy");
	assert_false(b.over);
	ASSERT_SB(b, "12-abxy");
	sb_printf(&none, "x");
	assert_true(none.over);
	assert_int_equal(none.n, 0);
}

static void
a_json_string_escapes_what_must_be_escaped(void **state)
{
	char room[256];
	struct sb b = sb_init(room, sizeof(room));

	(void)state;
	sb_json(&b, SPAN("a\"\\/\b\f\n\r\t\x01\x1f\x7f z\0!"));
	assert_false(b.over);
	ASSERT_SB(b, "a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f z\\u0000!");
}

static void
only_well_formed_utf8_passes(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
		    "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80" },
		{ "\xC2\x80", "\xC2\x80" }, { "\xE0\xA0\x80", "\xE0\xA0\x80" },
		{ "\xED\x9F\xBF", "\xED\x9F\xBF" },
		{ "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF" }, { "\xFF", "?" },
		{ "\x80", "?" }, { "\xC0\x80", "??" },                /* overlong */
		{ "\xC1\xBF", "??" },                                 /* overlong */
		{ "\xE0\x9F\xBF", "???" },                            /* overlong */
		{ "\xED\xA0\x80", "???" },                            /* a surrogate */
		{ "\xF0\x8F\xBF\xBF", "????" },                       /* overlong */
		{ "\xF4\x90\x80\x80", "????" },                       /* over U+10FFFF */
		{ "\xF5\x80\x80\x80", "????" }, { "\xE2\x82", "??" }, /* cut short */
		{ "\xE2\x82z", "??z" },                               /* cut short */
		{ "\xC3\"", "?\\\"" }, /* no quote is swallowed */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char room[64], want[64];
		struct sb b = sb_init(room, sizeof(room));
		struct sb w = sb_init(want, sizeof(want));

		for (const char *p = cases[i].out; *p != '\0'; p++)
			if (*p == '?')
				SB_LIT(&w, "\xEF\xBF\xBD");
			else
				sb_put(&w, p, 1);
		sb_json(&b, span_of(cases[i].in));
		assert_int_equal(b.n, w.n);
		assert_memory_equal(b.p, w.p, w.n);
	}
}

/* Every pair of bytes, judged by a JSON parser that is not ours. */
static void
any_two_bytes_make_a_valid_json_string(void **state)
{
	(void)state;
	for (unsigned v = 0; v <= 0xFFFF; v++) {
		const char in[2] = { (char)(v >> 8), (char)(v & 0xFF) };
		char room[32];
		struct sb b = sb_init(room, sizeof(room));
		json_t *j;

		SB_LIT(&b, "\"");
		sb_json(&b, (struct span){ in, sizeof(in) });
		SB_LIT(&b, "\"");
		assert_false(b.over);
		j = json_loadb(b.p, b.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(j);
		if (in[0] >= 0 && in[1] >= 0) { /* ASCII comes back as it was */
			assert_int_equal(json_string_length(j), sizeof(in));
			assert_memory_equal(json_string_value(j), in, sizeof(in));
		}
		json_decref(j);
	}
}

static void
a_json_string_is_cut_between_characters(void **state)
{
	char room[4];
	struct sb b = sb_init(room, sizeof(room));
	struct sb e = sb_init(room, sizeof(room));

	(void)state;
	sb_json(&b, SPAN("abc\xC3\xA4z"));
	assert_true(b.over);
	ASSERT_SB(b, "abc"); /* the z would fit, but not after a hole */
	sb_json(&e, SPAN("abc\n"));
	assert_true(e.over);
	ASSERT_SB(e, "abc");
}

static void
an_empty_span_is_nothing(void **state)
{
	char room[4];
	struct sb b = sb_init(room, sizeof(room));

	(void)state;
	sb_json(&b, span_of(NULL));
	sb_span(&b, span_of(NULL));
	sb_str(&b, "");
	assert_int_equal(b.n, 0);
	assert_false(b.over);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_in_decimal_up_to_their_bounds),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole_and_remembered),
		cmocka_unit_test(formatted_text_is_appended_or_not_at_all),
		cmocka_unit_test(a_json_string_escapes_what_must_be_escaped),
		cmocka_unit_test(only_well_formed_utf8_passes),
		cmocka_unit_test(any_two_bytes_make_a_valid_json_string),
		cmocka_unit_test(a_json_string_is_cut_between_characters),
		cmocka_unit_test(an_empty_span_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
