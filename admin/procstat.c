/*
 * Small readers of /proc. A process may go while it is looked at: that is an
 * ordinary answer here, not a fault.
 */
#include "admin/procstat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Fields of /proc/PID/stat behind the command, the state being 0 (proc(5) calls it 3). */
enum {
	STAT_UTIME = 11,
	STAT_STIME = 12,
	STAT_CUTIME = 13,
	STAT_CSTIME = 14,
	STAT_START = 19,
	STAT_VSIZE = 20,
	STAT_RSS = 21,
	STAT_FIELDS = 22
};

/* Read the front of a file of /proc, NUL-terminated. Returns its bytes or -errno. */
static ssize_t
read_front(const char *path, char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 0;

	if (fd == -1)
		return -errno;
	while (n < cap - 1 && (got = read(fd, buf + n, cap - 1 - n)) > 0)
		n += (size_t)got;
	if (got == -1)
		got = -errno;
	close(fd);
	buf[n] = '\0';
	return got < 0 ? got : (ssize_t)n;
}

static uint64_t
ticks_to_ms(uint64_t a, uint64_t b, uint64_t ticks)
{
	return (a + b) * 1000 / ticks;
}

int
procstat_parse(struct span text, uint64_t ticks, uint64_t page, struct procstat *out)
{
	uint64_t field[STAT_FIELDS] = { 0 };
	const char *p =
	    memrchr(text.p, ')', text.n); /* the command may hold spaces and ')' */
	const char *end = text.p + text.n;
	unsigned n = 0;

	if (p == NULL)
		return ERR_SYNTAX;
	for (p++; p < end && n < STAT_FIELDS; n++) {
		while (p < end && *p == ' ')
			p++;
		if (p < end && *p == '-')
			p++; /* priorities may be negative; none of ours is */
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			field[n] = field[n] * 10 + (uint64_t)(*p - '0');
		while (p < end && *p != ' ')
			p++; /* the state is a letter */
	}
	if (n < STAT_FIELDS || ticks == 0)
		return ERR_SYNTAX;
	out->cpu_ms = ticks_to_ms(field[STAT_UTIME], field[STAT_STIME], ticks);
	out->reaped_cpu_ms = ticks_to_ms(field[STAT_CUTIME], field[STAT_CSTIME], ticks);
	out->started_ms = ticks_to_ms(field[STAT_START], 0, ticks);
	out->virtual_bytes = field[STAT_VSIZE];
	out->resident_bytes = field[STAT_RSS] * page;
	return 0;
}

int
procstat_read(pid_t pid, struct procstat *out)
{
	char path[64], text[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	n = read_front(path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	return procstat_parse((struct span){ text, (size_t)n },
	    (uint64_t)sysconf(_SC_CLK_TCK), (uint64_t)sysconf(_SC_PAGESIZE), out);
}

/* The first number behind key, at the beginning of a line. */
static int
find_number(const char *text, const char *key, unsigned skip, uint64_t *out)
{
	const char *p = strstr(text, key);
	char *end = NULL;

	if (p == NULL)
		return ERR_SYNTAX;
	p += strlen(key);
	for (unsigned i = 0; i <= skip; i++) {
		*out = strtoull(p, &end, 10);
		if (end == p)
			return ERR_SYNTAX;
		p = end;
	}
	return 0;
}

int
procstat_uid(pid_t pid, uid_t *out)
{
	char path[64], text[4096];
	uint64_t uid;
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	n = read_front(path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	if ((r = find_number(text, "\nUid:", 1, &uid)) != 0) /* real, effective, ... */
		return r;
	*out = (uid_t)uid;
	return 0;
}

int
procstat_boot(uint64_t *out)
{
	FILE *f = fopen("/proc/stat", "re");
	char *line = NULL;
	size_t cap = 0;
	int r = ERR_SYNTAX;

	if (f == NULL)
		return -errno;
	while (r != 0 &&
	    getline(&line, &cap, f) != -1) { /* the lines before it may be long */
		if (strncmp(line, "btime ", 6) == 0)
			r = find_number(line, "btime ", 0, out);
	}
	free(line);
	(void)fclose(f); /* only read */
	return r;
}

int
procstat_own_fds(uint64_t *open_out, uint64_t *max_out)
{
	struct rlimit limit;
	DIR *dir;
	uint64_t n = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -errno;
	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return -errno;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	*open_out = n - 1; /* without the directory's own */
	*max_out = limit.rlim_cur;
	return 0;
}
