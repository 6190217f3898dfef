/*
 * The ledger as a store of usage: counts enter once, ranges, days, imports, versions,
 * locks and backups. What it survives is in test_ledger_death.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/ledger_backup.h"
#include "admin/ledger_forget.h"
#include "admin/ledger_format.h"
#include "tests/unit/ledger_bench.h"

enum { HOUR = 24 * 20000 };

/* The one row that a range has. */
static struct ledger_sum
sum_of(struct ledger_bench *b, uint32_t from, uint32_t to)
{
	struct ledger_sum s;

	assert_int_equal(ledger_sum_range(b->ledger, from, to, &s), 0);
	return s;
}

static void
flush(struct ledger_bench *b, uint32_t hour, const char *key_id, uint32_t cell, int64_t n)
{
	const struct ledger_cell c = ledger_cell_of(1, cell, key_id, n);

	assert_int_equal(ledger_flush(b->ledger, hour, &c, 1, NULL), 0);
}

static void
what_a_cell_has_over_its_mark_is_added(void **state)
{
	struct ledger_cell cells[] = { ledger_cell_of(1, 0, "a", 5),
		ledger_cell_of(1, 1, "b", 7), ledger_cell_of(2, 0, "a", 100) };
	struct ledger_flush_stats stats;
	struct ledger_bench *b = *state;
	struct ledger_sum s;

	assert_int_equal(ledger_flush(b->ledger, HOUR, cells, 3, &stats), 0);
	assert_int_equal(stats.changed, 3);
	assert_int_equal(stats.went_back, 0);
	assert_int_equal(sum_of(b, HOUR, HOUR + 1).rows, 2);
	assert_int_equal(ledger_flush(b->ledger, HOUR, cells, 3, &stats), 0);
	assert_int_equal(stats.changed, 0);
	cells[0].counters.v[LEDGER_REQUESTS] += 3;
	assert_int_equal(ledger_flush(b->ledger, HOUR + 1, cells, 3, &stats), 0);
	assert_int_equal(stats.changed, 1);
	s = sum_of(b, HOUR, HOUR + 1);
	assert_true(ledger_counters_are(&s.total, 112));
	assert_int_equal(sum_of(b, HOUR + 1, HOUR + 2).total.v[LEDGER_REQUESTS], 3);
	assert_int_equal(sum_of(b, HOUR + 1, HOUR + 2).total.v[LEDGER_COST_NEUR], 0);
	assert_int_equal(ledger_bench_again(b), 0);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[LEDGER_REQUESTS], 115);
}

static void
a_cell_below_its_mark_adds_nothing_and_counts_on_from_there(void **state)
{
	struct ledger_cell c = ledger_cell_of(1, 0, "a", 50);
	struct ledger_flush_stats stats;
	struct ledger_bench *b = *state;

	assert_int_equal(ledger_flush(b->ledger, HOUR, &c, 1, NULL), 0);
	c = ledger_cell_of(1, 0, "a", 40);
	assert_int_equal(ledger_flush(b->ledger, HOUR, &c, 1, &stats), 0);
	assert_int_equal(stats.went_back, 1);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 50);
	c = ledger_cell_of(1, 0, "a", 41);
	assert_int_equal(ledger_flush(b->ledger, HOUR, &c, 1, &stats), 0);
	assert_int_equal(stats.went_back, 0);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 51);
	c.counters.v[0] = -1;
	assert_int_equal(ledger_flush(b->ledger, HOUR, &c, 1, NULL), 0);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 51);
}

static void
a_flush_that_fails_changes_nothing(void **state)
{
	char long_name[LEDGER_NAME_MAX + 2];
	struct ledger_cell cells[] = { ledger_cell_of(1, 0, "a", 5),
		ledger_cell_of(1, 1, long_name, 7) };
	struct ledger_bench *b = *state;
	struct ledger_sum s;

	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(ledger_flush(b->ledger, HOUR, cells, 2, NULL), ERR_TOO_LARGE);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).rows, 0);
	assert_int_equal(ledger_flush(b->ledger, HOUR, cells, 1, NULL), 0);
	s = sum_of(b, 0, UINT32_MAX);
	assert_true(ledger_counters_are(&s.total, 5));
}

