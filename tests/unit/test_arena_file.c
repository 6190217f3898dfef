/*
 * Arenas as files: what is created, what is refused, and that no damage ends the
 * process that looks at it. The layout is included: damage is done at known places.
 */
#include "tests/unit/arena_case.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/arena_file.h"
#include "common/arena_index.h"
#include "common/arena_layout.h"

enum { CELLS = 64, SLOTS = 8 };

/* Write n bytes at an offset of the arena's file. */
static void
damage(const struct tempdir *t, size_t at, const void *bytes, size_t n)
{
	char path[96];
	int fd;

	case_path(t, CASE_ID, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, bytes, n, (off_t)at), n);
	close(fd);
}

static void
damage_word(const struct tempdir *t, size_t at, uint64_t word)
{
	damage(t, at, &word, sizeof(word));
}

static size_t
slot_at(uint32_t slot)
{
	return ARENA_PAGE + CELLS * sizeof(struct arena_record) +
	    slot * sizeof(struct arena_slot);
}

static size_t
cell_at(uint32_t cell)
{
	return ARENA_PAGE + cell * sizeof(struct arena_record);
}

/* What does opening it say, to a reader and to a settler alike? */
static void
assert_refused(const struct tempdir *t, uint64_t id, int code)
{
	struct arena *a = (struct arena *)(void *)1;
	char path[96];

	case_path(t, id, path);
	assert_int_equal(arena_open(path, false, &a), code);
	assert_null(a);
	assert_int_equal(arena_open(path, true, &a), code);
	assert_null(a);
}

/* An arena with a used cell, closed again. */
static void
leave_arena(const struct tempdir *t)
{
	struct arena *a = case_owned(t, CELLS, SLOTS);
	uint32_t slot;
	const struct usage u = usage_of(3);

	assert_int_equal(arena_slot_open(a, case_cell(a, "k"), &slot), 0);
	arena_slot_put(a, slot, &u);
	arena_slot_settle(a, slot);
	arena_close(&a);
}

static void
a_file_is_allocated_in_full_and_nothing_else_is_left(void **state)
{
	const struct tempdir *t = *state;
	struct arena *a = case_create(t, CASE_ID, 4096, 5000);
	struct stat st;
	char path[96];

	case_path(t, CASE_ID, path);
	assert_int_equal(tempdir_count(t), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 2000000 && st.st_size < 4000000);
	assert_true(st.st_blocks * 512 >= st.st_size);
	assert_int_equal(st.st_mode & 07777, 0640);
	arena_close(&a);
}

static void
an_id_that_is_taken_or_a_size_without_sense_is_refused(void **state)
{
	const struct tempdir *t = *state;
	struct arena *a = NULL;

	leave_arena(t);
	assert_int_equal(arena_create(t->path, CASE_ID, CELLS, SLOTS, &a), -EEXIST);
	assert_int_equal(arena_create(t->path, 8, ARENA_MIN_CELLS - 1, 1, &a), -EINVAL);
	assert_int_equal(arena_create(t->path, 8, ARENA_MAX_CELLS + 1, 1, &a), -EINVAL);
	assert_int_equal(arena_create(t->path, 8, CELLS, 0, &a), -EINVAL);
	assert_int_equal(
	    arena_create(t->path, 8, CELLS, ARENA_MAX_SLOTS + 1, &a), -EINVAL);
	assert_int_equal(arena_create("/nowhere", 8, CELLS, SLOTS, &a), -ENOENT);
	assert_null(a);
	assert_int_equal(tempdir_count(t), 1);
}

static void
what_was_counted_is_there_for_who_opens_it(void **state)
{
	struct arena *a;
	struct arena_cell c;

	leave_arena(*state);
	a = case_open(*state, CASE_ID, false);
	assert_int_equal(arena_id(a), CASE_ID);
	assert_int_equal(arena_cells(a), 1);
	assert_int_equal(arena_cell_read(a, 0, &c), 0);
	assert_string_equal(c.key_id, "k");
	assert_int_equal(usage_n(&c.usage), 3);
	assert_false(arena_is_of_other_boot(a));
	arena_close(&a);
}

static void
who_may_write_to_it_locks_it_and_readers_do_not(void **state)
{
	const struct tempdir *t = *state;
	struct arena *a = case_create(t, CASE_ID, CELLS, SLOTS);
	struct arena *other = NULL;
	char path[96];

	case_path(t, CASE_ID, path);
	assert_int_equal(arena_open(path, true, &other), -EWOULDBLOCK);
	other = case_open(t, CASE_ID, false);
	arena_close(&a);
	a = case_open(t, CASE_ID, true);
	arena_close(&a);
	arena_close(&other);
}

