/*
 * Atomic replacement of the key file. Runs in the CLI and in admin, under the lock
 * of keyfile_edit.c. The rule: until the rename the old file is untouched, in
 * content, owner and mode; whatever fails before it leaves no trace.
 */
#include "common/keyfile_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEMP_EXTRA_BYTES = 16 };

/* The folder of path, to be freed. NULL: no memory. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* "folder/.name.XXXXXX", to be freed. NULL: no memory. */
static char *
temp_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t cap = strlen(path) + TEMP_EXTRA_BYTES;
	char *temp = malloc(cap);

	if (temp != NULL)
		snprintf(temp, cap, "%.*s.%s.XXXXXX", (int)(name - path), path, name);
	return temp;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t wrote = write(fd, p, n);

		if (wrote == -1 && errno == EINTR)
			continue;
		if (wrote == -1)
			return -errno;
		p += wrote;
		n -= (size_t)wrote;
	}
	return 0;
}

/* Give fd the owner, group and mode of a file, or, of a folder, owner and group. */
static int
take_after(int fd, const struct stat *like)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if ((st.st_uid != like->st_uid || st.st_gid != like->st_gid) &&
	    fchown(fd, like->st_uid, like->st_gid) == -1)
		return -errno;
	if (S_ISREG(like->st_mode) && fchmod(fd, like->st_mode & 07777) == -1)
		return -errno;
	return 0;
}

static int
set_owner(int fd, const char *path, const struct stat *like)
{
	struct stat folder_st;
	char *folder;
	int r;

	if (like != NULL)
		return take_after(fd, like);
	if (geteuid() != 0)
		return 0;
	/* made by root for a service that is not: it has to be able to read it */
	if ((folder = folder_of(path)) == NULL)
		return -ENOMEM;
	r = stat(folder, &folder_st) == -1 ? -errno : take_after(fd, &folder_st);
	free(folder);
	return r;
}

int
keyfile_save_prepare(const char *path, const struct stat *like, const void *data,
    size_t n, struct keyfile_save *out, struct errmsg *why)
{
	struct keyfile_save s = { .is_new = like == NULL };
	const char *what = "a new version can't be made beside it";
	int fd = -1, r = -ENOMEM;

	s.path = strdup(path);
	if (s.path == NULL || (s.temp = temp_of(path)) == NULL)
		goto out;
	if ((fd = mkostemp(s.temp, O_CLOEXEC)) == -1) {
		r = -errno;
		free(s.temp); /* there is no such file to be removed */
		s.temp = NULL;
		goto out;
	}
	if ((r = set_owner(fd, path, like)) != 0) {
		what = "its owner, group and mode can't be kept";
		goto out;
	}
	what = "a new version can't be written";
	if ((r = write_all(fd, data, n)) != 0)
		goto out;
	if (fsync(fd) == -1)
		r = -errno;
out:
	if (fd != -1 && close(fd) == -1 && r == 0)
		r = -errno;
	if (r == 0) {
		*out = s;
		return 0;
	}
	errmsg_set(why, "%s: %s: %s; nothing was changed", path, what, err_text(r));
	keyfile_save_abort(&s);
	return r;
}

/* Rename to a name that is not taken. */
static int
rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* a file system that can't: the same in two steps */
	if (link(from, to) == -1)
		return -errno;
	return unlink(from) == -1 ? -errno : 0;
}

static int
sync_folder(const char *path)
{
	char *folder = folder_of(path);
	int fd, r = 0;

	if (folder == NULL)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || (fsync(fd) == -1 && errno != EINVAL)) /* EINVAL: needs none */
		r = -errno;
	if (fd != -1)
		close(fd);
	free(folder);
	return r;
}

static const char *
rename_advice(int r)
{
	if (r == -EBUSY)
		return " (a file that is mounted by itself can't be replaced: mount its "
		       "folder)";
	if (r == -EROFS)
		return " (its folder has to be writable)";
	return "";
}

int
keyfile_save_finish(struct keyfile_save *s, struct errmsg *why)
{
	int r, sync;

	if (s->is_new)
		r = rename_new(s->temp, s->path);
	else
		r = rename(s->temp, s->path) == -1 ? -errno : 0;
	if (r == -EEXIST)
		r = ERR_CHANGED;
	if (r != 0) {
		errmsg_set(why, "%s: can't be replaced: %s%s; nothing was changed",
		    s->path, err_text(r), rename_advice(r));
		keyfile_save_abort(s);
		return r;
	}
	errmsg_set(why, "%s", "");
	if ((sync = sync_folder(s->path)) != 0)
		errmsg_set(why,
		    "%s: was replaced, but its folder can't be synced (%s): a power loss "
		    "may bring the old one back",
		    s->path, err_text(sync));
	free(s->temp);
	s->temp = NULL;
	keyfile_save_abort(s);
	return 0;
}

void
keyfile_save_abort(struct keyfile_save *s)
{
	if (s->temp != NULL)
		unlink(s->temp);
	free(s->temp);
	free(s->path);
	*s = (struct keyfile_save){ 0 };
}