static void
a_dropped_arena_leaves_its_usage_and_no_marks(void **state)
{
	struct ledger_bench *b = *state;
	struct ledger_cell other = ledger_cell_of(2, 0, "a", 1000);
	struct ledger_cell last = ledger_cell_of(UINT64_MAX, 0, "a", 0);

	for (uint32_t i = 0; i < 300; i++)
		flush(b, HOUR, "a", i, 1);
	assert_int_equal(ledger_flush(b->ledger, HOUR, &other, 1, NULL), 0);
	assert_int_equal(ledger_flush(b->ledger, HOUR, &last, 1, NULL), 0);
	assert_int_equal(ledger_drop_arena(b->ledger, 1), 0);
	assert_int_equal(ledger_drop_arena(b->ledger, 1), 0);
	assert_int_equal(ledger_drop_arena(b->ledger, UINT64_MAX), 0);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 1300);
	assert_int_equal(ledger_flush(b->ledger, HOUR, &other, 1, NULL), 0);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 1300);
	flush(b, HOUR, "a", 299, 1); /* the same number again is another arena */
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 1301);
}

struct collected {
	char text[256];
	int stop_at;
	int seen;
};

static int
collect(const struct ledger_row *row, void *arg)
{
	struct collected *c = arg;
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof(c->text) - n, "%u %s %s %s=%d;", row->key.hour,
	    row->key.key_id, row->key.model, row->key.endpoint, (int)row->counters.v[0]);
	return ++c->seen == c->stop_at ? 77 : 0;
}

static void
rows_come_in_order_within_their_range(void **state)
{
	struct ledger_bench *b = *state;
	struct collected c = { .seen = 0 };

	flush(b, 12, "b", 0, 1);
	flush(b, 11, "z", 1, 2);
	flush(b, 10, "a", 2, 3);
	flush(b, 11, "a", 3, 4);
	assert_int_equal(ledger_read(b->ledger, 11, 12, collect, &c), 0);
	assert_string_equal(c.text, "11 a model chat=4;11 z model chat=2;");
	c = (struct collected){ .stop_at = 2 };
	assert_int_equal(ledger_read(b->ledger, 0, UINT32_MAX, collect, &c), 77);
	assert_string_equal(c.text, "10 a model chat=3;11 a model chat=4;");
	c = (struct collected){ .seen = 0 };
	assert_int_equal(ledger_read(b->ledger, 13, UINT32_MAX, collect, &c), 0);
	assert_int_equal(ledger_read(b->ledger, 12, 12, collect, &c), 0);
	assert_string_equal(c.text, "");
}

static void
old_hours_are_folded_into_their_days(void **state)
{
	struct ledger_bench *b = *state;
	size_t folded, all = 0;

	for (uint32_t h = 0; h < 5 * 24; h++) {
		flush(b, HOUR + h, "a", h, 1);
		flush(b, HOUR + h, "b", 1000 + h, 2);
	}
	assert_int_equal(ledger_retain(b->ledger, HOUR + 5 * 24 - 1, 0, 10, &folded), 0);
	assert_int_equal(folded, 0);
	do {
		assert_int_equal(
		    ledger_retain(b->ledger, HOUR + 5 * 24 - 1, 2, 7, &folded), 0);
		assert_in_range(folded, 0, 7);
		all += folded;
	} while (folded == 7);
	assert_int_equal(all, 2 * 2 * 23);
	assert_int_equal(sum_of(b, HOUR, HOUR + 24).rows, 2);
	assert_int_equal(sum_of(b, HOUR, HOUR + 1).total.v[0], 24 * 3);
	assert_int_equal(sum_of(b, HOUR + 24, HOUR + 48).rows, 2);
	assert_int_equal(sum_of(b, HOUR + 48, HOUR + 120).rows, 3 * 24 * 2);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 5 * 24 * 3);
	flush(b, HOUR + 5, "a", 0, 11); /* late: an hour of a folded day */
	assert_int_equal(ledger_retain(b->ledger, HOUR + 5 * 24 - 1, 2, 7, &folded), 0);
	assert_int_equal(folded, 1);
	assert_int_equal(sum_of(b, HOUR, HOUR + 1).total.v[0], 24 * 3 + 10);
	assert_int_equal(ledger_retain(b->ledger, 5, 1000, 7, &folded), 0);
	assert_int_equal(folded, 0);
}

