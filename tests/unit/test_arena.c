/* An arena's owner and its readers: cells, slots, overflow, and a reader meanwhile. */
#include "tests/unit/arena_case.h"

static void
a_new_arena_is_empty_and_says_who_it_is(void **state)
{
	struct arena *a = case_create(*state, 42, 64, 8);
	struct arena_cell c;

	assert_int_equal(arena_id(a), 42);
	assert_int_equal(arena_cells(a), 0);
	assert_int_equal(arena_capacity(a), 64);
	assert_int_equal(arena_cell_read(a, 0, &c), -ENOENT);
	assert_false(arena_is_of_other_boot(a));
	assert_false(arena_is_retired(a));
	arena_close(&a);
	assert_null(a);
	arena_close(&a);
}

static void
the_same_names_are_the_same_cell_and_any_other_name_is_another(void **state)
{
	struct arena *a = case_owned(*state, 64, 8);
	uint32_t one = 9;
	uint32_t other = 9;

	assert_int_equal(arena_cell_for(a, "k", "m", "chat", &one), 0);
	assert_int_equal(arena_cell_for(a, "k", "m", "chat", &other), 0);
	assert_int_equal(one, other);
	assert_int_equal(arena_cell_for(a, "k", "m", "chats", &other), 0);
	assert_int_equal(arena_cell_for(a, "km", "m", "chat", &other), 0);
	assert_int_equal(arena_cell_for(a, "k", "mm", "chat", &other), 0);
	assert_int_equal(arena_cell_for(a, "kk", "m", "chat", &other), 0);
	assert_int_equal(arena_cell_for(a, "m", "k", "chat", &other), 0);
	assert_int_equal(arena_cells(a), 6);
	arena_close(&a);
}

static void
names_as_long_as_they_may_be_fit_and_longer_or_empty_ones_are_refused(void **state)
{
	struct arena *a = case_owned(*state, 64, 8);
	char key[KEY_ID_MAX + 2];
	char model[ARENA_MODEL_MAX + 2];
	char endpoint[ARENA_ENDPOINT_MAX + 2];
	struct arena_cell c;
	uint32_t cell;

	memset(key, 'k', sizeof(key));
	memset(model, 'm', sizeof(model));
	memset(endpoint, 'e', sizeof(endpoint));
	key[KEY_ID_MAX + 1] = model[ARENA_MODEL_MAX + 1] = '\0';
	endpoint[ARENA_ENDPOINT_MAX + 1] = '\0';
	assert_int_equal(arena_cell_for(a, key, "m", "e", &cell), ERR_TOO_LARGE);
	assert_int_equal(arena_cell_for(a, "k", model, "e", &cell), ERR_TOO_LARGE);
	assert_int_equal(arena_cell_for(a, "k", "m", endpoint, &cell), ERR_TOO_LARGE);
	assert_int_equal(arena_cell_for(a, "", "m", "e", &cell), ERR_TOO_LARGE);
	assert_int_equal(arena_cells(a), 0);
	key[KEY_ID_MAX] = model[ARENA_MODEL_MAX] = endpoint[ARENA_ENDPOINT_MAX] = '\0';
	assert_int_equal(arena_cell_for(a, key, model, endpoint, &cell), 0);
	assert_int_equal(arena_cell_read(a, cell, &c), 0);
	assert_string_equal(c.key_id, key);
	assert_string_equal(c.model, model);
	assert_string_equal(c.endpoint, endpoint);
	arena_close(&a);
}

static uint64_t
read_n(const struct arena *a, uint32_t cell)
{
	struct arena_cell c;

	assert_int_equal(arena_cell_read(a, cell, &c), 0);
	return usage_n(&c.usage);
}

static void
put_n(struct arena *a, uint32_t slot, uint64_t n)
{
	const struct usage u = usage_of(n);

	arena_slot_put(a, slot, &u);
}

