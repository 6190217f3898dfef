/*
 * The journal over the lives of workers and masters: who gets which arena, and that
 * everything answered is counted once, whoever is killed. Whole masters run with small
 * roles, whose workers count each answer; see master_house.h.
 */
#include "tests/unit/master_house.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>

/* What the arenas of a folder come to. */
struct journal_sum {
	uint64_t requests;
	int arenas, retired;
};

static void
journal_dir(const struct house *h, char dir[96])
{
	snprintf(dir, 96, "%s/journal", h->dir->path);
}

static struct journal_sum
journal_in(const char *dir)
{
	struct journal_sum sum = { 0 };
	struct strlist paths = { 0 };
	struct arena_cell c;

	assert_int_equal(arena_list(dir, &paths), 0);
	for (size_t i = 0; i < paths.n; i++) {
		struct arena *a = NULL;

		assert_int_equal(arena_open(paths.v[i], false, &a), 0);
		sum.arenas++;
		sum.retired += arena_is_retired(a);
		for (uint32_t cell = 0; cell < arena_cells(a); cell++) {
			assert_int_equal(arena_cell_read(a, cell, &c), 0);
			sum.requests += c.usage.v[USAGE_REQUESTS];
		}
		arena_close(&a);
	}
	strlist_free(&paths);
	return sum;
}

static struct journal_sum
journal(const struct house *h)
{
	char dir[96];

	journal_dir(h, dir);
	return journal_in(dir);
}

static bool
has_retired(struct house *h, long n)
{
	return journal(h).retired >= n;
}

static bool
has_counted(struct house *h, long n)
{
	return journal(h).requests >= (uint64_t)n;
}

static bool
serves_generation(struct house *h, long n)
{
	return house_number(h, "generation") == n;
}

/* Is the worker of slot 0 another one than pid, and are both ready? */
static bool
has_successor(struct house *h, long pid)
{
	const pid_t now = house_worker(h, 1, 0);

	return now != 0 && now != pid && house_is_state(h, "ready");
}

static void
house_says(struct house *h, const char *text)
{
	char config[160];

	snprintf(
	    config, sizeof(config), "{\"cors_origins\": [\"https://%s.example\"]}", text);
	house_replace(h->config, config);
}

static void
each_worker_has_an_arena_and_all_are_retired_at_the_end(void **state)
{
	struct house *h = *state;
	struct journal_sum sum;

	house_start_ready(h);
	for (int i = 0; i < 10; i++)
		(void)ask(h);
	house_await(h, has_counted, 10);
	sum = journal(h);
	assert_int_equal(sum.arenas, 2);
	assert_int_equal(sum.retired, 0);
	assert_int_equal(house_stop(h), 0);
	sum = journal(h);
	assert_int_equal(sum.arenas, 2);
	assert_int_equal(sum.retired, 2);
	assert_int_equal(sum.requests, 10);
}

/* The ids of a user. */
static bool
find_user(const char *name, struct passwd *out)
{
	const struct passwd *found = getpwnam(name);

	if (found != NULL)
		*out = *found;
	return found != NULL;
}

static void
admins_user_may_remove_arenas_and_read_but_not_write_them(void **state)
{
	struct house *h = *state;
	struct strlist paths = { 0 };
	struct passwd nobody = { 0 };
	struct stat st;
	char dir[96];

	if (geteuid() != 0 || !find_user("nobody", &nobody)) {
		print_message("skipped: only root gives files away\n");
		skip();
	}
	house_start_ready(h);
	journal_dir(h, dir);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_uid, nobody.pw_uid);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(arena_list(dir, &paths), 0);
	for (size_t i = 0; i < paths.n; i++) {
		assert_int_equal(stat(paths.v[i], &st), 0);
		assert_int_equal(st.st_uid, 0);
		assert_int_equal(st.st_gid, nobody.pw_gid);
		assert_int_equal(st.st_mode & 07777, 0640);
	}
	strlist_free(&paths);
	assert_int_equal(house_stop(h), 0);
	house_start_ready(h); /* the folder is as it should be already */
	assert_int_equal(house_stop(h), 0);
}

static void
a_killed_workers_open_requests_count_and_its_successor_has_its_arena(void **state)
{
	struct house *h = *state;
	pid_t pid;

	house_says(h, "open");
	house_start_ready(h);
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 20; i++)
			(void)ask_slot(h, 0);
		pid = house_worker(h, 1, 0);
		kill(pid, SIGKILL);
		house_await(h, has_successor, pid);
		house_await(h, has_counted, round * 20);
	}
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(journal(h).arenas, 2);
	assert_true(house_log_count(h, "requests in flight: settled") >= 3);
}

static void
a_new_generation_has_new_arenas_and_the_old_ones_are_retired_when_it_left(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	for (int i = 0; i < 10; i++)
		(void)ask(h);
	house_says(h, "any");
	house_reload(h);
	house_await(h, has_retired, 2);
	assert_int_equal(journal(h).arenas, 4);
	assert_int_equal(journal(h).requests, 10);
	for (int i = 0; i < 10; i++)
		(void)ask(h);
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(journal(h).arenas, 4);
	assert_int_equal(journal(h).retired, 4);
	assert_int_equal(journal(h).requests, 20);
}

