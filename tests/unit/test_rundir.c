/* rundir: the lock that says whether a master is there, and the status file. */
#include "common/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tempdir.h"

/* A process that holds the lock until it is killed. Returns its pid once it has it. */
static pid_t
holder(const char *dir)
{
	int ready[2];
	char byte = 0;
	int fd = -1;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (rundir_lock(dir, RUNDIR_PID_FILE, &fd) != 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void
a_master_is_found_while_it_lives_and_only_then(void **state)
{
	const struct tempdir *t = *state;
	pid_t found = 0;
	pid_t pid;

	assert_int_equal(rundir_find_master(t->path, &found), -ENOENT);
	pid = holder(t->path);
	assert_int_equal(rundir_find_master(t->path, &found), 0);
	assert_int_equal(found, pid);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(rundir_find_master(t->path, &found), -ENOENT);
}

static void
a_second_one_is_refused_and_a_dead_ones_place_can_be_had(void **state)
{
	const struct tempdir *t = *state;
	pid_t pid = holder(t->path);
	pid_t found = 0;
	int fd = -1;

	assert_int_equal(rundir_lock(t->path, RUNDIR_PID_FILE, &fd), -EWOULDBLOCK);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(rundir_lock(t->path, RUNDIR_PID_FILE, &fd), 0);
	assert_int_equal(rundir_find_master(t->path, &found), 0);
	assert_int_equal(found, getpid());
	rundir_unlock(t->path, RUNDIR_PID_FILE, &fd);
	assert_int_equal(fd, -1);
	assert_int_equal(tempdir_count(t), 0);
}

static void
one_who_looks_never_keeps_a_master_from_starting(void **state)
{
	const struct tempdir *t = *state;
	pid_t pid = fork();

	if (pid == 0) {
		for (;;) {
			pid_t found = 0;

			if (rundir_find_master(t->path, &found) == -EACCES)
				_exit(1);
		}
	}
	for (int i = 0; i < 300; i++) {
		int fd = -1;

		assert_int_equal(rundir_lock(t->path, RUNDIR_PID_FILE, &fd), 0);
		rundir_unlock(t->path, RUNDIR_PID_FILE, &fd);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
a_symbolic_link_is_not_followed(void **state)
{
	const struct tempdir *t = *state;
	char link[96];
	char victim[96];
	int fd = -1;

	snprintf(victim, sizeof(victim), "%s/victim", t->path);
	snprintf(link, sizeof(link), "%s/%s", t->path, RUNDIR_PID_FILE);
	tempdir_write_at(victim, "precious", 8, 0600);
	assert_int_equal(symlink(victim, link), 0);
	assert_int_equal(rundir_lock(t->path, RUNDIR_PID_FILE, &fd), -ELOOP);
	snprintf(link, sizeof(link), "%s/%s.new", t->path, RUNDIR_STATUS_FILE);
	assert_int_equal(symlink(victim, link), 0);
	json_t *status = json_object();
	assert_int_equal(rundir_save_status(t->path, status), 0);
	json_decref(status);
	struct stat st;
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 8);
}

static void
the_status_is_replaced_whole(void **state)
{
	const struct tempdir *t = *state;
	json_t *back = NULL;

	assert_int_equal(rundir_load_status(t->path, &back), -ENOENT);
	for (int i = 0; i < 3; i++) {
		json_t *status = json_pack("{s:i}", "number", i);

		assert_int_equal(rundir_save_status(t->path, status), 0);
		json_decref(status);
		assert_int_equal(rundir_load_status(t->path, &back), 0);
		assert_int_equal(json_integer_value(json_object_get(back, "number")), i);
		json_decref(back);
	}
	assert_int_equal(tempdir_count(t), 1);
	assert_true(rundir_remove_status(t->path));
	assert_false(rundir_remove_status(t->path));
}

static void
a_status_that_is_no_object_is_refused(void **state)
{
	const struct tempdir *t = *state;
	char path[96];
	json_t *back = NULL;

	snprintf(path, sizeof(path), "%s/%s", t->path, RUNDIR_STATUS_FILE);
	tempdir_write_at(path, "[]", 2, 0600);
	assert_int_equal(rundir_load_status(t->path, &back), ERR_SYNTAX);
	tempdir_write_at(path, "{", 1, 0600);
	assert_int_equal(rundir_load_status(t->path, &back), ERR_SYNTAX);
}

int
main(void)
{
#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		DIR_TEST(a_master_is_found_while_it_lives_and_only_then),
		DIR_TEST(a_second_one_is_refused_and_a_dead_ones_place_can_be_had),
		DIR_TEST(one_who_looks_never_keeps_a_master_from_starting),
		DIR_TEST(a_symbolic_link_is_not_followed),
		DIR_TEST(the_status_is_replaced_whole),
		DIR_TEST(a_status_that_is_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