/* The master died, its worker goes on: nobody may settle meanwhile. */
static void
the_lock_is_held_until_the_owner_is_gone(void **state)
{
	const struct tempdir *t = *state;
	struct arena *a = case_create(t, CASE_ID, CELLS, SLOTS);
	char path[96];
	const pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		for (;;)
			pause();
	}
	arena_close(&a);
	case_path(t, CASE_ID, path);
	assert_int_equal(arena_open(path, true, &a), -EWOULDBLOCK);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(arena_open(path, true, &a), 0);
	arena_close(&a);
}

static void
a_file_cut_at_any_length_is_refused(void **state)
{
	const struct tempdir *t = *state;
	struct stat st;
	char path[96];

	leave_arena(t);
	case_path(t, CASE_ID, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size + ARENA_PAGE), 0);
	assert_refused(t, CASE_ID, ERR_SYNTAX);
	for (off_t n = st.st_size - 1; n >= 0; n -= n > 600 ? 509 : 1) {
		assert_int_equal(truncate(path, n), 0);
		assert_refused(t, CASE_ID, ERR_SYNTAX);
	}
}

static void
another_version_or_an_unknown_layout_is_refused_as_stale(void **state)
{
	static const struct arena_form first;

	leave_arena(*state);
	damage_word(*state, offsetof(struct arena_header, version), ARENA_VERSION + 1);
	assert_refused(*state, CASE_ID, ERR_STALE);
	damage_word(*state, offsetof(struct arena_header, version), ARENA_VERSION);
	damage_word(*state, offsetof(struct arena_header, layout), 1);
	damage(*state, offsetof(struct arena_header, form), &first, sizeof(first));
	assert_refused(*state, CASE_ID, ERR_STALE);
}

/* --- a file of another layout: short names, few counters, another order --- */

enum { OLD_CELLS = 4, OLD_SLOTS = 2, OLD_COUNTERS = 4 };

static const struct arena_form old_form = { .redo_at = 256,
	.redo_to_at = 32,
	.record_bytes = 136,
	.key_id_bytes = 40,
	.model_bytes = 16,
	.endpoint_bytes = 16,
	.model_at = 96,
	.endpoint_at = 80,
	.hash_at = 40,
	.counters_at = 48,
	.counters = OLD_COUNTERS,
	.slot_bytes = 80,
	.copy_at = 16 };

/* With a cell that has 1, 2, 3, 4, and 10, 20, 30, 40 in flight for it. */
static void
leave_old_arena(const struct tempdir *t)
{
	static const uint64_t cell[OLD_COUNTERS] = { 1, 2, 3, 4 },
			      slot[OLD_COUNTERS] = { 10, 20, 30, 40 };
	static char file[2 * ARENA_PAGE];
	const struct arena_names names = { "k", "m", "chat" };
	const uint64_t hash = arena_names_hash(&names), head = arena_head(0, 1);
	struct arena_header *h = (struct arena_header *)(void *)file;
	char *record = file + ARENA_PAGE, path[96];
	char *open_slot = record + OLD_CELLS * old_form.record_bytes + old_form.slot_bytes;

	*h = (struct arena_header){ .magic = ARENA_MAGIC,
		.version = ARENA_VERSION,
		.layout = 1,
		.id = CASE_ID,
		.bytes = sizeof(file),
		.n_cells = OLD_CELLS,
		.n_slots = OLD_SLOTS,
		.form = old_form };
	assert_int_equal(arena_file_boot(h->boot), 0);
	arena_store(&h->cells_used, 1);
	arena_store(&h->slots_used, 2);
	memcpy(record, "k", 2);
	memcpy(record + old_form.model_at, "m", 2);
	memcpy(record + old_form.endpoint_at, "chat", 5);
	memcpy(record + old_form.hash_at, &hash, sizeof(hash));
	memcpy(record + old_form.counters_at, cell, sizeof(cell));
	memcpy(open_slot, &head, sizeof(head));
	memcpy(open_slot + old_form.copy_at + sizeof(slot), slot, sizeof(slot));
	case_path(t, CASE_ID, path);
	tempdir_write_at(path, file, sizeof(file), 0600);
}

