/*
 * The filters of system calls: what a role needs passes, what it must not do ends it by
 * SIGSYS, with the call noted for the master's log. Each case is a process of its own
 * that takes the filter for good. A build with sanitizers has no filter and says so;
 * `make test` runs this binary's release build, too.
 */
#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/privilege.h"
#include "common/sandbox_calls.h"
#include "master/child.h"

enum { PAGE = 4096, DONE = 42, NOT_SET_UP = 43, BIG = 1 << 22 };

static _Atomic uint64_t *noted; /* shared with the processes */
static void *page;              /* where it lies */

static int
set_up(void **state)
{
	(void)state;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	noted = page;
	return page == MAP_FAILED ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return munmap(page, PAGE);
}

/*
 * Run act in a process that has the role's filter; before, unless NULL, is run there
 * without it. Returns the wait status.
 */
static int
run_after(void (*before)(void), enum sandbox_role role, void (*act)(void))
{
	int status = 0;
	pid_t pid;

	atomic_store(noted, 0);
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		(void)signal(SIGABRT, SIG_DFL); /* not the framework's */
		if (privilege_harden() != 0)
			_exit(NOT_SET_UP);
		if (before != NULL)
			before();
		if (sandbox_enter(role, noted) != 0)
			_exit(NOT_SET_UP);
		act();
		_exit(DONE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int
run_as(enum sandbox_role role, void (*act)(void))
{
	return run_after(NULL, role, act);
}

static void
assert_passes(enum sandbox_role role, void (*act)(void))
{
	const int status = run_as(role, act);

	assert_int_equal(atomic_load(noted), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), DONE);
}

static void
assert_refused_after(
    void (*before)(void), enum sandbox_role role, void (*act)(void), const char *name)
{
	char got[SANDBOX_NAME_BYTES];
	const int status = run_after(before, role, act);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	sandbox_name(atomic_load(noted), got);
	assert_string_equal(got, name);
}

static void
assert_refused(enum sandbox_role role, void (*act)(void), const char *name)
{
	assert_refused_after(NULL, role, act, name);
}

/* Newer C libraries fork with all signals blocked: then the process dies without a note. */
static void
assert_refused_even_if_blocked(enum sandbox_role role, void (*act)(void))
{
	const int status = run_as(role, act);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void
skip_without_filter(void)
{
	if (sandbox_missing() == NULL)
		return;
	print_message("no filter here: %s\n", sandbox_missing());
	skip();
}

static void
demand(bool ok)
{
	if (!ok)
		_exit(1);
}

/* --- acts: what is wrongly allowed is given back, and the process ends well --- */

static void
close_if_open(int fd)
{
	if (fd != -1)
		close(fd);
}

static void
unmap_if_mapped(void *p)
{
	if (p != MAP_FAILED)
		munmap(p, PAGE);
}

static void
do_open(void)
{
	close_if_open(open("/etc/passwd", O_RDONLY));
}

static void
do_open_at(void)
{
	(void)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0);
}

static void
do_execute(void)
{
	char name[] = "/bin/true";
	char *argv[] = { name, NULL };

	(void)execv(name, argv);
}

static void
do_clone(void)
{
	(void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
}

static void
do_fork(void)
{
	(void)fork();
}

static void
do_trace(void)
{
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
do_kill(void)
{
	(void)kill(getppid(), 0);
}

static void
do_signal_another(void)
{
	(void)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void
do_packet_socket(void)
{
	close_if_open(socket(AF_PACKET, SOCK_RAW, 0));
}

static void
do_netlink_socket(void)
{
	close_if_open(socket(AF_NETLINK, SOCK_RAW, 0));
}

static void
do_map_code(void)
{
	unmap_if_mapped(
	    mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void
do_map_writable_code(void)
{
	unmap_if_mapped(mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void
do_make_code(void)
{
	void *p =
	    mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	demand(p != MAP_FAILED);
	(void)mprotect(p, PAGE, PROT_READ | PROT_EXEC);
}

static void
do_become_dumpable(void)
{
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void
do_raise_limit(void)
{
	const struct rlimit l = { 0, 0 };

	(void)setrlimit(RLIMIT_NOFILE, &l);
}

static void
do_type_into_terminal(void)
{
	(void)ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static void
do_become_root(void)
{
	demand(setuid(0) == 0);
}

static void
do_listen(void)
{
	(void)listen(STDIN_FILENO, 1);
}

static void
do_share_memory(void)
{
	close_if_open(memfd_create("x", 0));
}

static void
do_unlink(void)
{
	(void)unlink("/tmp/gatehouse-there-is-no-such-file");
}

static void
do_abort(void)
{
	abort();
}

/* A worker's daily calls. */
static void
do_serve(void)
{
	struct rlimit l;
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	char *p = malloc(BIG);
	char *more;

	demand(fd != -1 && p != NULL);
	memset(p, 1, BIG);
	more = realloc(p, BIG * 2);
	demand(more != NULL);
	free(more);
	demand(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0);
	demand(fcntl(fd, F_GETFL) != -1 && close(fd) == 0);
	demand(getrlimit(RLIMIT_NOFILE, &l) == 0);
	close_if_open(socket(AF_UNIX, SOCK_STREAM, 0));
	demand(signal(SIGTERM, SIG_IGN) != SIG_ERR);
}

static void
do_new_clone(void)
{
	char arguments[64] = { 0 };

	demand(syscall(SYS_clone3, arguments, sizeof(arguments)) == -1 && errno == ENOSYS);
}

static void *
in_thread(void *arg)
{
	struct addrinfo *list = NULL;

	if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
		freeaddrinfo(list);
	return arg;
}

static void
do_resolve_in_thread(void)
{
	pthread_t thread;

	demand(pthread_create(&thread, NULL, in_thread, NULL) == 0);
	demand(pthread_join(thread, NULL) == 0);
}

static void *
trace_in_thread(void *arg)
{
	do_trace();
	return arg;
}

/* As admin's threads do: all signals blocked but this one. */
static void
do_trace_in_thread(void)
{
	pthread_t thread;
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	demand(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
	demand(pthread_create(&thread, NULL, trace_in_thread, NULL) == 0);
	(void)pthread_join(thread, NULL);
}

static struct {
	pthread_t thread;
	int word[2]; /* a pipe: its cue */
} early;

static void *
kill_on_cue(void *arg)
{
	char c;

	demand(read(early.word[0], &c, 1) == 1);
	do_kill();
	return arg;
}

/* A thread that is there before the filter, as that of admin's jobs. */
static void
start_early_thread(void)
{
	sigset_t all, before;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	demand(pipe(early.word) == 0);
	demand(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	demand(pthread_create(&early.thread, NULL, kill_on_cue, NULL) == 0);
	demand(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

static void
do_cue_early_thread(void)
{
	demand(write(early.word[1], "x", 1) == 1);
	(void)pthread_join(early.thread, NULL);
}

/* What an edit of a file beside others takes. */
static void
do_edit_file(void)
{
	char path[] = "/tmp/gatehouse-unit-XXXXXX", other[64];
	const int fd = mkstemp(path);

	demand(fd != -1);
	(void)snprintf(other, sizeof(other), "%s.new", path);
	demand(write(fd, "x", 1) == 1 && fchmod(fd, 0600) == 0);
	demand(fchown(fd, getuid(), getgid()) == 0 && fsync(fd) == 0);
	demand(rename(path, other) == 0 && unlink(other) == 0 && close(fd) == 0);
}

/* --- tests --- */

static void
a_worker_opens_nothing_and_starts_nothing(void **state)
{
	(void)state;
	skip_without_filter();
	assert_refused(SANDBOX_WORKER, do_open, "openat");
	assert_refused(SANDBOX_WORKER, do_open_at, "openat");
	assert_refused(SANDBOX_WORKER, do_execute, "execve");
	assert_refused(SANDBOX_WORKER, do_clone, "clone");
	assert_refused_even_if_blocked(SANDBOX_WORKER, do_fork);
	assert_refused(SANDBOX_WORKER, do_listen, "listen");
	assert_refused(SANDBOX_WORKER, do_share_memory, "memfd_create");
	assert_refused(SANDBOX_WORKER, do_unlink, "unlink");
}

static void
a_worker_touches_no_other_process_and_gains_nothing(void **state)
{
	(void)state;
	skip_without_filter();
	assert_refused(SANDBOX_WORKER, do_trace, "ptrace");
	assert_refused(SANDBOX_WORKER, do_kill, "kill");
	assert_refused(SANDBOX_WORKER, do_signal_another, "tgkill");
	assert_refused(SANDBOX_WORKER, do_become_dumpable, "prctl");
	assert_refused(SANDBOX_WORKER, do_become_root, "setuid");
	assert_refused(SANDBOX_WORKER, do_raise_limit, "prlimit64");
	assert_refused(SANDBOX_WORKER, do_type_into_terminal, "ioctl");
}

static void
a_worker_has_no_other_sockets_and_no_new_code(void **state)
{
	(void)state;
	skip_without_filter();
	assert_refused(SANDBOX_WORKER, do_packet_socket, "socket");
	assert_refused(SANDBOX_WORKER, do_netlink_socket, "socket");
	assert_refused(SANDBOX_WORKER, do_map_code, "mmap");
	assert_refused(SANDBOX_WORKER, do_map_writable_code, "mmap");
	assert_refused(SANDBOX_WORKER, do_make_code, "mprotect");
}

static void
a_worker_can_do_its_work(void **state)
{
	(void)state;
	skip_without_filter();
	assert_passes(SANDBOX_WORKER, do_serve);
	assert_passes(SANDBOX_WORKER, do_new_clone);
}

static void
a_worker_that_aborts_dies_of_that(void **state)
{
	int status;

	(void)state;
	skip_without_filter();
	status = run_as(SANDBOX_WORKER, do_abort);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_int_equal(atomic_load(noted), 0);
}

static void
admin_can_edit_files_and_resolve_names_in_threads(void **state)
{
	(void)state;
	skip_without_filter();
	assert_passes(SANDBOX_ADMIN, do_serve);
	assert_passes(SANDBOX_ADMIN, do_edit_file);
	assert_passes(SANDBOX_ADMIN, do_resolve_in_thread);
}

static void
admin_starts_no_program_and_touches_no_other_process(void **state)
{
	(void)state;
	skip_without_filter();
	assert_refused(SANDBOX_ADMIN, do_execute, "execve");
	assert_refused(SANDBOX_ADMIN, do_clone, "clone");
	assert_refused_even_if_blocked(SANDBOX_ADMIN, do_fork);
	assert_refused(SANDBOX_ADMIN, do_trace, "ptrace");
	assert_refused(SANDBOX_ADMIN, do_kill, "kill");
	assert_refused(SANDBOX_ADMIN, do_become_root, "setuid");
	assert_refused(SANDBOX_ADMIN, do_packet_socket, "socket");
	assert_refused(SANDBOX_ADMIN, do_map_writable_code, "mmap");
	assert_refused(SANDBOX_ADMIN, do_make_code, "mprotect");
}

static void
a_call_refused_in_a_thread_ends_the_process_and_is_noted(void **state)
{
	(void)state;
	skip_without_filter();
	assert_refused(SANDBOX_ADMIN, do_trace_in_thread, "ptrace");
}

static void
threads_that_were_there_before_the_filter_have_it_too(void **state)
{
	(void)state;
	skip_without_filter();
	assert_refused_after(
	    start_early_thread, SANDBOX_ADMIN, do_cue_early_thread, "kill");
}

static void
the_master_names_the_call_that_ended_a_child(void **state)
{
	const uint64_t refused = (uint64_t)SYS_ptrace + 1;

	(void)state;
	assert_string_equal(child_role_end_text(SIGSYS, refused).text,
	    "signal SIGSYS, the filter refused the system call ptrace");
	assert_string_equal(child_role_end_text(SIGSYS, 0).text,
	    "signal SIGSYS, the filter refused a system call");
	assert_string_equal(child_role_end_text(SIGSEGV, refused).text, "signal SIGSEGV");
	assert_string_equal(child_role_end_text(1 << 8, refused).text, "exit status 1");
}

static void
a_number_without_a_name_is_told_as_it_is(void **state)
{
	char name[SANDBOX_NAME_BYTES];

	(void)state;
	sandbox_name(99999 + 1, name);
	assert_string_equal(name, "call 99999");
	sandbox_name(UINT64_MAX, name);
	assert_string_equal(name, "call 18446744073709551614");
}

/* Newer than some libseccomp that this is built with. */
static bool
may_be_unknown(const char *name)
{
	static const char *const newer[] = { "futex_waitv", "fchmodat2", "epoll_pwait2" };

	for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++)
		if (strcmp(newer[i], name) == 0)
			return true;
	return false;
}

static void
every_name_in_the_lists_is_a_call(void **state)
{
	const struct sandbox_call *calls;
	const struct sandbox_rule *rules;
	size_t n;

	(void)state;
	calls = sandbox_calls(&n);
	for (size_t i = 0; i < n; i++)
		if (seccomp_syscall_resolve_name(calls[i].name) == __NR_SCMP_ERROR &&
		    !may_be_unknown(calls[i].name))
			fail_msg("there is no call \"%s\"", calls[i].name);
	rules = sandbox_rules(&n);
	for (size_t i = 0; i < n; i++)
		if (seccomp_syscall_resolve_name(rules[i].name) == __NR_SCMP_ERROR)
			fail_msg("there is no call \"%s\"", rules[i].name);
}

/* A row that allows a call whatever its arguments are would undo its rules. */
static void
no_call_stands_in_the_list_and_in_the_rules(void **state)
{
	const struct sandbox_call *calls;
	const struct sandbox_rule *rules;
	size_t n_calls, n_rules;

	(void)state;
	calls = sandbox_calls(&n_calls);
	rules = sandbox_rules(&n_rules);
	for (size_t i = 0; i < n_calls; i++)
		for (size_t j = 0; j < n_rules; j++)
			assert_string_not_equal(calls[i].name, rules[j].name);
}

static void
a_build_with_sanitizers_says_that_it_has_no_filter(void **state)
{
	(void)state;
	if (!sandbox_is_sanitized())
		skip();
	assert_string_equal(sandbox_missing(), "this build has sanitizers");
	assert_passes(SANDBOX_WORKER, do_open);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_opens_nothing_and_starts_nothing),
		cmocka_unit_test(a_worker_touches_no_other_process_and_gains_nothing),
		cmocka_unit_test(a_worker_has_no_other_sockets_and_no_new_code),
		cmocka_unit_test(a_worker_can_do_its_work),
		cmocka_unit_test(a_worker_that_aborts_dies_of_that),
		cmocka_unit_test(admin_can_edit_files_and_resolve_names_in_threads),
		cmocka_unit_test(admin_starts_no_program_and_touches_no_other_process),
		cmocka_unit_test(a_call_refused_in_a_thread_ends_the_process_and_is_noted),
		cmocka_unit_test(threads_that_were_there_before_the_filter_have_it_too),
		cmocka_unit_test(the_master_names_the_call_that_ended_a_child),
		cmocka_unit_test(a_number_without_a_name_is_told_as_it_is),
		cmocka_unit_test(every_name_in_the_lists_is_a_call),
		cmocka_unit_test(no_call_stands_in_the_list_and_in_the_rules),
		cmocka_unit_test(a_build_with_sanitizers_says_that_it_has_no_filter),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