static void
an_import_enters_once_however_often_it_is_read(void **state)
{
	struct ledger_import v[] = {
		{ SPAN("r1"), { HOUR, "a", "m", "chat" }, { { 1, 0, 10 } }, false },
		{ SPAN("r2"), { HOUR, "a", "m", "chat" }, { { 1, 0, 20 } }, false },
		{ SPAN("r1"), { HOUR, "a", "m", "chat" }, { { 1, 0, 10 } }, false },
		{ SPAN("r3"), { HOUR, "a", "m", "chat" }, { { 1, 0, -1 } }, false },
	};
	struct ledger_bench *b = *state;
	size_t added;

	assert_int_equal(ledger_import_records(b->ledger, v, 1, &added), 0);
	assert_int_equal(added, 1);
	assert_int_equal(ledger_import_records(b->ledger, v, 3, &added), 0);
	assert_int_equal(added, 1);
	assert_int_equal(ledger_import_records(b->ledger, v + 1, 3, &added), ERR_INVALID);
	v[3].counters.v[2] = 30;
	assert_int_equal(ledger_import_records(b->ledger, v, 4, &added), 0);
	assert_int_equal(added, 1);
	v[3].id.n = 0;
	assert_int_equal(ledger_import_records(b->ledger, v + 3, 1, &added), ERR_INVALID);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 3);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[2], 60);
}

static void
of_an_imported_total_only_what_it_has_grown_by_is_added(void **state)
{
	struct ledger_import v = { SPAN("t"), { HOUR, "a", "m", "chat" },
		{ { 5, 0, 50 } }, true };
	struct ledger_bench *b = *state;
	size_t added;

	assert_int_equal(ledger_import_records(b->ledger, &v, 1, &added), 0);
	assert_int_equal(added, 1);
	assert_int_equal(ledger_import_records(b->ledger, &v, 1, &added), 0);
	assert_int_equal(added, 0);
	v.counters.v[0] = 7;
	v.counters.v[2] = 40; /* went back: nothing until it passes 50 again */
	assert_int_equal(ledger_import_records(b->ledger, &v, 1, &added), 0);
	assert_int_equal(added, 1);
	v.counters.v[2] = 53;
	v.key.hour = HOUR + 1;
	assert_int_equal(ledger_import_records(b->ledger, &v, 1, &added), 0);
	assert_int_equal(sum_of(b, HOUR, HOUR + 1).total.v[0], 7);
	assert_int_equal(sum_of(b, HOUR, HOUR + 1).total.v[2], 50);
	assert_int_equal(sum_of(b, HOUR + 1, HOUR + 2).total.v[2], 3);
}

enum { FORGET_HOURS = 700 };

static int
row_is_not_of_a(const struct ledger_row *row, void *arg)
{
	(void)arg;
	return strcmp(row->key.key_id, "a") == 0;
}

