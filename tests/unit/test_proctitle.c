/*
 * proctitle: the title is seen, the secrets of the environment are not. The program
 * starts itself anew, with an environment of its own, and looks at itself in /proc.
 */
#include "common/proctitle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET "a-secret-that-must-not-be-seen"

enum { AS_CHILD_OK = 42 };

/* Does the process's own file in /proc hold text? */
static int
holds(const char *file, const char *text)
{
	char bytes[65536];
	FILE *f = fopen(file, "r");
	size_t n;

	if (f == NULL)
		return -1;
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return memmem(bytes, n, text, strlen(text)) != NULL;
}

/* What is tested, in the program that was started anew. Returns the first wrong step. */
static int
as_child(int argc, char **argv)
{
	struct proctitle t;
	const char *copy;

	if (holds("/proc/self/environ", SECRET) != 1)
		return 1; /* else the test would show nothing */
	if (proctitle_init(&t, argc, argv) != 0 ||
	    holds("/proc/self/environ", SECRET) != 0)
		return 2;
	copy = getenv("TEST_SECRET");
	if (copy == NULL || strcmp(copy, SECRET) != 0)
		return 3; /* the copy serves */
	proctitle_unset_env(&t, "OTHER");
	proctitle_unset_env(&t, "TEST_SECRE"); /* only whole names count */
	proctitle_unset_env(&t, "NONE");
	if (getenv("OTHER") != NULL || getenv("TEST_SECRET") == NULL)
		return 7;
	proctitle_set(&t, "gatehouse: worker %u", 7U);
	if (holds("/proc/self/cmdline", "gatehouse: worker 7") != 1 ||
	    holds("/proc/self/comm", "gatehouse: work") != 1)
		return 4;
	proctitle_set(&t, "%0250d", 1); /* far longer than argv was */
	if (holds("/proc/self/cmdline", "worker") != 0)
		return 5;
	proctitle_wipe_env(&t);
	if (getenv("TEST_SECRET") != NULL || holds("/proc/self/environ", SECRET) != 0)
		return 6;
	return AS_CHILD_OK;
}

static void
the_title_is_seen_and_the_environment_is_not(void **state)
{
	char name[] = "x";
	char word[] = "as-child";
	char *argv[] = { name, word, NULL };
	char secret[] = "TEST_SECRET=" SECRET;
	char other[] = "OTHER=value";
	char *env[] = { secret, other, NULL };
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execve("/proc/self/exe", argv, env);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), AS_CHILD_OK);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_title_is_seen_and_the_environment_is_not),
	};

	if (argc > 1 && strcmp(argv[1], "as-child") == 0)
		return as_child(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
