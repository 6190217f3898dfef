/* What the kernel says of processes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/procstat.h"

static void
a_command_may_hold_spaces_and_brackets(void **state)
{
	struct procstat p;

	(void)state;
	assert_int_equal(procstat_parse(SPAN("12 (a b) c) S 1 2 3 4 -1 6 7 8 9 10 150 250 "
					     "30 40 -20 -1 1 0 500 8192 3 1844 1 1"),
			     100, 4096, &p),
	    0);
	assert_int_equal(p.cpu_ms, 4000);
	assert_int_equal(p.reaped_cpu_ms, 700);
	assert_int_equal(p.started_ms, 5000);
	assert_int_equal(p.virtual_bytes, 8192);
	assert_int_equal(p.resident_bytes, 3 * 4096);
}

static void
cut_text_is_no_answer(void **state)
{
	struct procstat p;

	(void)state;
	assert_int_equal(procstat_parse(SPAN(""), 100, 4096, &p), ERR_SYNTAX);
	assert_int_equal(procstat_parse(SPAN("12 (a"), 100, 4096, &p), ERR_SYNTAX);
	assert_int_equal(
	    procstat_parse(SPAN("12 (a) S 1 2 3"), 100, 4096, &p), ERR_SYNTAX);
}

static void
this_process_is_known(void **state)
{
	struct procstat p;
	uint64_t boot, open, max;
	uid_t uid;

	(void)state;
	assert_int_equal(procstat_read(getpid(), &p), 0);
	assert_in_range(p.resident_bytes, 4096, p.virtual_bytes);
	assert_int_equal(procstat_uid(getpid(), &uid), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(procstat_boot(&boot), 0);
	assert_in_range(boot * 1000 + p.started_ms, 1000000000000,
	    (uint64_t)time(NULL) * 1000 + 2000);
	assert_int_equal(procstat_own_fds(&open, &max), 0);
	assert_in_range(open, 3, max);
}

static void
a_process_that_has_gone_is_no_fault(void **state)
{
	struct procstat p;
	pid_t pid = fork();
	uid_t uid;

	(void)state;
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(procstat_read(pid, &p), -ENOENT);
	assert_int_equal(procstat_uid(pid, &uid), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_may_hold_spaces_and_brackets),
		cmocka_unit_test(cut_text_is_no_answer),
		cmocka_unit_test(this_process_is_known),
		cmocka_unit_test(a_process_that_has_gone_is_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
