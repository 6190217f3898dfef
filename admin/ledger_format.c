/*
 * One line, "gatehouse-ledger N", replaced by a rename.
 */
#include "admin/ledger_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT_NEW LEDGER_FORMAT_FILE ".new"

static const char begin[] = "gatehouse-ledger ";

enum { LINE_BYTES = 64, DIGITS_MAX = 6, FILE_MODE = 0600 };

static int
parse(const char *line, unsigned *out)
{
	const char *digits = line + sizeof(begin) - 1;
	size_t n;

	if (strncmp(line, begin, sizeof(begin) - 1) != 0)
		return ERR_SYNTAX;
	n = strspn(digits, "0123456789");
	if (n == 0 || n > DIGITS_MAX || strcmp(digits + n, "\n") != 0)
		return ERR_SYNTAX;
	*out = (unsigned)strtoul(digits, NULL, 10);
	return *out > 0 ? 0 : ERR_SYNTAX;
}

int
ledger_format_read(const char *dir, unsigned *out)
{
	char line[LINE_BYTES];
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd, r = 0;
	ssize_t n;

	*out = 0;
	if (d == -1)
		return -errno;
	fd = openat(d, LEDGER_FORMAT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		r = errno == ENOENT ? 0 : -errno;
	close(d);
	if (fd == -1)
		return r;
	n = read(fd, line, sizeof(line) - 1);
	r = n == -1 ? -errno : 0;
	close(fd);
	if (r != 0)
		return r;
	line[n] = '\0';
	return parse(line, out);
}

/* Write the new file beside the old one. */
static int
write_new(int d, unsigned version)
{
	char line[LINE_BYTES];
	int n = snprintf(line, sizeof(line), "%s%u\n", begin, version);
	int fd = openat(d, FORMAT_NEW,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	int r = 0;
	ssize_t put;

	if (fd == -1)
		return -errno;
	put = write(fd, line, (size_t)n);
	if (put == -1 || (put == n && fsync(fd) == -1))
		r = -errno;
	else if (put != n)
		r = -ENOSPC;
	if (close(fd) == -1 && r == 0)
		r = -errno;
	return r;
}

int
ledger_format_write(const char *dir, unsigned version)
{
	int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (d == -1)
		return -errno;
	r = write_new(d, version);
	if (r == 0 &&
	    (renameat(d, FORMAT_NEW, d, LEDGER_FORMAT_FILE) == -1 || fsync(d) == -1))
		r = -errno;
	close(d);
	return r;
}
