/* Adding up: what is not asked for is folded, rows come in the order asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/tally.h"

static const struct ledger_counters one = { { 1, 0, 10 } };

static struct tally *
tally_of(unsigned by)
{
	struct tally *t = NULL;

	assert_int_equal(tally_create(by, &t), 0);
	return t;
}

static void
add(struct tally *t, uint32_t hour, const char *key_id, const char *model)
{
	const struct ledger_row_key key = { hour, key_id, model, "chat" };

	assert_int_equal(tally_add(t, &key, &one), 0);
}

static void
what_is_not_asked_for_is_folded(void **state)
{
	struct tally *t = tally_of(TALLY_BY(TALLY_KEY));

	(void)state;
	add(t, 1, "a", "m");
	add(t, 2, "a", "n");
	add(t, 2, "b", "n");
	assert_int_equal(tally_count(t), 2);
	assert_string_equal(tally_at(t, 0)->key.key_id, "a");
	assert_string_equal(tally_at(t, 0)->key.model, "");
	assert_int_equal(tally_at(t, 0)->key.hour, 0);
	assert_int_equal(tally_at(t, 0)->counters.v[0], 2);
	assert_int_equal(tally_at(t, 0)->counters.v[2], 20);
	tally_destroy(&t);
	assert_null(t);
}

static void
by_nothing_all_is_one_row(void **state)
{
	struct tally *t = tally_of(0);
	struct ledger_counters sum;

	(void)state;
	tally_total(t, &sum);
	assert_int_equal(sum.v[0], 0);
	add(t, 1, "a", "m");
	add(t, 2, "b", "n");
	assert_int_equal(tally_count(t), 1);
	tally_total(t, &sum);
	assert_int_equal(sum.v[2], 20);
	tally_destroy(&t);
}

static void
rows_are_sorted_by_the_fields_in_their_order(void **state)
{
	static const enum tally_field by_key[] = { TALLY_KEY, TALLY_HOUR };
	static const enum tally_field by_hour[] = { TALLY_HOUR, TALLY_KEY };
	struct tally *t = tally_of(TALLY_BY(TALLY_HOUR) | TALLY_BY(TALLY_KEY));

	(void)state;
	add(t, 2, "a", "m");
	add(t, 1, "b", "m");
	add(t, 1, "a", "m");
	tally_sort(t, by_key, 2);
	assert_int_equal(tally_at(t, 0)->key.hour, 1);
	assert_int_equal(tally_at(t, 1)->key.hour, 2);
	assert_string_equal(tally_at(t, 2)->key.key_id, "b");
	tally_sort(t, by_hour, 2);
	assert_string_equal(tally_at(t, 1)->key.key_id, "b");
	assert_int_equal(tally_at(t, 2)->key.hour, 2);
	add(t, 1, "b", "m"); /* found again, wherever it stands now */
	assert_int_equal(tally_count(t), 3);
	assert_int_equal(tally_at(t, 1)->counters.v[0], 2);
	tally_destroy(&t);
}

static void
thousands_of_rows_are_each_found_again(void **state)
{
	enum { ROWS = 5000 };
	struct tally *t = tally_of(TALLY_BY(TALLY_KEY) | TALLY_BY(TALLY_MODEL));
	struct tally *copy = tally_of(TALLY_BY(TALLY_KEY) | TALLY_BY(TALLY_MODEL));
	struct ledger_counters sum;
	char key[16];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < ROWS; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			add(t, 0, key, i % 2 ? "m" : "n");
		}
	assert_int_equal(tally_count(t), ROWS);
	assert_int_equal(tally_add_all(copy, t), 0);
	assert_int_equal(tally_count(copy), ROWS);
	tally_total(copy, &sum);
	assert_int_equal(sum.v[0], 2 * ROWS);
	tally_destroy(&t);
	tally_destroy(&copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_asked_for_is_folded),
		cmocka_unit_test(by_nothing_all_is_one_row),
		cmocka_unit_test(rows_are_sorted_by_the_fields_in_their_order),
		cmocka_unit_test(thousands_of_rows_are_each_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
