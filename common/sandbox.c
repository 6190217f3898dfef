/*
 * Filters made and loaded; see sandbox.h. Runs in each child at the end of its start,
 * when libraries have opened what they open once; the names are the master's.
 *
 * The handler has one word of file-scope state, for a handler is given none. The signal
 * is the kernel's own: while it is blocked, as the C library does within fork(), the
 * process dies without a note.
 */
#include "common/sandbox.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/sandbox_calls.h"

#ifdef __has_feature /* clang; gcc has the macro */
#	if __has_feature(address_sanitizer)
#		define SANITIZED true
#	endif
#elif defined(__SANITIZE_ADDRESS__)
#	define SANITIZED true
#endif
#ifndef SANITIZED
#	define SANITIZED false
#endif

static _Atomic uint64_t *noted_at; /* the handler's */

bool
sandbox_is_sanitized(void)
{
	return SANITIZED;
}

const char *
sandbox_missing(void)
{
	const uint32_t action = SECCOMP_RET_TRAP;

	if (SANITIZED)
		return "this build has sanitizers";
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == -1)
		return "the kernel has none";
	return NULL;
}

/* Note the call, then die of the signal as if there were no handler (SA_RESETHAND). */
static void
on_refused(int sig, siginfo_t *info, void *context)
{
	(void)context;
	atomic_store(noted_at, (uint64_t)(unsigned)info->si_syscall + 1);
	(void)raise(sig);
}

static int
catch_refusals(_Atomic uint64_t *refused)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER };
	sigset_t sys;

	sa.sa_sigaction = on_refused;
	noted_at = refused;
	sigemptyset(&sys);
	sigaddset(&sys, SIGSYS);
	if (sigaction(SIGSYS, &sa, NULL) == -1 ||
	    sigprocmask(SIG_UNBLOCK, &sys, NULL) == -1)
		return -errno;
	return 0;
}

/* Add one rule, or nothing where neither libseccomp nor this processor has the call. */
static int
allow(scmp_filter_ctx filter, const char *name, const struct scmp_arg_cmp *argument)
{
	const int call = seccomp_syscall_resolve_name(name);
	const unsigned n = argument != NULL ? 1 : 0;
	int r;

	if (call == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, n, argument);
	return r == -EDOM ? 0 : r;
}

static int
allow_role(scmp_filter_ctx filter, enum sandbox_role role)
{
	const struct sandbox_call *calls;
	const struct sandbox_rule *rules;
	const struct scmp_arg_cmp own = { 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0 };
	size_t n_calls, n_rules;
	int r;

	calls = sandbox_calls(&n_calls);
	rules = sandbox_rules(&n_rules);
	r = allow(filter, "tgkill", &own); /* abort() and the handler */
	for (size_t i = 0; i < n_calls && r == 0; i++)
		if (calls[i].roles & 1u << role)
			r = allow(filter, calls[i].name, NULL);
	for (size_t i = 0; i < n_rules && r == 0; i++) {
		const struct scmp_arg_cmp argument = { rules[i].argument,
			SCMP_CMP_MASKED_EQ, rules[i].mask, rules[i].value };

		if (rules[i].roles & 1u << role)
			r = allow(filter, rules[i].name, &argument);
	}
	return r;
}

/*
 * clone3's flags lie in memory, where no filter looks: with "no such call" the C library
 * falls back on clone.
 */
static int
deny_clone3(scmp_filter_ctx filter)
{
	const int call = seccomp_syscall_resolve_name("clone3");

	if (call == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0, NULL);
}

int
sandbox_enter(enum sandbox_role role, _Atomic uint64_t *refused)
{
	scmp_filter_ctx filter;
	int r;

	if (sandbox_missing() != NULL)
		return 0;
	if ((r = catch_refusals(refused)) != 0)
		return r;
	filter = seccomp_init(SCMP_ACT_TRAP);
	if (filter == NULL)
		return -ENOMEM;
	/* calls by another architecture's numbers; a tree instead of a line of tests; and
	 * threads that are there already, such as that of admin's jobs */
	if ((r = seccomp_attr_set(
		 filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) == 0 &&
	    (r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)) == 0 &&
	    (r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1)) == 0 &&
	    (r = allow_role(filter, role)) == 0 && (r = deny_clone3(filter)) == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

void
sandbox_name(uint64_t refused, char out[SANDBOX_NAME_BYTES])
{
	char *name = NULL;

	if (refused > 0 && refused <= INT32_MAX)
		name = seccomp_syscall_resolve_num_arch(
		    SCMP_ARCH_NATIVE, (int)(refused - 1));
	if (name != NULL)
		(void)snprintf(out, SANDBOX_NAME_BYTES, "%s", name);
	else
		(void)snprintf(out, SANDBOX_NAME_BYTES, "call %llu",
		    (unsigned long long)refused - 1);
	free(name);
}