static void
a_forgotten_keys_usage_stays_in_the_totals_without_its_name(void **state)
{
	const struct ledger_counters one = { { 1, 0, 2 } };
	struct ledger_bench *b = *state;
	struct ledger_sum before, after;
	size_t n;

	for (uint32_t i = 0; i < FORGET_HOURS; i++) {
		struct ledger_cell v[2] = { { 1, 0, "a", "m", "chat", one },
			{ 1, 1, "b", "m", "chat", one } };

		v[0].cell = 2 * i;
		v[1].cell = 2 * i + 1;
		assert_int_equal(ledger_flush(b->ledger, HOUR + i, v, 2, NULL), 0);
	}
	before = sum_of(b, 0, UINT32_MAX);
	assert_int_equal(ledger_forget(b->ledger, "nobody", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ledger_forget(b->ledger, "forgotten", &n), ERR_INVALID);
	assert_int_equal(ledger_forget(b->ledger, "a", &n), 0);
	assert_int_equal(n, FORGET_HOURS);
	assert_int_equal(ledger_read(b->ledger, 0, UINT32_MAX, row_is_not_of_a, NULL), 0);
	after = sum_of(b, 0, UINT32_MAX);
	assert_int_equal(after.rows, before.rows);
	assert_memory_equal(&after.total, &before.total, sizeof(before.total));
	assert_int_equal(ledger_forget(b->ledger, "b", &n), 0);
	assert_int_equal(n, FORGET_HOURS);
	after = sum_of(b, 0, UINT32_MAX);
	assert_int_equal(after.rows, FORGET_HOURS);
	assert_memory_equal(&after.total, &before.total, sizeof(before.total));
}

static int
see_mark(uint32_t cell, const struct ledger_counters *mark, void *arg)
{
	size_t *seen = arg;

	assert_int_equal(cell, *seen);
	assert_true(ledger_counters_are(mark, 3));
	++*seen;
	return 0;
}

static void
marks_are_read_arena_by_arena(void **state)
{
	const struct ledger_cell v[] = { ledger_cell_of(7, 0, "a", 3),
		ledger_cell_of(7, 1, "b", 3), ledger_cell_of(UINT64_MAX, 0, "a", 3) };
	struct ledger_bench *b = *state;
	uint64_t arena;
	size_t seen = 0;

	assert_int_equal(ledger_marks_next(b->ledger, 0, &arena), -ENOENT);
	assert_int_equal(ledger_flush(b->ledger, HOUR, v, 3, NULL), 0);
	assert_int_equal(ledger_marks_read(b->ledger, 7, see_mark, &seen), 0);
	assert_int_equal(seen, 2);
	seen = 0;
	assert_int_equal(ledger_marks_read(b->ledger, 8, see_mark, &seen), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(ledger_marks_next(b->ledger, 0, &arena), 0);
	assert_int_equal(arena, 7);
	assert_int_equal(ledger_marks_next(b->ledger, 8, &arena), 0);
	assert_true(arena == UINT64_MAX);
}

static void
the_first_import_is_remembered(void **state)
{
	struct ledger_bench *b = *state;
	const struct ledger_cell v = ledger_cell_of(1, 0, "a", 1);
	enum ledger_first first;
	bool used;

	assert_int_equal(ledger_first_get(b->ledger, &first), 0);
	assert_int_equal(first, LEDGER_FIRST_NONE);
	assert_int_equal(ledger_is_used(b->ledger, &used), 0);
	assert_false(used);
	assert_int_equal(ledger_first_put(b->ledger, LEDGER_FIRST_BEGUN), 0);
	assert_int_equal(ledger_flush(b->ledger, HOUR, &v, 1, NULL), 0);
	assert_int_equal(ledger_bench_again(b), 0);
	assert_int_equal(ledger_first_get(b->ledger, &first), 0);
	assert_int_equal(first, LEDGER_FIRST_BEGUN);
	assert_int_equal(ledger_is_used(b->ledger, &used), 0);
	assert_true(used);
	assert_int_equal(ledger_first_put(b->ledger, LEDGER_FIRST_DONE), 0);
	assert_int_equal(ledger_first_get(b->ledger, &first), 0);
	assert_int_equal(first, LEDGER_FIRST_DONE);
}

static void
only_one_may_have_it_open(void **state)
{
	struct ledger_bench *b = *state;
	struct ledger *second = NULL;
	struct errmsg why;

	assert_int_equal(ledger_bench_open_at(b->dir, 0, &second, &why), LEDGER_LOCKED);
	assert_null(second);
	assert_non_null(strstr(why.text, "another process"));
	ledger_close(&b->ledger);
	assert_int_equal(ledger_bench_open_at(b->dir, 0, &second, &why), 0);
	ledger_close(&second);
}

static void
a_newer_versions_ledger_is_refused_by_name_and_left_alone(void **state)
{
	struct ledger_bench *b = *state;
	struct stat before, after;
	char path[128];

	flush(b, HOUR, "a", 0, 5);
	snprintf(path, sizeof(path), "%s/ledger", b->dir);
	assert_int_equal(ledger_format_write(path, LEDGER_FORMAT + 1), 0);
	ledger_close(&b->ledger);
	snprintf(path, sizeof(path), "%s/ledger/log.0000000001", b->dir);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(ledger_bench_again(b), ERR_STALE);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	assert_non_null(strstr(b->why.text, "newer version (format 2, this one knows 1)"));
	assert_non_null(strstr(b->why.text, b->dir));
	assert_null(b->ledger);
	assert_string_equal(
	    ledger_text(ERR_STALE), "the ledger was written by a newer version");
}

static void
a_format_that_is_none_is_damage(void **state)
{
	static const char *const bad[] = { "", "1\n", "gatehouse-ledger 0\n",
		"gatehouse-ledger 1", "gatehouse-ledger 1x\n", "gatehouse-ledger -1\n",
		"gatehouse-ledger 99999999999999999999\n" };
	struct ledger_bench *b = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/ledger/FORMAT", b->dir);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		assert_true(fputs(bad[i], f) >= 0);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(ledger_bench_again(b), LEDGER_CORRUPT);
	}
}

/* A creation that was cut short has no FORMAT yet, and maybe not all tables. */
static void
a_creation_that_was_cut_short_is_made_good(void **state)
{
	struct ledger_bench *b = *state;
	char path[128];

	ledger_close(&b->ledger);
	snprintf(path, sizeof(path), "%s/ledger/FORMAT", b->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ledger_bench_again(b), 0);
	flush(b, HOUR, "a", 0, 5);
	assert_int_equal(ledger_bench_again(b), 0);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 5);
}

