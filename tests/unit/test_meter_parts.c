/*
 * The meter's parts on their own: fast scans against the plain ones that other machines
 * use, and numbers to their last digit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/meter_number.h"
#include "worker/meter_pick.h"
#include "worker/meter_scan.h"

enum { TEXT_BYTES = 400, ROUNDS = 20000 };

/* A repeatable stream of numbers (xorshift). */
static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Where to look within TEXT_BYTES: any beginning and any end. */
static void
random_range(uint32_t *random, size_t *from_out, size_t *to_out)
{
	*from_out = next_random(random) % 40;
	*to_out = *from_out + next_random(random) % (TEXT_BYTES - *from_out);
}

/* Put c somewhere, and take away two of those that came before. */
static void
change_some(char text[TEXT_BYTES], uint32_t *random, char c)
{
	text[next_random(random) % TEXT_BYTES] = c;
	text[next_random(random) % TEXT_BYTES] = 'a';
	text[next_random(random) % TEXT_BYTES] = 'a';
}

/* --- scans --- */

static void
the_fast_search_finds_what_the_plain_one_does(void **state)
{
	char text[TEXT_BYTES];
	uint32_t random = 1;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (int round = 0; round < ROUNDS; round++) {
		size_t from, to, at;

		random_range(&random, &from, &to);
		at = next_random(&random) % TEXT_BYTES;
		text[at] = "a\"\\"[round % 3];
		assert_ptr_equal(scan_either(text + from, text + to, '"', '\\'),
		    scan_either_portable(text + from, text + to, '"', '\\'));
	}
}

static void
the_fast_search_in_a_text_finds_what_the_plain_one_does(void **state)
{
	static const char bytes[] = { 'a', '"', '\\', '\n', '\0', 0x1f, ' ', '!', '#',
		'[', 0x7f, (char)0x80, (char)0xff };
	char text[TEXT_BYTES];
	uint32_t random = 1;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (int round = 0; round < ROUNDS; round++) {
		const char *expected;
		size_t from, to;

		random_range(&random, &from, &to);
		change_some(text, &random, bytes[next_random(&random) % sizeof(bytes)]);
		expected = scan_text_portable(text + from, text + to);
		assert_ptr_equal(scan_text(text + from, text + to), expected);
		assert_ptr_equal(scan_text_long(text + from, text + to), expected);
		assert_ptr_equal(scan_text_blocks(text + from, text + to), expected);
	}
}

static void
the_fast_search_for_two_finds_what_the_plain_one_does(void **state)
{
	char text[TEXT_BYTES];
	uint32_t random = 1;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (int round = 0; round < ROUNDS; round++) {
		const char *expected;
		size_t from, to;

		random_range(&random, &from, &to);
		change_some(text, &random, "a\r\n"[next_random(&random) % 3]);
		expected = scan_pair_portable(text + from, text + to, '\r', '\n');
		assert_ptr_equal(scan_pair(text + from, text + to, '\r', '\n'), expected);
		assert_ptr_equal(
		    scan_pair_blocks(text + from, text + to, '\r', '\n'), expected);
	}
}

static void
the_fast_comparison_says_what_the_plain_one_does(void **state)
{
	char a[TEXT_BYTES], b[TEXT_BYTES];
	uint32_t random = 1;

	(void)state;
	memset(a, 'a', sizeof(a));
	memset(b, 'a', sizeof(b));
	for (int round = 0; round < ROUNDS; round++) {
		const size_t from = next_random(&random) % 40;
		const size_t n = next_random(&random) % (TEXT_BYTES - from);
		const size_t at = next_random(&random) % TEXT_BYTES;

		a[at] = "0189/:a"[next_random(&random) % 7];
		b[at] = "0189/:a"[next_random(&random) % 7];
		if (next_random(&random) % 4 != 0)
			b[at] = a[at];
		assert_int_equal(scan_alike(a + from, b + from, n),
		    scan_alike_portable(a + from, b + from, n));
	}
}

