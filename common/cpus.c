/*
 * Usable processors. Asked once when the configuration is loaded. In a container
 * the path in /proc/self/cgroup may be the host's while only the container's own
 * group is mounted: so groups that don't exist are stepped over on the way up to
 * the mount's root, where the container's quota then stands.
 */
#include "common/cpus.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Read the first line of a file, without its newline. Says whether there was one. */
static bool
read_line(const char *path, char *line, int line_bytes)
{
	FILE *f = fopen(path, "re");
	bool got;

	if (f == NULL)
		return false;
	got = fgets(line, line_bytes, f) != NULL;
	(void)fclose(f); /* was only read */
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

/* "123" or "123 rest" with a value over 0. */
static bool
parse_positive(const char *s, long long *out, const char **rest_out)
{
	char *end;

	errno = 0;
	*out = strtoll(s, &end, 10);
	*rest_out = end;
	return errno == 0 && end != s && *out > 0;
}

static uint32_t
smaller(uint32_t cpus, long long quota, long long period)
{
	const long long whole = quota / period + (quota % period != 0 ? 1 : 0);

	return whole < (long long)cpus ? (uint32_t)whole : cpus;
}

/* cgroup v2: "QUOTA PERIOD" or "max PERIOD" in one file. */
static uint32_t
group_v2(const char *dir, uint32_t cpus)
{
	char path[PATH_MAX], line[128];
	long long quota, period;
	const char *rest;
	const int n = snprintf(path, sizeof(path), "%s/cpu.max", dir);

	if (n < 0 || (size_t)n >= sizeof(path) || !read_line(path, line, sizeof(line)))
		return cpus;
	if (!parse_positive(line, &quota, &rest) || !parse_positive(rest, &period, &rest))
		return cpus;
	return smaller(cpus, quota, period);
}

static bool
read_positive(const char *dir, const char *name, long long *out)
{
	char path[PATH_MAX], line[64];
	const char *rest;
	const int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof(path) && read_line(path, line, sizeof(line)) &&
	    parse_positive(line, out, &rest);
}

/* cgroup v1: quota (-1: none) and period in a file each. */
static uint32_t
group_v1(const char *dir, uint32_t cpus)
{
	long long quota, period;

	if (!read_positive(dir, "cpu.cfs_quota_us", &quota) ||
	    !read_positive(dir, "cpu.cfs_period_us", &period))
		return cpus;
	return smaller(cpus, quota, period);
}

typedef uint32_t group_fn(const char *dir, uint32_t cpus);

/* Ask the group at mount + path and every one above it. */
static uint32_t
walk_up(const char *mount, const char *path, group_fn *group, uint32_t cpus)
{
	char dir[PATH_MAX];
	const size_t mount_bytes = strlen(mount);
	const int n = snprintf(dir, sizeof(dir), "%s%s", mount, path);

	if (n < 0 || (size_t)n >= sizeof(dir))
		return cpus;
	for (;;) {
		char *slash;

		cpus = group(dir, cpus);
		slash = strrchr(dir + mount_bytes, '/');
		if (slash == NULL)
			return cpus;
		*slash = '\0';
	}
}

/* Is "cpu" among the comma-separated controllers? */
static bool
names_cpu(const char *controllers, size_t n)
{
	const char *const end = controllers + n;

	for (const char *p = controllers; p < end;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end;

		if (stop - p == 3 && memcmp(p, "cpu", 3) == 0)
			return true;
		p = stop + 1;
	}
	return false;
}

/* One line "ID:CONTROLLERS:PATH" of /proc/self/cgroup; v2 has no controllers. */
static uint32_t
apply_line(const char *root, const char *line, uint32_t cpus)
{
	static const char *const v1_mounts[] = { "cpu", "cpu,cpuacct" };
	const char *controllers = strchr(line, ':');
	const char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
	char mount[PATH_MAX];
	int n;

	if (path == NULL || path[1] != '/')
		return cpus;
	controllers++;
	if (path == controllers) {
		n = snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup", root);
		return n > 0 && (size_t)n < sizeof(mount)
		    ? walk_up(mount, path + 1, group_v2, cpus)
		    : cpus;
	}
	if (!names_cpu(controllers, (size_t)(path - controllers)))
		return cpus;
	for (size_t i = 0; i < sizeof(v1_mounts) / sizeof(v1_mounts[0]); i++) {
		n = snprintf(
		    mount, sizeof(mount), "%s/sys/fs/cgroup/%s", root, v1_mounts[i]);
		if (n > 0 && (size_t)n < sizeof(mount))
			cpus = walk_up(mount, path + 1, group_v1, cpus);
	}
	return cpus;
}

uint32_t
cpus_under_quota(const char *root, uint32_t cpus)
{
	char path[PATH_MAX], line[PATH_MAX];
	const int n = snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	FILE *f;

	if (n < 0 || (size_t)n >= sizeof(path) || (f = fopen(path, "re")) == NULL)
		return cpus;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		cpus = apply_line(root, line, cpus);
	}
	(void)fclose(f); /* was only read */
	return cpus > 0 ? cpus : 1;
}

uint32_t
cpus_usable(void)
{
	cpu_set_t set;
	long n;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	else
		n = sysconf(_SC_NPROCESSORS_ONLN); /* more than the set has room for */
	return cpus_under_quota("", n > 0 ? (uint32_t)n : 1);
}