static void
assert_old_cell(const struct arena *a, uint64_t n)
{
	struct arena_cell cell;

	assert_int_equal(arena_cells(a), 1);
	assert_int_equal(arena_cell_read(a, 0, &cell), 0);
	assert_string_equal(cell.key_id, "k");
	assert_string_equal(cell.model, "m");
	assert_string_equal(cell.endpoint, "chat");
	for (uint64_t i = 0; i < USAGE_COUNTERS; i++)
		assert_int_equal(cell.usage.v[i], i < OLD_COUNTERS ? n * (i + 1) : 0);
}

static void
one_of_another_layout_is_read_and_settled_and_never_counted_in(void **state)
{
	struct arena *a = NULL;
	char path[96];
	uint32_t n = 0;

	leave_old_arena(*state);
	case_path(*state, CASE_ID, path);
	assert_int_equal(arena_open(path, false, &a), 0);
	assert_old_cell(a, 1);
	arena_close(&a);
	assert_int_equal(arena_open(path, true, &a), 0);
	assert_false(arena_is_of_our_form(a));
	assert_int_equal(arena_settle(a, &n), 0);
	assert_int_equal(n, 1);
	assert_old_cell(a, 11);
	assert_int_equal(arena_settle(a, &n), 0);
	assert_int_equal(n, 0);
	assert_old_cell(a, 11);
	assert_int_equal(arena_adopt(a), ERR_STALE);
	arena_retire(a);
	assert_true(arena_is_retired(a));
	arena_close(&a);
}

/* A form as it stands in a file, with one of its words wrong. */
static void
a_layout_that_makes_no_sense_or_holds_more_is_refused(void **state)
{
	const size_t words = offsetof(struct arena_form, unused) / sizeof(uint16_t);
	static const uint16_t wrong[] = { UINT16_MAX, 4095, 32768 };

	for (size_t i = 0; i < words; i++) {
		for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
			const uint16_t word = wrong[w];
			const size_t at = offsetof(struct arena_header, form) + 2 * i;

			leave_old_arena(*state);
			damage(*state, at, &word, sizeof(word));
			assert_refused(*state, CASE_ID, ERR_STALE);
		}
	}
}

static void
a_file_whose_header_never_reached_the_disk_is_told_from_a_damaged_one(void **state)
{
	static const char zeros[ARENA_PAGE];

	leave_arena(*state);
	damage(*state, 0, zeros, sizeof(zeros));
	assert_refused(*state, CASE_ID, -ENODATA);
	damage_word(*state, offsetof(struct arena_header, bytes), 1);
	assert_refused(*state, CASE_ID, ERR_SYNTAX);
}

/* One word of the header made wrong, then right again. */
static void
assert_word_refused(const struct tempdir *t, size_t at, uint64_t wrong)
{
	char path[96];
	uint64_t right;
	int fd;

	case_path(t, CASE_ID, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, &right, sizeof(right), (off_t)at), sizeof(right));
	close(fd);
	damage_word(t, at, wrong);
	assert_refused(t, CASE_ID, ERR_SYNTAX);
	damage_word(t, at, right);
}

static void
who_inherits_it_goes_on_with_its_lock_and_its_counts(void **state)
{
	const struct tempdir *t = *state;
	struct arena *a = case_create(t, CASE_ID, 64, 8);
	struct arena *heir = NULL;
	struct arena *other = NULL;
	char path[96];
	uint32_t cell;
	int fd;

	case_path(t, CASE_ID, path);
	assert_int_equal(arena_adopt(a), 0);
	assert_int_equal(arena_cell_for(a, "k", "m", "chat", &cell), 0);
	fd = dup(arena_fd(a));
	arena_close(&a);
	assert_int_equal(arena_inherit(fd, &heir), 0);
	assert_int_equal(arena_id(heir), CASE_ID);
	assert_int_equal(arena_cells(heir), 1);
	assert_int_equal(arena_open(path, true, &other), -EWOULDBLOCK);
	arena_close(&heir);
	assert_int_equal(arena_open(path, true, &other), 0);
	arena_close(&other);
	fd = dup(STDERR_FILENO);
	assert_true(arena_inherit(fd, &heir) < 0);
	assert_null(heir);
	close(fd);
}

