/*
 * RUN_DIR: locks, status. The master writes; everybody else reads. A file here is
 * never opened through a symbolic link, for the folder may belong to another user
 * than the master.
 */
#include "common/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATUS_NEW_FILE RUNDIR_STATUS_FILE ".new"

enum {
	LOCK_TRIES = 50, /* a prober holds the lock for microseconds only */
	LOCK_PAUSE_MS = 10,
	PID_TEXT_BYTES = 16,
	FILE_MODE = 0644
};

/* Open dir/name. Returns a descriptor or -errno. */
static int
open_in(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd == -1)
		return -errno;
	return fd;
}

/* Remove dir/name. Returns whether it was there, and is no more. */
static bool
unlink_in(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof(path) && unlink(path) == 0;
}

/* Write all n bytes. Returns 0 or -errno. */
static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Lock fd, sitting out a prober. Returns 0 or -errno. */
static int
lock_patiently(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) == -1; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* Is fd still the file that dir/name leads to? Its last owner may have removed it. */
static bool
is_current(int fd, const char *dir, const char *name)
{
	int again = open_in(dir, name, O_RDONLY);
	struct stat a;
	struct stat b;
	bool same;

	if (again < 0)
		return false;
	same = fstat(fd, &a) == 0 && fstat(again, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino;
	close(again);
	return same;
}

static int
write_pid(int fd)
{
	char text[PID_TEXT_BYTES];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) == -1)
		return -errno;
	return write_all(fd, text, (size_t)n);
}

int
rundir_lock(const char *dir, const char *name, int *fd_out)
{
	int fd;
	int r;

	for (;;) {
		fd = open_in(dir, name, O_RDWR | O_CREAT);
		if (fd < 0)
			return fd;
		r = lock_patiently(fd);
		if (r != 0)
			break;
		if (is_current(fd, dir, name)) {
			r = write_pid(fd);
			break;
		}
		close(fd);
	}
	if (r == 0)
		*fd_out = fd;
	else
		close(fd);
	return r;
}

void
rundir_unlock(const char *dir, const char *name, int *fd)
{
	if (*fd == -1)
		return;
	(void)unlink_in(dir, name);
	close(*fd);
	*fd = -1;
}

/* The number in the pid file. Returns 0, or -ENOENT when it holds none. */
static int
read_pid(int fd, pid_t *pid_out)
{
	char text[PID_TEXT_BYTES];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid;

	if (n <= 0)
		return -ENOENT;
	text[n] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid <= 0 || pid > INT_MAX)
		return -ENOENT;
	*pid_out = (pid_t)pid;
	return 0;
}

int
rundir_find_master(const char *dir, pid_t *pid_out)
{
	int fd = open_in(dir, RUNDIR_PID_FILE, O_RDONLY);
	int r;

	if (fd < 0)
		return fd == -ENOTDIR ? -ENOENT : fd;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		r = -ENOENT; /* nobody holds it: a pid left behind */
	else
		r = errno == EWOULDBLOCK ? read_pid(fd, pid_out) : -errno;
	close(fd);
	return r;
}

int
rundir_save_status(const char *dir, const json_t *status)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	char *text = NULL;
	int fd = -1;
	int r;

	if (snprintf(from, sizeof(from), "%s/%s", dir, STATUS_NEW_FILE) >=
		(int)sizeof(from) ||
	    snprintf(to, sizeof(to), "%s/%s", dir, RUNDIR_STATUS_FILE) >= (int)sizeof(to))
		return -ENAMETOOLONG;
	text = json_dumps(status, JSON_INDENT(1));
	if (text == NULL)
		return -ENOMEM;
	(void)unlink_in(dir, STATUS_NEW_FILE); /* left by a crash, or planted */
	fd = open_in(dir, STATUS_NEW_FILE, O_WRONLY | O_CREAT | O_EXCL);
	r = fd < 0 ? fd : write_all(fd, text, strlen(text));
	if (r == 0 && rename(from, to) == -1)
		r = -errno;
	if (fd >= 0)
		close(fd);
	free(text);
	return r;
}

int
rundir_load_status(const char *dir, json_t **status_out)
{
	int fd = open_in(dir, RUNDIR_STATUS_FILE, O_RDONLY);
	json_t *root;

	if (fd < 0)
		return fd;
	root = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	close(fd);
	if (!json_is_object(root)) {
		json_decref(root);
		return ERR_SYNTAX;
	}
	*status_out = root;
	return 0;
}

bool
rundir_remove_status(const char *dir)
{
	return unlink_in(dir, RUNDIR_STATUS_FILE);
}
