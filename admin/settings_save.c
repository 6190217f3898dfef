/*
 * See settings_save.h. The lock is flock() on the file itself, as for the key file; whoever
 * got it looks whether the file still has its name. A writer who does not lock is noticed by
 * the file's content right before the rename.
 */
#include "admin/settings_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>
#include <sys/stat.h>

#include "common/filelock.h"
#include "common/keyfile_save.h"

enum { REOPENS_MAX = 100, FILE_MAX = 64 * 1024, TRIES = 2 };

/* The file under the lock. */
struct edit {
	char *path; /* links resolved */
	int fd;     /* -1: there is none */
	struct stat st;
	char *text; /* what was read, NUL-terminated */
	size_t n;
	json_t *root;
};

static void
edit_end(struct edit *e)
{
	if (e->fd != -1)
		close(e->fd); /* and with it the lock */
	json_decref(e->root);
	free(e->text);
	free(e->path);
}

static int
fail(struct errmsg *why, const char *path, int r)
{
	errmsg_set(why, "%s: %s; nothing was changed", path, err_text(r));
	return r;
}

static int
open_file(const char *path, int *fd_out)
{
	*fd_out = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd_out == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	return 0;
}

/* All of fd from its beginning, to be freed. */
static int
read_text(int fd, char **out, size_t *n_out)
{
	char *text = malloc(FILE_MAX + 1);
	size_t n = 0;
	ssize_t got = -1;

	if (text == NULL)
		return -ENOMEM;
	while (n < FILE_MAX && (got = pread(fd, text + n, FILE_MAX - n, (off_t)n)) > 0)
		n += (size_t)got;
	if (got != 0) {
		const int r = n == FILE_MAX ? ERR_TOO_LARGE : -errno;

		free(text);
		return r;
	}
	text[n] = '\0';
	*out = text;
	*n_out = n;
	return 0;
}

/* The object in a text; faults by line and column, never by its bytes. */
static int
parse(const char *path, const char *text, size_t n, json_t **out, struct errmsg *why)
{
	json_error_t at;

	*out = json_loadb(text, n, JSON_REJECT_DUPLICATES, &at);
	if (json_is_object(*out))
		return 0;
	if (*out == NULL)
		errmsg_set(why, "%s: no valid JSON at line %d, column %d", path, at.line,
		    at.column);
	else
		errmsg_set(why, "%s: the file must hold one object", path);
	json_decref(*out);
	*out = NULL;
	return ERR_SYNTAX;
}

static int
lock(struct edit *e)
{
	for (unsigned i = 0; i < REOPENS_MAX; i++) {
		int r = open_file(e->path, &e->fd);

		if (r != 0 || e->fd == -1)
			return r;
		if ((r = filelock_wait(e->fd)) != 0)
			return r;
		if (fstat(e->fd, &e->st) == -1)
			return -errno;
		if (filelock_is_current(e->fd, e->path))
			return 0;
		close(e->fd);
		e->fd = -1;
	}
	return ERR_CHANGED;
}

static int
edit_begin(const char *path, struct edit *e, struct errmsg *why)
{
	int r;

	*e = (struct edit){ .fd = -1, .path = realpath(path, NULL) };
	if (e->path == NULL && errno == ENOENT)
		e->path = strdup(path);
	if (e->path == NULL)
		return fail(why, path, -errno);
	if ((r = lock(e)) != 0)
		return fail(why, path, r);
	if (e->fd == -1) {
		e->root = json_object();
		return e->root != NULL ? 0 : fail(why, path, -ENOMEM);
	}
	if ((r = read_text(e->fd, &e->text, &e->n)) != 0)
		return fail(why, path, r);
	return parse(path, e->text, e->n, &e->root, why);
}

static struct settings_values
values_of(const json_t *root)
{
	struct settings_values v = { { 0 } };
	struct settings_field f;

	for (size_t i = 0; settings_field(i, &f); i++) {
		const json_int_t n = json_integer_value(json_object_get(root, f.name));

		if (n >= 1 && n <= (json_int_t)f.max)
			v.value[i] = (uint32_t)n;
	}
	return v;
}

/* Put the change in, and look whether the result would be taken. */
static int
apply(struct edit *e, const struct config *cfg, const struct settings_change *change,
    struct errmsg *why)
{
	struct strlist faults = { 0 };
	struct settings_field f;
	struct settings s;
	int r = 0;

	for (size_t i = 0; settings_field(i, &f); i++) {
		if (!change->given[i])
			continue;
		if (change->value[i] == 0)
			(void)json_object_del(e->root, f.name);
		else
			r |= json_object_set_new(
			    e->root, f.name, json_integer(change->value[i]));
	}
	if (r != 0)
		return fail(why, e->path, -ENOMEM);
	r = settings_check(cfg, cfg->settings_file, e->root, &s, &faults);
	if (r != 0)
		errmsg_set(why, "%s; nothing was changed",
		    faults.n > 0 ? faults.v[0] : err_text(r));
	strlist_free(&faults);
	return r;
}

/* 0 when the file is what it was when it was read. */
static int
check_unchanged(const struct edit *e)
{
	char *text = NULL;
	size_t n = 0;
	int r;

	if (e->fd == -1)
		return 0; /* the rename sees to it */
	if ((r = read_text(e->fd, &text, &n)) != 0)
		return r;
	if (!filelock_is_current(e->fd, e->path) || n != e->n ||
	    memcmp(text, e->text, n) != 0)
		r = ERR_CHANGED;
	free(text);
	return r;
}

static int
commit(struct edit *e, struct errmsg *why)
{
	struct keyfile_save save = { 0 };
	char *text = json_dumps(e->root, JSON_INDENT(2));
	int r;

	if (text == NULL)
		return fail(why, e->path, -ENOMEM);
	r = keyfile_save_prepare(
	    e->path, e->fd != -1 ? &e->st : NULL, text, strlen(text), &save, why);
	free(text);
	if (r != 0)
		return r;
	if ((r = check_unchanged(e)) != 0) {
		keyfile_save_abort(&save);
		return fail(why, e->path, r);
	}
	return keyfile_save_finish(&save, why);
}

static int
try_once(const struct config *cfg, const struct settings_change *change,
    struct settings_values *before, struct settings_values *after, struct errmsg *why)
{
	struct edit e;
	int r = edit_begin(cfg->settings_file, &e, why);

	if (r == 0) {
		*before = values_of(e.root);
		r = apply(&e, cfg, change, why);
	}
	if (r == 0) {
		*after = values_of(e.root);
		*why = (struct errmsg){ "" };
		r = commit(&e, why);
	}
	edit_end(&e);
	return r;
}

int
settings_save(const struct config *cfg, const struct settings_change *change,
    struct settings_values *before, struct settings_values *after, struct errmsg *why)
{
	int r = ERR_CHANGED;

	for (unsigned i = 0; r == ERR_CHANGED && i < TRIES; i++)
		r = try_once(cfg, change, before, after, why);
	return r;
}

int
settings_peek(const char *path, struct settings_values *out, struct errmsg *why)
{
	char *text = NULL;
	json_t *root = NULL;
	size_t n = 0;
	int fd, r = open_file(path, &fd);

	*out = (struct settings_values){ { 0 } };
	if (r == 0 && fd == -1)
		return 0;
	if (r == 0)
		r = read_text(fd, &text, &n);
	if (fd != -1)
		close(fd);
	if (r != 0) {
		errmsg_set(why, "%s: %s", path, err_text(r));
		return r;
	}
	r = parse(path, text, n, &root, why);
	*out = values_of(root);
	json_decref(root);
	free(text);
	return r;
}