static void
sizes_and_counts_that_do_not_fit_are_refused(void **state)
{
#define WORD(field) offsetof(struct arena_header, field)
	struct arena *a;

	leave_arena(*state);
	assert_word_refused(*state, WORD(magic), 1);
	assert_word_refused(*state, WORD(bytes), 0);
	assert_word_refused(*state, WORD(n_cells), 0);
	assert_word_refused(*state, WORD(n_cells), CELLS + 64);
	assert_word_refused(*state, WORD(n_cells), UINT64_MAX);
	assert_word_refused(*state, WORD(n_slots), 0);
	assert_word_refused(*state, WORD(n_slots), UINT64_C(1) << 58);
	assert_word_refused(*state, WORD(cells_used), CELLS + 1);
	assert_word_refused(*state, WORD(slots_used), SLOTS + 1);
	assert_word_refused(*state, WORD(slots_used), UINT64_MAX);
	assert_word_refused(*state, WORD(id), CASE_ID + 1);
	a = case_open(*state, CASE_ID, false);
	arena_close(&a);
#undef WORD
}

static void
what_is_no_regular_file_is_refused_without_waiting(void **state)
{
	const struct tempdir *t = *state;
	char path[96];
	char target[96];
	struct arena *a = NULL;

	leave_arena(t);
	case_path(t, CASE_ID, target);
	case_path(t, 8, path);
	assert_int_equal(symlink(target, path), 0);
	assert_refused(t, 8, ERR_SYNTAX);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(t, 8, ERR_SYNTAX);
	assert_int_equal(arena_open("/tmp", false, &a), ERR_SYNTAX);
	assert_int_equal(arena_open("/tmp", true, &a), ERR_SYNTAX);
	assert_refused(t, 9, -ENOENT);
}

static void
a_copy_under_another_name_is_refused(void **state)
{
	const struct tempdir *t = *state;
	char from[96];
	char to[96];

	leave_arena(t);
	case_path(t, CASE_ID, from);
	case_path(t, 8, to);
	assert_int_equal(link(from, to), 0);
	assert_refused(t, 8, ERR_SYNTAX);
}

static void
only_arenas_are_listed(void **state)
{
	const struct tempdir *t = *state;
	const char *others[] = { "x.arena", "5.new", "5.arenas", ".arena", "5" };
	struct strlist paths = { 0 };
	char path[96];

	leave_arena(t);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", t->path, others[i]);
		tempdir_write_at(path, "", 0, 0600);
	}
	assert_int_equal(arena_list(t->path, &paths), 0);
	assert_int_equal(paths.n, 1);
	case_path(t, CASE_ID, path);
	assert_string_equal(paths.v[0], path);
	strlist_free(&paths);
	assert_int_equal(arena_list("/nowhere", &paths), -ENOENT);
}

/* --- damage inside --- */

/* An arena with three open slots: 1, 2 and 3 for cell 0. Closed. */
static void
leave_open_slots(const struct tempdir *t)
{
	struct arena *a = case_owned(t, CELLS, SLOTS);
	const uint32_t cell = case_cell(a, "k");

	for (unsigned i = 1; i <= 3; i++) {
		const struct usage u = usage_of(i);
		uint32_t slot;

		assert_int_equal(arena_slot_open(a, cell, &slot), 0);
		arena_slot_put(a, slot, &u);
	}
	arena_close(&a);
}

/* Settle, and again: what was damaged is said once. The sum in cell 0 is n. */
static void
assert_settled(const struct tempdir *t, int code, uint64_t n)
{
	struct arena *a = case_open(t, CASE_ID, true);
	struct arena_cell c;

	assert_int_equal(arena_settle(a, NULL), code);
	assert_int_equal(arena_settle(a, NULL), 0);
	assert_int_equal(arena_adopt(a), 0);
	assert_int_equal(arena_cell_read(a, 0, &c), 0);
	assert_int_equal(usage_n(&c.usage), n);
	arena_close(&a);
}

static void
a_slot_for_a_cell_that_does_not_exist_is_dropped_and_the_others_count(void **state)
{
	leave_open_slots(*state);
	damage_word(*state, slot_at(1), arena_head(1, 1));
	assert_settled(*state, ERR_SYNTAX, 1 + 3);
}

static void
a_slot_with_a_head_that_none_could_have_is_dropped(void **state)
{
	leave_open_slots(*state);
	damage_word(*state, slot_at(0), UINT64_MAX);
	damage_word(*state, slot_at(2), 2);
	assert_settled(*state, ERR_SYNTAX, 2);
}

#define REDO(field)                                                                      \
	(offsetof(struct arena_header, redo) + offsetof(struct arena_redo, field))