static void
what_was_put_last_is_counted_once_and_only_when_settled(void **state)
{
	struct arena *a = case_owned(*state, 64, 8);
	const uint32_t cell = case_cell(a, "k");
	uint32_t slot;

	assert_int_equal(arena_slot_open(a, cell, &slot), 0);
	put_n(a, slot, 5);
	put_n(a, slot, 9);
	put_n(a, slot, 7);
	assert_int_equal(read_n(a, cell), 0);
	arena_slot_settle(a, slot);
	assert_int_equal(read_n(a, cell), 7);
	assert_int_equal(arena_slot_open(a, cell, &slot), 0);
	arena_slot_settle(a, slot); /* never put */
	assert_int_equal(read_n(a, cell), 7);
	assert_int_equal(arena_slot_open(a, cell, &slot), 0);
	put_n(a, slot, 1);
	arena_slot_settle(a, slot);
	assert_int_equal(read_n(a, cell), 8);
	arena_close(&a);
}

static void
slots_run_out_and_come_back(void **state)
{
	struct arena *a = case_owned(*state, 64, 3);
	const uint32_t cell = case_cell(a, "k");
	uint32_t slot[3];
	uint32_t more = 0;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(arena_slot_open(a, cell, &slot[i]), 0);
	assert_int_equal(arena_slot_open(a, cell, &more), ERR_FULL);
	assert_int_equal(more, ARENA_NO_SLOT);
	put_n(a, more, 1000); /* both are allowed, and nothing */
	arena_slot_settle(a, more);
	put_n(a, slot[1], 4);
	arena_slot_settle(a, slot[1]);
	assert_int_equal(arena_slot_open(a, cell, &more), 0);
	assert_int_equal(more, slot[1]);
	assert_int_equal(arena_slot_open(a, cell, &more), ERR_FULL);
	assert_int_equal(read_n(a, cell), 4);
	arena_close(&a);
}

static void
a_full_arena_counts_on_under_other_names(void **state)
{
	struct arena *a = case_owned(*state, 256, 8);
	uint32_t cell = 0;
	struct arena_cell c;
	char key[32];
	uint32_t own = 0;
	uint32_t i;

	for (i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		own += arena_cell_or_other(a, key, "m", "chat", &cell);
		assert_true(cell < arena_cells(a));
	}
	assert_int_equal(own, 256 - 32 - 32);
	assert_int_equal(arena_cell_read(a, cell, &c), 0);
	assert_string_equal(c.key_id, "other");
	assert_string_equal(c.model, "other");
	assert_string_equal(c.endpoint, "chat");
	assert_true(arena_cell_or_other(a, "k0", "m", "chat", &cell)); /* has its own */
	for (i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "e%u", i);
		assert_false(arena_cell_or_other(a, "new", "m", key, &cell));
	}
	assert_int_equal(arena_cell_read(a, cell, &c), 0);
	assert_string_equal(c.endpoint, "other");
	assert_int_equal(arena_cells(a), arena_capacity(a));
	assert_int_equal(arena_cell_for(a, "other", "other", "e99", &cell), ERR_FULL);
	arena_close(&a);
}

static void
overflow_keeps_the_key_while_there_is_room_for_that(void **state)
{
	struct arena *a = case_owned(*state, 256, 8);
	struct arena_cell c;
	uint32_t cell = 0;
	char key[32];
	int with_key = 0;

	for (unsigned i = 0; i < 256 - 32; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		(void)arena_cell_or_other(a, key, "m", "chat", &cell);
		assert_int_equal(arena_cell_read(a, cell, &c), 0);
		assert_string_equal(c.key_id, key);
		with_key += strcmp(c.model, "other") == 0;
	}
	assert_int_equal(with_key, 32);
	(void)arena_cell_or_other(a, "one more", "m", "chat", &cell);
	assert_int_equal(arena_cell_read(a, cell, &c), 0);
	assert_string_equal(c.key_id, "other");
	arena_close(&a);
}

