/* The ledger's bytes: order, widths, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/ledger_row.h"

static struct ledger_key
key_of(uint32_t hour, const char *key_id, const char *model, const char *endpoint)
{
	const struct ledger_row_key k = { hour, key_id, model, endpoint };
	struct ledger_key out;

	assert_int_equal(ledger_row_encode(&k, &out), 0);
	return out;
}

static int
compare(const struct ledger_key *a, const struct ledger_key *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int order = memcmp(a->b, b->b, n);

	return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static void
keys_sort_by_hour_then_names(void **state)
{
	const struct ledger_key sorted[] = { key_of(1, "a", "m", "e"),
		key_of(1, "a", "m", "f"), key_of(1, "a", "mm", "e"),
		key_of(1, "aa", "", "e"), key_of(1, "b", "a", "a"),
		key_of(256, "a", "a", "a"), key_of(0x01000000, "a", "a", "a") };
	struct ledger_key first;

	(void)state;
	for (size_t i = 1; i < sizeof(sorted) / sizeof(*sorted); i++)
		assert_true(compare(&sorted[i - 1], &sorted[i]) < 0);
	ledger_row_first(256, &first);
	assert_true(compare(&sorted[4], &first) < 0);
	assert_true(compare(&first, &sorted[5]) < 0);
}

static void
keys_come_back_as_they_were(void **state)
{
	struct ledger_key k = key_of(495000, "-", "", "transcriptions");
	struct ledger_row_key out;

	(void)state;
	assert_int_equal(ledger_row_decode(ledger_key_span(&k), &out), 0);
	assert_int_equal(out.hour, 495000);
	assert_string_equal(out.key_id, "-");
	assert_string_equal(out.model, "");
	assert_string_equal(out.endpoint, "transcriptions");
}

static void
names_have_a_bound(void **state)
{
	char name[LEDGER_NAME_MAX + 2];
	struct ledger_row_key k = { 1, name, name, name };
	struct ledger_key out;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[LEDGER_NAME_MAX] = '\0';
	assert_int_equal(ledger_row_encode(&k, &out), 0);
	assert_int_equal(out.n, LEDGER_KEY_MAX);
	name[LEDGER_NAME_MAX] = 'a';
	name[LEDGER_NAME_MAX + 1] = '\0';
	assert_int_equal(ledger_row_encode(&k, &out), ERR_TOO_LARGE);
}

static void
damaged_keys_are_refused(void **state)
{
	static const struct span bad[] = { { "", 0 }, { "\0\0\0\1", 4 },
		{ "\0\0\0\1a\0b\0", 8 }, { "\0\0\0\1a\0b\0c", 9 },
		{ "\0\0\0\1a\0b\0c\0d", 11 }, { "\0\0\0\1a\0b\0c\0\0", 11 } };
	struct ledger_row_key out;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ledger_row_decode(bad[i], &out), ERR_SYNTAX);
	assert_int_equal(ledger_row_decode(SPAN("\0\0\0\1a\0b\0c\0"), &out), 0);
}

static void
counters_are_little_endian_and_never_negative(void **state)
{
	struct ledger_counters c = { { 0x0102030405060708, 0, 0, 0, 0, 0, 0, 0,
	    INT64_MAX } };
	struct ledger_counters out;
	uint8_t b[LEDGER_COUNTERS_BYTES];

	(void)state;
	ledger_counters_encode(&c, b);
	assert_memory_equal(b, "\10\7\6\5\4\3\2\1", 8);
	assert_int_equal(
	    ledger_counters_decode((struct span){ (char *)b, sizeof(b) }, &out), 0);
	assert_memory_equal(&out, &c, sizeof(c));
	assert_int_equal(
	    ledger_counters_decode((struct span){ (char *)b, sizeof(b) - 1 }, &out),
	    ERR_SYNTAX);
	b[7] = 0x80;
	assert_int_equal(
	    ledger_counters_decode((struct span){ (char *)b, sizeof(b) }, &out),
	    ERR_SYNTAX);
}

static void
sums_stop_at_the_largest_value(void **state)
{
	struct ledger_counters sum = { { 1, INT64_MAX - 1 } };
	const struct ledger_counters more = { { 2, 2 } };

	(void)state;
	ledger_counters_add(&sum, &more);
	assert_int_equal(sum.v[0], 3);
	assert_true(sum.v[1] == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_sort_by_hour_then_names),
		cmocka_unit_test(keys_come_back_as_they_were),
		cmocka_unit_test(names_have_a_bound),
		cmocka_unit_test(damaged_keys_are_refused),
		cmocka_unit_test(counters_are_little_endian_and_never_negative),
		cmocka_unit_test(sums_stop_at_the_largest_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