static void
a_redo_record_out_of_bounds_is_dropped_and_all_slots_count(void **state)
{
	leave_open_slots(*state);
	damage_word(*state, REDO(on), 1);
	damage_word(*state, REDO(slot), 3);
	assert_settled(*state, ERR_SYNTAX, 1 + 2 + 3);
	damage_word(*state, REDO(on), 1);
	damage_word(*state, REDO(slot), 0);
	damage_word(*state, REDO(cell), 1);
	assert_settled(*state, ERR_SYNTAX, 1 + 2 + 3);
	damage_word(*state, REDO(on), 1);
	damage_word(*state, REDO(cell), UINT64_MAX);
	assert_settled(*state, ERR_SYNTAX, 1 + 2 + 3);
}

static void
a_redo_record_that_would_take_back_what_was_counted_is_dropped(void **state)
{
	const struct usage less = usage_of(2);

	leave_arena(*state); /* 3 in cell 0 */
	damage_word(*state, REDO(on), 1);
	damage_word(*state, REDO(slot), 0);
	damage_word(*state, REDO(cell), 0);
	damage(*state, REDO(to), &less, sizeof(less));
	assert_settled(*state, ERR_SYNTAX, 3);
}

static void
a_redo_record_is_repeated(void **state)
{
	const struct usage more = usage_of(10);

	leave_open_slots(*state);
	damage_word(*state, REDO(on), 1);
	damage_word(*state, REDO(slot), 0);
	damage_word(*state, REDO(cell), 0);
	damage(*state, REDO(to), &more, sizeof(more));
	assert_settled(*state, 0, 10 + 2 + 3);
}

/* Half of a page reached the disk: the names are not those that were hashed. */
static void
a_cell_with_damaged_names_is_refused_and_nothing_else(void **state)
{
	struct arena *a = case_owned(*state, CELLS, SLOTS);
	struct arena_cell c;
	uint32_t cell;
	char full[KEY_ID_MAX + 1];

	memset(full, 'x', sizeof(full));
	(void)case_cell(a, "one");
	(void)case_cell(a, "two");
	(void)case_cell(a, "three");
	arena_close(&a);
	damage(*state, cell_at(0), "two", 4);
	damage(*state, cell_at(2), full, sizeof(full)); /* no NUL in it */
	a = case_open(*state, CASE_ID, true);
	assert_int_equal(arena_cell_read(a, 0, &c), ERR_SYNTAX);
	assert_int_equal(arena_cell_read(a, 1, &c), 0);
	assert_int_equal(arena_cell_read(a, 2, &c), ERR_SYNTAX);
	assert_int_equal(arena_adopt(a), 0);
	assert_int_equal(case_cell(a, "two"), 1);
	assert_int_equal(arena_cell_for(a, "three", "m", "chat", &cell), 0);
	assert_int_equal(cell, 3);
	arena_close(&a);
}

static void
of_another_boot_only_cells_are_left(void **state)
{
	struct arena *a;
	uint32_t n = 99;

	leave_open_slots(*state);
	damage(*state, offsetof(struct arena_header, boot), "x", 1);
	damage_word(*state, REDO(on), 1);
	a = case_open(*state, CASE_ID, true);
	assert_true(arena_is_of_other_boot(a));
	assert_int_equal(arena_settle(a, &n), 0);
	assert_int_equal(n, 0);
	arena_close(&a);
	a = case_open(*state, CASE_ID, false);
	assert_true(arena_is_of_other_boot(a));
	arena_close(&a);
	assert_settled(*state, 0, 0);
}

/* Any byte of the file may be anything: codes, but never a signal. */
static void
noise_anywhere_ends_nobody(void **state)
{
	struct arena_cell c;
	char path[96];
	int settled = 0;
	int read = 0;

	case_seed(4711);
	leave_open_slots(*state);
	case_path(*state, CASE_ID, path);
	for (int round = 0; round < 2000; round++) {
		struct arena *a = NULL;
		const size_t at = (size_t)rand() % slot_at(SLOTS);

		damage_word(*state, at - at % 8, rand() % 3 == 0 ? 1 : (uint64_t)rand());
		if (round % 2) /* all but the sizes, which refuse nearly everything */
			damage_word(*state, REDO(on) + (size_t)(rand() % 12) * 8,
			    (uint64_t)(rand() % 100));
		if (arena_open(path, true, &a) != 0)
			continue;
		settled += arena_settle(a, NULL) != 0;
		assert_int_equal(arena_settle(a, NULL), 0);
		for (uint32_t i = 0; i < arena_cells(a); i++)
			read += arena_cell_read(a, i, &c) == 0;
		assert_int_equal(arena_adopt(a), 0);
		arena_close(&a);
	}
	assert_true(settled > 0 && read > 0); /* it was not all refused at the door */
}