static void
a_generation_that_never_served_leaves_its_arenas_retired(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	house_says(h, "die");
	house_reload(h);
	assert_last_reload(h, "failed");
	house_await(h, has_retired, 2);
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(journal(h).arenas, 4);
	assert_int_equal(journal(h).retired, 4);
}

static void
a_refused_reload_makes_no_arenas(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	house_replace(h->config, "{\"no_such_setting\": 1}");
	house_reload(h);
	assert_last_reload(h, "refused");
	assert_int_equal(journal(h).arenas, 2);
	assert_int_equal(house_stop(h), 0);
}

/* Kill the master and its workers, all at once as far as that goes. */
static void
kill_house(struct house *h)
{
	const pid_t workers[] = { house_worker(h, 1, 0), house_worker(h, 1, 1) };

	kill(h->pid, SIGKILL);
	for (size_t i = 0; i < 2; i++)
		kill(workers[i], SIGKILL);
	assert_int_equal(house_wait(h), -1);
}

static void
after_everything_was_killed_a_new_master_settles_what_was_open(void **state)
{
	struct house *h = *state;

	house_says(h, "open");
	for (int round = 1; round <= 3; round++) {
		house_start_ready(h);
		for (int i = 0; i < 10; i++)
			(void)ask(h);
		kill_house(h);
		house_start_ready(h);
		house_await(h, has_retired, 2 * (2 * round - 1));
		assert_int_equal(journal(h).requests, round * 10);
		assert_int_equal(house_stop(h), 0);
		assert_int_equal(journal(h).requests, round * 10);
	}
}

/* A worker of a master that is no more: it has a request open, and goes on. */
static pid_t
leave_a_worker(const char *dir)
{
	const struct usage u = { .v = { [USAGE_REQUESTS] = 1 } };
	const pid_t pid = fork();
	struct arena *a = NULL;
	uint32_t cell;
	uint32_t slot;

	assert_int_not_equal(pid, -1);
	if (pid != 0)
		return pid;
	alarm(HOUSE_WAIT_MS / 1000 * 3); /* if the test ends before it ends this */
	if (arena_create(dir, 5, 64, 8, &a) != 0 || arena_adopt(a) != 0 ||
	    arena_cell_for(a, "k", "m", "chat", &cell) != 0 ||
	    arena_slot_open(a, cell, &slot) != 0)
		_exit(1);
	arena_slot_put(a, slot, &u);
	for (;;)
		pause();
}

static bool
has_arenas(struct house *h, long n)
{
	return journal(h).arenas >= n;
}