static void
the_smallest_arena_has_a_cell_for_everything(void **state)
{
	struct arena *a = case_owned(*state, ARENA_MIN_CELLS, 1);
	uint32_t cell = 0;
	char name[32];

	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%u", i);
		(void)arena_cell_or_other(a, name, name, name, &cell);
		assert_true(cell < ARENA_MIN_CELLS);
	}
	arena_close(&a);
}

static void
a_name_that_fits_no_cell_is_counted_under_other(void **state)
{
	struct arena *a = case_owned(*state, 64, 1);
	char model[ARENA_MODEL_MAX + 2];
	struct arena_cell c;
	uint32_t cell;

	memset(model, 'm', sizeof(model));
	model[ARENA_MODEL_MAX + 1] = '\0';
	assert_false(arena_cell_or_other(a, "k", model, "chat", &cell));
	assert_int_equal(arena_cell_read(a, cell, &c), 0);
	assert_string_equal(c.key_id, "k");
	assert_string_equal(c.model, "other");
	arena_close(&a);
}

static void
thousands_of_cells_are_all_found_again_by_a_successor(void **state)
{
	struct arena *a = case_owned(*state, 4096, 8);
	uint32_t slot;
	uint32_t cell;
	char key[32];

	for (unsigned i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "key-%u", i);
		assert_int_equal(case_cell(a, key), i);
	}
	assert_int_equal(arena_slot_open(a, 2999, &slot), 0);
	assert_int_equal(arena_adopt(a), -EBUSY); /* not settled */
	put_n(a, slot, 3);
	arena_slot_settle(a, slot);
	assert_int_equal(arena_adopt(a), 0);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "key-%u", i);
		assert_int_equal(arena_cell_for(a, key, "m", "chat", &cell), 0);
		assert_int_equal(cell, i);
	}
	assert_int_equal(arena_cells(a), 3000);
	assert_int_equal(read_n(a, 2999), 3);
	arena_close(&a);
}

static void
settling_counts_each_open_slot_once(void **state)
{
	struct arena *a = case_owned(*state, 64, 8);
	uint32_t slot;
	uint32_t n = 99;

	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(
		    arena_slot_open(a, case_cell(a, i % 2 ? "odd" : "even"), &slot), 0);
		if (i != 4)
			put_n(a, slot, i + 1);
	}
	for (int again = 0; again < 2; again++) {
		assert_int_equal(arena_settle(a, &n), 0);
		assert_int_equal(n, again == 0 ? 5 : 0);
		assert_int_equal(read_n(a, 0), 1 + 3);
		assert_int_equal(read_n(a, 1), 2 + 4);
	}
	assert_int_equal(arena_settle(a, NULL), 0);
	arena_close(&a);
}

static void
a_retired_arena_is_seen_to_be_so_by_readers(void **state)
{
	struct arena *a = case_owned(*state, 64, 8);
	struct arena *reader = case_open(*state, CASE_ID, false);

	assert_false(arena_is_retired(reader));
	arena_retire(a);
	assert_true(arena_is_retired(reader));
	arena_close(&reader);
	arena_close(&a);
	reader = case_open(*state, CASE_ID, false);
	assert_true(arena_is_retired(reader));
	arena_close(&reader);
}