/* Run both scans over the pieces text is cut into; they must agree behind each. */
static void
compare_nests(const char *text, size_t n, uint32_t *random, bool in_text)
{
	struct scan_nest fast = { .depth = 1 + next_random(random) % 3,
		.in_text = in_text };
	struct scan_nest plain = fast;
	size_t at = 0;

	while (at < n && fast.depth > 0) {
		const size_t left = n - at;
		const size_t piece = 1 + next_random(random) % (left < 150 ? left : 150);
		const char *p = text + at, *end = p + piece;
		const char *to = scan_nest(&fast, p, end);

		assert_ptr_equal(to, scan_nest_portable(&plain, p, end));
		assert_int_equal(fast.depth, plain.depth);
		assert_int_equal(fast.in_text, plain.in_text);
		assert_int_equal(fast.escaped, plain.escaped);
		at += (size_t)(to - p);
	}
}

static void
the_fast_skip_ends_where_the_plain_one_does(void **state)
{
	static const char *const alphabets[] = {
		"\"\\{}[] a",
		"\\",
		"\\\"",
		"\"\\aaaaaaaaaaaaaaaa",
		"{[a,\"",
		"{}[]\"\"aaaaaaaaaa",
		"\x80\xfb\xfd\xdb\xdd\xff\"{}",
	};
	uint32_t random = 7;
	char text[TEXT_BYTES];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		const char *alphabet =
		    alphabets[(size_t)round % (sizeof(alphabets) / sizeof(alphabets[0]))];
		const size_t n = 1 + next_random(&random) % TEXT_BYTES;
		char *copy =
		    malloc(n); /* of its size, so that nothing is read behind it */

		assert_non_null(copy);
		for (size_t i = 0; i < n; i++)
			text[i] = alphabet[next_random(&random) % strlen(alphabet)];
		memcpy(copy, text, n);
		compare_nests(copy, n, &random, round % 2 == 0);
		free(copy);
	}
}

static void
a_nest_ends_behind_its_last_bracket(void **state)
{
	static const char text[] = "\"}\", [\"\\\"]\\\\\", {}], {\"a\":[]}}, \"usage\"";
	struct scan_nest s = { .depth = 1 };
	const char *to;

	(void)state;
	to = scan_nest(&s, text, text + sizeof(text) - 1);
	assert_string_equal(to, ", \"usage\"");
	assert_int_equal(s.depth, 0);
}

/* --- fields --- */

/* How often each id was given. */
static void
count_ids(void *arg, const struct pick_field *f, const struct pick_value *v)
{
	(void)v;
	((int *)arg)[f->id]++;
}

static void
objects_are_looked_into_down_to_a_bound(void **state)
{
	/* an object that holds itself: a field of each level is the same one */
	static struct pick_field inner[2];
	static const struct pick_fields in = { inner, 2 };
	static const struct pick_field root = { { "", 0 }, 0, &in };
	int times[3] = { 0 };
	struct pick k;

	(void)state;
	inner[0] = (struct pick_field){ SPAN("a"), 1, &in };
	inner[1] = (struct pick_field){ SPAN("n"), 2, NULL };
	pick_init(&k, &root);
	pick_feed(&k,
	    SPAN("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"n\":1},\"n\":1},\"n\":1},"
		 "\"n\":1},\"n\":1},\"n\":1}"),
	    count_ids, times);
	assert_true(pick_is_complete(&k));
	assert_int_equal(times[0], 2);         /* begins and ends */
	assert_int_equal(times[1], 3 + 3 + 1); /* the fifth begins only */
	assert_int_equal(times[2], PICK_LEVELS);
}

/* --- numbers --- */

#define INVALID UINT64_MAX