/* --- a full disk --- */

enum { FULL_OK = 0, FULL_SKIP = 77, FULL_BYTES = 256 * 1024 };

/* In a mount namespace of its own: an arena on a disk that has no room for it. */
static int
on_a_full_disk(const struct tempdir *t)
{
	struct arena *small = NULL;
	struct arena *large = NULL;
	const struct usage u = usage_of(1);
	uint32_t slot;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", t->path, "tmpfs", 0, "size=256k") != 0)
		return FULL_SKIP;
	if (arena_create(t->path, 1, 4096, 100, &large) != -ENOSPC || large != NULL)
		return 1;
	if (tempdir_count(t) != 0)
		return 2;
	if (arena_create(t->path, 2, CELLS, SLOTS, &small) != 0 ||
	    arena_create(t->path, 3, 4096, 100, &large) != -ENOSPC)
		return 3;
	while (arena_create(t->path, 4 + (uint64_t)rand(), 64, 8, &large) == 0)
		arena_close(&large);
	/* nothing is left, and counting goes on, to the last cell and slot */
	if (arena_adopt(small) != 0)
		return 4;
	for (unsigned i = 0; i < CELLS; i++) {
		char key[16];
		uint32_t cell;

		snprintf(key, sizeof(key), "%u", i);
		(void)arena_cell_or_other(small, key, key, key, &cell);
		if (i < SLOTS && arena_slot_open(small, cell, &slot) != 0)
			return 5;
		if (i < SLOTS)
			arena_slot_put(small, slot, &u);
	}
	if (arena_settle(small, NULL) != 0)
		return 6;
	arena_close(&small);
	return FULL_OK;
}

static void
on_a_full_disk_creating_fails_and_counting_goes_on(void **state)
{
	int status = 0;
	const pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(on_a_full_disk(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == FULL_SKIP) {
		print_message("skipped: mounting a small tmpfs takes root\n");
		skip();
	}
	assert_int_equal(status, 0);
}

int
main(void)
{
#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_file_is_allocated_in_full_and_nothing_else_is_left),
		FILE_TEST(an_id_that_is_taken_or_a_size_without_sense_is_refused),
		FILE_TEST(what_was_counted_is_there_for_who_opens_it),
		FILE_TEST(who_may_write_to_it_locks_it_and_readers_do_not),
		FILE_TEST(the_lock_is_held_until_the_owner_is_gone),
		FILE_TEST(a_file_cut_at_any_length_is_refused),
		FILE_TEST(another_version_or_an_unknown_layout_is_refused_as_stale),
		FILE_TEST(one_of_another_layout_is_read_and_settled_and_never_counted_in),
		FILE_TEST(a_layout_that_makes_no_sense_or_holds_more_is_refused),
		FILE_TEST(
		    a_file_whose_header_never_reached_the_disk_is_told_from_a_damaged_one),
		FILE_TEST(who_inherits_it_goes_on_with_its_lock_and_its_counts),
		FILE_TEST(sizes_and_counts_that_do_not_fit_are_refused),
		FILE_TEST(what_is_no_regular_file_is_refused_without_waiting),
		FILE_TEST(a_copy_under_another_name_is_refused),
		FILE_TEST(only_arenas_are_listed),
		FILE_TEST(
		    a_slot_for_a_cell_that_does_not_exist_is_dropped_and_the_others_count),
		FILE_TEST(a_slot_with_a_head_that_none_could_have_is_dropped),
		FILE_TEST(a_redo_record_out_of_bounds_is_dropped_and_all_slots_count),
		FILE_TEST(a_redo_record_that_would_take_back_what_was_counted_is_dropped),
		FILE_TEST(a_redo_record_is_repeated),
		FILE_TEST(a_cell_with_damaged_names_is_refused_and_nothing_else),
		FILE_TEST(of_another_boot_only_cells_are_left),
		FILE_TEST(noise_anywhere_ends_nobody),
		FILE_TEST(on_a_full_disk_creating_fails_and_counting_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
