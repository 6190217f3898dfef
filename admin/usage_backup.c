/* Flat folders of plain files; nothing follows a symbolic link. */
#include "admin/usage_backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ledger_backup.h"

enum { DIR_MODE = 0700, FILE_MODE = 0600, COPY_BYTES = 1024 * 1024 };

static int
open_dir_at(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return -errno;
	return fd;
}

/* Call fn with each name in the folder fd, which is closed. 0, what fn returned, -errno. */
static int
each_name(int fd, int (*fn)(int fd, const char *name, void *arg), void *arg)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	int r = 0;

	if (d == NULL) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = fn(dirfd(d), e->d_name, arg);
	if (r == 0 && errno != 0)
		r = -errno;
	closedir(d);
	return r;
}

static int
remove_name(int fd, const char *name, void *arg)
{
	(void)arg;
	return unlinkat(fd, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Remove at/name and the plain files in it. None is no fault. */
static int
remove_dir(int at, const char *name)
{
	int fd = open_dir_at(at, name);
	int r;

	if (fd == -ENOENT)
		return 0;
	r = fd < 0 ? fd : each_name(fd, remove_name, NULL);
	if (r == 0 && unlinkat(at, name, AT_REMOVEDIR) == -1)
		r = -errno;
	return r;
}

static int
stage_path(const char *data_dir, char path[PATH_MAX])
{
	const int n = snprintf(path, PATH_MAX, "%s/" USAGE_BACKUP_DIR, data_dir);

	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int
usage_backup_unstage(const char *data_dir)
{
	char path[PATH_MAX];
	int fd, r = stage_path(data_dir, path);

	if (r != 0)
		return r;
	fd = open_dir_at(AT_FDCWD, path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = remove_dir(fd, "ledger");
	close(fd);
	if (r == 0 && rmdir(path) == -1)
		r = -errno;
	return r;
}

int
usage_backup_stage(struct ledger *l, const char *data_dir)
{
	char path[PATH_MAX];
	int r = stage_path(data_dir, path);

	if (r == 0)
		r = usage_backup_unstage(data_dir);
	if (r == 0 && mkdir(path, DIR_MODE) == -1)
		r = -errno;
	if (r != 0)
		return r;
	r = ledger_backup(l, path);
	if (r != 0)
		(void)rmdir(path); /* empty: the copy takes itself back */
	return r;
}

static int
copy_bytes(int from, int to)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, COPY_BYTES)) > 0)
		;
	if (n == -1)
		return -errno;
	return fsync(to) == -1 ? -errno : 0;
}

static int
copy_name(int fd, const char *name, void *arg)
{
	const int *dir = arg;
	int from = openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int to, r;

	if (from == -1)
		return -errno;
	to = openat(*dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	r = to == -1 ? -errno : copy_bytes(from, to);
	if (to != -1 && close(to) == -1 && r == 0)
		r = -errno;
	close(from);
	return r;
}

/* Copy from/ledger to to/ledger. */
static int
copy_ledger(int from, int to)
{
	int source = -1, target = -1, r = 0;

	if (mkdirat(to, "ledger", DIR_MODE) == -1)
		return -errno;
	source = open_dir_at(from, "ledger");
	target = open_dir_at(to, "ledger");
	if (source < 0 || target < 0)
		r = source < 0 ? source : target;
	if (r == 0)
		r = each_name(source, copy_name, &target);
	else if (source >= 0)
		close(source);
	if (r == 0 && (fsync(target) == -1 || fsync(to) == -1))
		r = -errno;
	if (target >= 0)
		close(target);
	if (r != 0)
		(void)remove_dir(to, "ledger"); /* a half copy is no copy */
	return r;
}

int
usage_backup_take(const char *data_dir, const char *dir)
{
	char path[PATH_MAX];
	int from, to = -1, r = stage_path(data_dir, path);

	if (r != 0)
		return r;
	if (mkdir(dir, DIR_MODE) == -1 && errno != EEXIST)
		return -errno;
	from = open_dir_at(AT_FDCWD, path);
	if (from < 0)
		return from;
	to = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = to == -1 ? -errno : copy_ledger(from, to);
	if (to != -1)
		close(to);
	close(from);
	return r;
}