static void
whole_numbers_are_exact(void **state)
{
	/* clang-format off */
	static const struct { const char *text; uint64_t value; } row[] = {
		{ "0", 0 }, { "-0", 0 }, { "0.0", 0 }, { "0e5", 0 }, { "0e-5", 0 }, { "-0.0e99999", 0 },
		{ "7", 7 }, { "007", 7 }, { "12.0", 12 }, { "12.000000000000000000000000000000", 12 },
		{ "1e3", 1000 }, { "1E3", 1000 }, { "1e+3", 1000 }, { "1.5e1", 15 }, { "150e-1", 15 },
		{ "0.000000001e9", 1 }, { "1000000000", 1000000000 }, { "1e9", 1000000000 },
		{ "10000000000000000000000000000e-20", 100000000 },
		{ "999999999", 999999999 }, { "0000000000000000000000000000001", 1 },
		{ "1000000001", INVALID }, { "1e10", INVALID }, { "1e999999999999999999", INVALID },
		{ "18446744073709551615", INVALID }, { "18446744073709551616", INVALID },
		{ "99999999999999999999999999999999", INVALID },
		{ "-1", INVALID }, { "-1e-9", INVALID }, { "1.5", INVALID }, { "1e-1", INVALID },
		{ "1e-99999999999", INVALID }, { "0.1", INVALID }, { "12.00000000000000000000000001", INVALID },
		{ "10000000000000000000000000001e-20", INVALID },
		{ "", INVALID }, { "-", INVALID }, { "+1", INVALID }, { "1.", INVALID }, { ".5", INVALID },
		{ "1e", INVALID }, { "1e+", INVALID }, { "1 ", INVALID }, { " 1", INVALID }, { "1x", INVALID },
		{ "0x10", INVALID }, { "--1", INVALID }, { "1.2.3", INVALID }, { "1e1e1", INVALID },
		{ "NaN", INVALID }, { "Infinity", INVALID }, { "-Infinity", INVALID }, { "true", INVALID },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t value = INVALID;
		int r = meter_number_whole(span_of(row[i].text), 1000000000, &value);

		if (value != row[i].value ||
		    r != (row[i].value == INVALID ? ERR_INVALID : 0))
			fail_msg("%s: %llu", row[i].text, (unsigned long long)value);
	}
}

static void
seconds_are_rounded_to_the_nearest_millisecond(void **state)
{
	/* clang-format off */
	static const struct { const char *text; uint64_t ms; } row[] = {
		{ "0", 0 }, { "1", 1000 }, { "1.5", 1500 }, { "3.0004", 3000 }, { "3.0005", 3001 },
		{ "3.00049999999999999999999999", 3000 }, { "8.470000095367432", 8470 }, { "0.0005", 1 },
		{ "0.00049", 0 }, { "1e-3", 1 }, { "5e-4", 1 }, { "4e-4", 0 }, { "9e-20", 0 }, { "9e-9999", 0 },
		{ "0.9999999999999999999999999999", 1000 }, { "1000000", 1000000000 }, { "1e6", 1000000000 },
		{ "1000000.0004", 1000000000 }, { "1000000.0005", INVALID }, { "1000000.001", INVALID },
		{ "-1", INVALID }, { "-0.0001", INVALID }, { "1e300", INVALID }, { "inf", INVALID }, { "", INVALID },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t ms = INVALID;
		int r = meter_number_ms(span_of(row[i].text), 1000000000, &ms);

		if (ms != row[i].ms || r != (row[i].ms == INVALID ? ERR_INVALID : 0))
			fail_msg("%s: %llu", row[i].text, (unsigned long long)ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fast_search_in_a_text_finds_what_the_plain_one_does),
		cmocka_unit_test(the_fast_search_for_two_finds_what_the_plain_one_does),
		cmocka_unit_test(the_fast_comparison_says_what_the_plain_one_does),
		cmocka_unit_test(the_fast_search_finds_what_the_plain_one_does),
		cmocka_unit_test(the_fast_skip_ends_where_the_plain_one_does),
		cmocka_unit_test(a_nest_ends_behind_its_last_bracket),
		cmocka_unit_test(objects_are_looked_into_down_to_a_bound),
		cmocka_unit_test(whole_numbers_are_exact),
		cmocka_unit_test(seconds_are_rounded_to_the_nearest_millisecond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