static void
die_by_abort(void (*f)(struct arena *a, uint32_t slot), struct arena *a, uint32_t slot)
{
	const pid_t pid = fork();
	int status = 0;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		f(a, slot);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void
put_one(struct arena *a, uint32_t slot)
{
	put_n(a, slot, 1);
}

static void
open_for(struct arena *a, uint32_t cell)
{
	uint32_t slot;

	if (arena_slot_open(a, cell, &slot) != 0)
		_exit(1);
}

/* Rather a worker less than a count that is wrong. */
static void
a_slot_that_is_not_open_ends_the_process(void **state)
{
	struct arena *a = case_owned(*state, 64, 8);
	uint32_t slot;

	assert_int_equal(arena_slot_open(a, case_cell(a, "k"), &slot), 0);
	arena_slot_settle(a, slot);
	die_by_abort(arena_slot_settle, a, slot);
	die_by_abort(put_one, a, slot);
	die_by_abort(put_one, a, 7);
	die_by_abort(put_one, a, 8);
	die_by_abort(open_for, a, 1);
	assert_int_equal(read_n(a, 0), 0);
	arena_close(&a);
}

/* --- a reader beside the owner --- */

enum { READ_CELLS = 3000, READ_ROUNDS = 20 };

/* Cell i is key "k<i>"; each round adds i + 1 to all cells there are, and makes more. */
static void
grow(struct arena *a)
{
	char key[32];
	uint32_t slot;

	if (arena_adopt(a) != 0)
		abort();
	for (unsigned round = 1; round <= READ_ROUNDS; round++) {
		for (unsigned i = 0; i < READ_CELLS * round / READ_ROUNDS; i++) {
			uint32_t cell;

			snprintf(key, sizeof(key), "k%u", i);
			if (arena_cell_for(a, key, "m", "chat", &cell) != 0 ||
			    arena_slot_open(a, cell, &slot) != 0)
				abort();
			put_n(a, slot, i + 1);
			arena_slot_settle(a, slot);
		}
	}
}

/* Look at all cells once. Returns how many there were. */
static uint32_t
look(const struct arena *a, uint64_t before[READ_CELLS][USAGE_COUNTERS])
{
	const uint32_t n = arena_cells(a);
	struct arena_cell c;
	char key[32];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(arena_cell_read(a, i, &c), 0);
		assert_string_equal(c.key_id, key);
		for (size_t v = 0; v < USAGE_COUNTERS; v++) {
			assert_true(c.usage.v[v] >= before[i][v]);
			assert_int_equal(c.usage.v[v] % ((i + 1) * (2 * v + 1)), 0);
			before[i][v] = c.usage.v[v];
		}
	}
	return n;
}

static void
a_reader_sees_whole_names_and_counters_that_only_grow(void **state)
{
	static uint64_t before[READ_CELLS][USAGE_COUNTERS];
	struct arena *a = case_create(*state, CASE_ID, 4096, 8);
	struct arena *reader = case_open(*state, CASE_ID, false);
	const pid_t pid = fork();
	unsigned looks = 0;
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		grow(a);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		(void)look(reader, before);
		looks++;
	}
	assert_int_equal(status, 0);
	assert_true(looks > 1);
	assert_int_equal(look(reader, before), READ_CELLS);
	assert_int_equal(read_n(reader, 0), READ_ROUNDS);
	arena_close(&reader);
	arena_close(&a);
}

int
main(void)
{
#define ARENA_TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		ARENA_TEST(a_new_arena_is_empty_and_says_who_it_is),
		ARENA_TEST(the_same_names_are_the_same_cell_and_any_other_name_is_another),
		ARENA_TEST(
		    names_as_long_as_they_may_be_fit_and_longer_or_empty_ones_are_refused),
		ARENA_TEST(what_was_put_last_is_counted_once_and_only_when_settled),
		ARENA_TEST(slots_run_out_and_come_back),
		ARENA_TEST(a_full_arena_counts_on_under_other_names),
		ARENA_TEST(overflow_keeps_the_key_while_there_is_room_for_that),
		ARENA_TEST(the_smallest_arena_has_a_cell_for_everything),
		ARENA_TEST(a_name_that_fits_no_cell_is_counted_under_other),
		ARENA_TEST(thousands_of_cells_are_all_found_again_by_a_successor),
		ARENA_TEST(settling_counts_each_open_slot_once),
		ARENA_TEST(a_retired_arena_is_seen_to_be_so_by_readers),
		ARENA_TEST(a_slot_that_is_not_open_ends_the_process),
		ARENA_TEST(a_reader_sees_whole_names_and_counters_that_only_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