static void
an_arena_whose_owner_lives_is_left_alone_until_it_has_gone(void **state)
{
	struct house *h = *state;
	char dir[96];
	pid_t pid;

	journal_dir(h, dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	pid = leave_a_worker(dir);
	house_await(h, has_arenas, 1);
	house_start_ready(h);
	house_reload(h); /* the master has made its round */
	assert_int_equal(journal(h).retired, 0);
	assert_int_equal(journal(h).requests, 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	house_await(h, has_retired, 1);
	assert_int_equal(journal(h).requests, 1);
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 0);
}

/* A file of the journal with so many bytes of this and nothing else. */
static void
plant(const struct house *h, const char *name, char byte, size_t n)
{
	char dir[96];
	char path[128];
	char *text = malloc(n + 1);

	assert_non_null(text);
	memset(text, byte, n);
	journal_dir(h, dir);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	tempdir_write_at(path, text, n, 0600);
	free(text);
}

static bool
is_there(const struct house *h, const char *name)
{
	char dir[96];
	char path[128];

	journal_dir(h, dir);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void
what_is_damaged_is_set_aside_with_one_line_and_the_start_goes_on(void **state)
{
	struct house *h = *state;
	char dir[96];

	journal_dir(h, dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	plant(h, "1.arena", 'x', 100000);
	plant(h, "2.arena", 'x', 10);
	plant(h, "3.arena", '\0', 100000); /* power was lost early */
	plant(h, "4.new", 'x', 100000);
	plant(h, "note.txt", 'x', 10);
	for (int i = 0; i < 2; i++) {
		house_start_ready(h);
		assert_int_equal(house_stop(h), 0);
	}
	assert_int_equal(house_log_count(h, "1.arena is damaged: set aside"), 1);
	assert_int_equal(house_log_count(h, "2.arena is damaged: set aside"), 1);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 2);
	assert_true(is_there(h, "1.arena.damaged") && is_there(h, "2.arena.damaged"));
	assert_false(is_there(h, "3.arena") || is_there(h, "4.new"));
	assert_true(is_there(h, "note.txt"));
	assert_int_equal(journal(h).arenas, 4);
}

static void
an_arena_of_another_version_is_named_and_left_as_it_is(void **state)
{
	struct house *h = *state;
	struct arena *a = NULL;
	const uint64_t version = 1000;
	char dir[96];
	char path[128];
	int fd;

	journal_dir(h, dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(arena_create(dir, 5, 64, 8, &a), 0);
	arena_close(&a);
	snprintf(path, sizeof(path), "%s/5.arena", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &version, sizeof(version), 8), sizeof(version));
	close(fd);
	house_start_ready(h);
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(
	    house_log_count(h, "5.arena can't be settled: written by another"), 1);
	assert_true(is_there(h, "5.arena"));
}

static void
three_quarters_full_a_new_generation_takes_over_and_nothing_is_reloaded(void **state)
{
	struct house *h = *state;

	house_says(h, "fill");
	house_start_ready(h);
	house_replace(h->config, "{"); /* nobody has asked to have this read */
	(void)ask(h);
	house_await(h, serves_generation, 2);
	house_await(h, has_retired, 2);
	assert_int_equal(house_number(h, "reloads_finished"), 0);
	assert_int_equal(journal(h).requests, 1);
	house_says(h, "any");
	house_reload(h); /* with the inputs that were handed on */
	assert_last_reload(h, "ok");
	assert_int_equal(house_number(h, "generation"), 3);
	(void)ask(h);
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(journal(h).requests, 2);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 0);
}

/* --- a disk without room --- */

/* Give the test a small disk for DATA_DIR. Returns false where it may not mount. */
static bool
mount_small(struct house *h, const char *size, char data[96])
{
	char option[32];

	snprintf(data, 96, "%s/data", h->dir->path);
	snprintf(option, sizeof(option), "size=%s", size);
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	assert_int_equal(mkdir(data, 0755), 0);
	if (mount("tmpfs", data, "tmpfs", 0, option) != 0)
		return false;
	free(h->env[0]);
	assert_int_not_equal(asprintf(&h->env[0], "DATA_DIR=%s", data), -1);
	house_env(h, "RUN_DIR", h->dir->path);
	return true;
}

static void
no_room_for_arenas_refuses_the_start_by_name(void **state)
{
	struct house *h = *state;
	char data[96];
	char dir[128];

	if (!mount_small(h, "4m", data)) {
		print_message("skipped: mounting a small tmpfs takes root\n");
		skip();
	}
	house_start(h);
	assert_int_equal(house_wait(h), 1);
	assert_int_equal(
	    house_log_count(
		h, "data/journal: the arena of worker 2 can't be made: No space"),
	    1);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 1);
	snprintf(dir, sizeof(dir), "%s/journal", data);
	assert_int_equal(journal_in(dir).arenas, 0);
	assert_int_equal(umount2(data, 0), 0);
}

static void
no_room_for_new_arenas_refuses_the_reload_by_name_and_serving_goes_on(void **state)
{
	struct house *h = *state;
	char data[96];
	char dir[128];

	if (!mount_small(h, "8m", data)) {
		print_message("skipped: mounting a small tmpfs takes root\n");
		skip();
	}
	house_start_ready(h);
	house_says(h, "any");
	house_replace(h->keys, "{\"keys\": []}");
	house_reload(h);
	assert_last_reload(h, "refused");
	assert_int_equal(house_log_count(h, "data/journal: the arena of worker"), 1);
	assert_int_equal(house_number(h, "keys"), 1); /* nothing of it holds */
	for (int i = 0; i < 10; i++)
		assert_int_equal(ask(h).generation, 1);
	assert_int_equal(house_stop(h), 0);
	snprintf(dir, sizeof(dir), "%s/journal", data);
	assert_int_equal(journal_in(dir).arenas, 2);
	assert_int_equal(journal_in(dir).requests, 10);
	assert_int_equal(umount2(data, 0), 0);
}

int
main(void)
{
#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(each_worker_has_an_arena_and_all_are_retired_at_the_end),
		HOUSE_TEST(admins_user_may_remove_arenas_and_read_but_not_write_them),
		HOUSE_TEST(
		    a_killed_workers_open_requests_count_and_its_successor_has_its_arena),
		HOUSE_TEST(
		    a_new_generation_has_new_arenas_and_the_old_ones_are_retired_when_it_left),
		HOUSE_TEST(a_generation_that_never_served_leaves_its_arenas_retired),
		HOUSE_TEST(a_refused_reload_makes_no_arenas),
		HOUSE_TEST(after_everything_was_killed_a_new_master_settles_what_was_open),
		HOUSE_TEST(an_arena_whose_owner_lives_is_left_alone_until_it_has_gone),
		HOUSE_TEST(
		    what_is_damaged_is_set_aside_with_one_line_and_the_start_goes_on),
		HOUSE_TEST(an_arena_of_another_version_is_named_and_left_as_it_is),
		HOUSE_TEST(
		    three_quarters_full_a_new_generation_takes_over_and_nothing_is_reloaded),
		HOUSE_TEST(no_room_for_arenas_refuses_the_start_by_name),
		HOUSE_TEST(
		    no_room_for_new_arenas_refuses_the_reload_by_name_and_serving_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
