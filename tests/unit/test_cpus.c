/* Processor quotas of control groups, read from a folder made up for the case. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cpus.h"

enum { FILES = 4 };

struct quota_case {
	const char *cgroup; /* /proc/self/cgroup */
	const char *files[FILES][2];
	uint32_t cpus, want;
};

/* Write root + path, making its folders. */
static void
write_file(const char *root, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = strchr(full + strlen(root) + 1, '/'); p != NULL;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(full, 0700); /* may be there already; fopen() tells */
		*p = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu,cpuacct"

/* clang-format off */
static const struct quota_case cases[] = {
	/* no control groups at all */
	{ NULL, { { 0 } }, 8, 8 },
	{ "", { { 0 } }, 8, 8 },
	/* version 2 */
	{ "0::/\n", { { V2 "/cpu.max", "max 100000\n" } }, 8, 8 },
	{ "0::/\n", { { V2 "/cpu.max", "200000 100000\n" } }, 8, 2 },
	{ "0::/\n", { { V2 "/cpu.max", "150000 100000\n" } }, 8, 2 },
	{ "0::/\n", { { V2 "/cpu.max", "1000 100000\n" } }, 8, 1 },
	{ "0::/\n", { { V2 "/cpu.max", "1600000 100000\n" } }, 8, 8 },
	{ "0::/a/b\n", { { V2 "/a/b/cpu.max", "max 100000\n" },
	                 { V2 "/a/cpu.max", "300000 100000\n" } }, 8, 3 },
	{ "0::/a/b\n", { { V2 "/a/b/cpu.max", "400000 100000\n" },
	                 { V2 "/a/cpu.max", "300000 100000\n" },
	                 { V2 "/cpu.max", "500000 100000\n" } }, 8, 3 },
	/* the path is the host's, only the container's own group is mounted */
	{ "0::/docker/0123\n", { { V2 "/cpu.max", "200000 100000\n" } }, 8, 2 },
	/* version 1 */
	{ "4:memory:/\n3:cpu,cpuacct:/\n", { { V1 "/cpu.cfs_quota_us", "250000\n" },
	                                     { V1 "/cpu.cfs_period_us", "100000\n" } }, 8, 3 },
	{ "3:cpu,cpuacct:/\n", { { V1 "/cpu.cfs_quota_us", "-1\n" },
	                         { V1 "/cpu.cfs_period_us", "100000\n" } }, 8, 8 },
	{ "3:cpu:/x\n", { { "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n" },
	                  { "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n" } }, 8, 1 },
	{ "3:cpuset:/x\n", { { "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "100000\n" },
	                     { "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n" } }, 8, 8 },
	/* nonsense is no quota */
	{ "0::/\n", { { V2 "/cpu.max", "" } }, 8, 8 },
	{ "0::/\n", { { V2 "/cpu.max", "0 100000\n" } }, 8, 8 },
	{ "0::/\n", { { V2 "/cpu.max", "-5 100000\n" } }, 8, 8 },
	{ "0::/\n", { { V2 "/cpu.max", "100000 0\n" } }, 8, 8 },
	{ "0::/\n", { { V2 "/cpu.max", "100000\n" } }, 8, 8 },
	{ "0::/\n", { { V2 "/cpu.max", "99999999999999999999 1\n" } }, 8, 8 },
	{ "0::/\n", { { V2 "/cpu.max", "9223372036854775807 1\n" } }, 8, 8 },
	{ "nonsense\n0\n0:\n0:::\n", { { V2 "/cpu.max", "100000 100000\n" } }, 8, 8 },
	/* never none */
	{ "0::/\n", { { 0 } }, 0, 1 },
};
/* clang-format on */

static void
the_smallest_quota_on_the_way_up_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char root[] = "/tmp/gatehouse-cpus-XXXXXX";
		uint32_t got;

		assert_non_null(mkdtemp(root));
		if (cases[i].cgroup != NULL)
			write_file(root, "/proc/self/cgroup", cases[i].cgroup);
		for (size_t k = 0; k < FILES && cases[i].files[k][0] != NULL; k++)
			write_file(root, cases[i].files[k][0], cases[i].files[k][1]);
		got = cpus_under_quota(root, cases[i].cpus);
		if (got != cases[i].want)
			print_error("case %zu\n", i);
		assert_int_equal(
		    got, cases[i].cgroup != NULL ? cases[i].want : cases[i].cpus);
		assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	}
}

static void
this_process_may_use_at_least_one(void **state)
{
	(void)state;
	assert_in_range(cpus_usable(), 1, 1 << 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_quota_on_the_way_up_holds),
		cmocka_unit_test(this_process_may_use_at_least_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
