/* Locks that are waited for, and the file that was replaced meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/filelock.h"

struct place {
	char dir[64];
	char file[96];
	char other[96];
};

static int
make_file(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/gatehouse-filelock-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->file, sizeof(p->file), "%s/file", p->dir);
	(void)snprintf(p->other, sizeof(p->other), "%s/other", p->dir);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	(void)unlink(p->file);
	(void)unlink(p->other);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

/* A child that has the lock, and says so through the pipe; it ends when killed. */
static pid_t
hold_in_child(const char *path, int *said)
{
	int ends[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		const int fd = open(path, O_RDONLY);

		if (filelock_wait(fd) == 0 && write(ends[1], "x", 1) == 1)
			for (;;)
				(void)pause();
		_exit(1);
	}
	assert_true(pid > 0);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	*said = ends[0];
	return pid;
}

static volatile pid_t holder_to_kill;

static void
on_alarm(int sig)
{
	(void)sig;
	(void)kill(holder_to_kill, SIGKILL);
}

/* The alarm comes while the lock is waited for, and interrupts that, too. */
static void
a_lock_is_had_when_its_holder_has_gone(void **state)
{
	struct place *p = *state;
	const struct itimerval soon = { .it_value = { .tv_usec = 30000 } };
	const int fd = make_file(p->file);
	int said;

	holder_to_kill = hold_in_child(p->file, &said);
	assert_true(signal(SIGALRM, on_alarm) != SIG_ERR);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(filelock_wait(fd), 0);
	assert_int_equal(waitpid(holder_to_kill, NULL, 0), holder_to_kill);
	close(said);
	close(fd);
}

static void
a_lock_that_is_held_all_the_time_is_given_up(void **state)
{
	struct place *p = *state;
	const int fd = make_file(p->file);
	int said;
	const pid_t holder = hold_in_child(p->file, &said);

	assert_int_equal(filelock_wait(fd), -EWOULDBLOCK);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	close(said);
	close(fd);
}

static void
a_file_that_was_replaced_is_no_longer_the_one(void **state)
{
	struct place *p = *state;
	const int fd = make_file(p->file);

	assert_true(filelock_is_current(fd, p->file));
	close(make_file(p->other));
	assert_int_equal(rename(p->other, p->file), 0);
	assert_false(filelock_is_current(fd, p->file));
	assert_int_equal(unlink(p->file), 0);
	assert_false(filelock_is_current(fd, p->file));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_lock_is_had_when_its_holder_has_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_lock_that_is_held_all_the_time_is_given_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_file_that_was_replaced_is_no_longer_the_one, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