static void
with_too_little_disk_it_is_not_opened(void **state)
{
	struct ledger_bench *b = *state;

	flush(b, HOUR, "a", 0, 4);
	ledger_close(&b->ledger);
	assert_int_equal(ledger_bench_open_at(b->dir, UINT64_MAX, &b->ledger, &b->why),
	    LEDGER_DISK_LOW);
	assert_non_null(strstr(b->why.text, "too little disk"));
	assert_int_equal(ledger_bench_again(b), 0);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 4);
}

static void
a_backup_opens_with_the_same_rows(void **state)
{
	char to[96];
	struct ledger_bench *b = *state;
	struct ledger_sum before, after;
	struct ledger *copy = NULL;
	struct collected c = { .seen = 0 };

	for (uint32_t i = 0; i < 2000; i += 100) {
		struct ledger_cell cells[100];

		for (uint32_t j = 0; j < 100; j++)
			cells[j] = ledger_cell_of(3, i + j, j % 2 ? "odd" : "even", j);
		assert_int_equal(ledger_flush(b->ledger, HOUR + i, cells, 100, NULL), 0);
	}
	snprintf(to, sizeof(to), "%s-backup", b->dir);
	assert_int_equal(ledger_backup(b->ledger, to), -ENOENT);
	assert_int_equal(mkdir(to, 0700), 0);
	assert_int_equal(ledger_sum_all(b->ledger, &before), 0);
	assert_int_equal(ledger_backup(b->ledger, to), 0);
	assert_int_equal(ledger_backup(b->ledger, to), -EEXIST);
	flush(b, HOUR, "later", 9999, 1); /* not in the copy */
	assert_int_equal(ledger_bench_open_at(to, 0, &copy, &b->why), 0);
	assert_int_equal(ledger_sum_all(copy, &after), 0);
	assert_memory_equal(&after, &before, sizeof(before));
	assert_int_equal(after.rows, 40);
	assert_int_equal(ledger_read(copy, HOUR + 100, HOUR + 101, collect, &c), 0);
	assert_string_equal(
	    c.text, "480100 even model chat=2450;480100 odd model chat=2500;");
	ledger_close(&copy);
	ledger_bench_remove(to);
}

static void
logs_do_not_grow_for_ever(void **state)
{
	struct ledger_bench *b = *state;
	struct ledger_cell cells[200];
	char path[160];
	struct stat st;
	int logs = 0;

	for (int round = 1; round <= 150; round++) {
		for (uint32_t j = 0; j < 200; j++)
			cells[j] = ledger_cell_of(3, j, "a", round);
		assert_int_equal(ledger_flush(b->ledger, HOUR, cells, 200, NULL), 0);
	}
	assert_int_equal(ledger_checkpoint(b->ledger), 0);
	for (int i = 1; i < 20; i++) {
		snprintf(path, sizeof(path), "%s/ledger/log.%010d", b->dir, i);
		logs += stat(path, &st) == 0;
	}
	assert_in_range(logs, 1, 2);
	snprintf(path, sizeof(path), "%s/ledger/log.0000000001", b->dir);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(sum_of(b, 0, UINT32_MAX).total.v[0], 200 * 150);
}

#define BENCH(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, ledger_bench_up, ledger_bench_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(what_a_cell_has_over_its_mark_is_added),
		BENCH(a_cell_below_its_mark_adds_nothing_and_counts_on_from_there),
		BENCH(a_flush_that_fails_changes_nothing),
		BENCH(a_dropped_arena_leaves_its_usage_and_no_marks),
		BENCH(rows_come_in_order_within_their_range),
		BENCH(old_hours_are_folded_into_their_days),
		BENCH(an_import_enters_once_however_often_it_is_read),
		BENCH(of_an_imported_total_only_what_it_has_grown_by_is_added),
		BENCH(a_forgotten_keys_usage_stays_in_the_totals_without_its_name),
		BENCH(marks_are_read_arena_by_arena),
		BENCH(the_first_import_is_remembered),
		BENCH(only_one_may_have_it_open),
		BENCH(a_newer_versions_ledger_is_refused_by_name_and_left_alone),
		BENCH(a_format_that_is_none_is_damage),
		BENCH(a_creation_that_was_cut_short_is_made_good),
		BENCH(with_too_little_disk_it_is_not_opened),
		BENCH(a_backup_opens_with_the_same_rows),
		BENCH(logs_do_not_grow_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
