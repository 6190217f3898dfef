/*
 * Capabilities and locks on memory, each case in a process of its own that gives up for
 * good. What takes root is skipped without.
 */
#include "common/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/sandbox.h"
#include "common/secret.h"

/* Run act in a process of its own. It exits with 0, or the line of what was wrong. */
static void
assert_holds(void (*act)(void))
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("wait status %d (0x%x)", status, (unsigned)status);
}

#define DEMAND(ok)                                                                       \
	do {                                                                             \
		if (!(ok)) {                                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #ok);                 \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

static void
skip_unless_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* A line "NAME:\thex" of /proc/self/status. */
static uint64_t
own_set(const char *name)
{
	FILE *f = fopen("/proc/self/status", "r");
	uint64_t value = UINT64_MAX;
	char line[256];

	DEMAND(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, 16);
	fclose(f);
	DEMAND(value != UINT64_MAX);
	return value;
}

static const uint64_t few = PRIVILEGE(CAP_CHOWN) | PRIVILEGE(CAP_KILL);

static void
keep_few(void)
{
	uint64_t held = 0, bound = 0;

	DEMAND(privilege_bound(few | PRIVILEGE(CAP_SETPCAP)) == 0);
	DEMAND(privilege_bound(few) == 0);
	DEMAND(privilege_reduce(few) == 0);
	DEMAND(privilege_get(&held) == 0 && held == few);
	DEMAND(privilege_get_bound(&bound) == 0 && bound == few);
	DEMAND(own_set("CapPrm") == few && own_set("CapEff") == few);
	DEMAND(own_set("CapBnd") == few && own_set("CapAmb") == 0);
}

static void
keep_none(void)
{
	DEMAND(privilege_bound(0) == 0);
	DEMAND(privilege_reduce(0) == 0);
	DEMAND(own_set("CapPrm") == 0 && own_set("CapEff") == 0);
	DEMAND(own_set("CapBnd") == 0 && own_set("CapAmb") == 0);
	DEMAND(own_set("CapInh") == 0);
	DEMAND(privilege_bound(0) == 0); /* nothing is left to drop */
}

/* As started by a service manager with AmbientCapabilities. */
static void
lose_ambient(void)
{
	struct __user_cap_header_struct header = { .version =
						       _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {
		{ (uint32_t)few, (uint32_t)few, (uint32_t)few }
	};

	DEMAND(syscall(SYS_capset, &header, sets) == 0);
	DEMAND(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0);
	DEMAND(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
	DEMAND(privilege_reduce(PRIVILEGE(CAP_KILL)) == 0);
	DEMAND(own_set("CapAmb") == PRIVILEGE(CAP_KILL));
	DEMAND(own_set("CapInh") == PRIVILEGE(CAP_KILL));
	DEMAND(privilege_reduce(0) == 0);
	DEMAND(own_set("CapAmb") == 0 && own_set("CapInh") == 0);
}

static void
without_setpcap(void)
{
	DEMAND(privilege_reduce(few) == 0);
	DEMAND(privilege_bound(0) == -EPERM);
	DEMAND(privilege_reduce(0) == 0); /* giving up is always allowed */
}

static void
harden(void)
{
	DEMAND(privilege_harden() == 0);
	DEMAND(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	DEMAND(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static void
lock_heap(void)
{
	char *p = malloc(1);

	DEMAND(p != NULL);
	DEMAND(secret_lock_heap() == 0);
	DEMAND(own_set("VmLck") > 0);
	free(p);
}

static void
what_is_not_kept_is_in_no_set(void **state)
{
	(void)state;
	skip_unless_root();
	assert_holds(keep_few);
	assert_holds(keep_none);
}

static void
ambient_capabilities_go_too_but_for_those_kept(void **state)
{
	(void)state;
	skip_unless_root();
	assert_holds(lose_ambient);
}

static void
who_may_not_touch_the_bounding_set_is_told_so(void **state)
{
	(void)state;
	skip_unless_root();
	assert_holds(without_setpcap);
}

static void
a_hardened_process_gains_nothing_and_shows_nothing(void **state)
{
	(void)state;
	assert_holds(harden);
}

static void
the_heap_is_locked(void **state)
{
	(void)state;
	if (sandbox_is_sanitized()) /* whose heap is another one */
		skip();
	assert_holds(lock_heap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_kept_is_in_no_set),
		cmocka_unit_test(ambient_capabilities_go_too_but_for_those_kept),
		cmocka_unit_test(who_may_not_touch_the_bounding_set_is_told_so),
		cmocka_unit_test(a_hardened_process_gains_nothing_and_shows_nothing),
		cmocka_unit_test(the_heap_is_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
