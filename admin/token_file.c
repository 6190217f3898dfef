/*
 * The file of admin tokens. The lock is flock() on the folder: it needs no file of its own,
 * whose owner could lock the other one out. Edits read, change and replace under it.
 */
#include "admin/token.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "admin/hexfile.h"
#include "admin/token_entry.h"
#include "common/filelock.h"
#include "common/keyfile.h"
#include "common/sb.h"

static int
path_of(const char *data_dir, char path[PATH_MAX], struct errmsg *why)
{
	const int n = snprintf(path, PATH_MAX, "%s/" TOKEN_FILE, data_dir);

	if (n > 0 && n < PATH_MAX)
		return 0;
	errmsg_set(why, "DATA_DIR: its name is too long");
	return -ENAMETOOLONG;
}

/* Returns a descriptor, to be closed, or -errno. */
static int
lock(const char *data_dir, struct errmsg *why)
{
	int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd == -1 ? -errno : filelock_wait(fd);

	if (r == 0)
		return fd;
	errmsg_set(why, "%s: can't be locked: %s", data_dir,
	    r == -EWOULDBLOCK ? "somebody else is editing the tokens" : err_text(r));
	if (fd != -1)
		close(fd);
	return r;
}

/* An edit that is going on. */
struct edit {
	char path[PATH_MAX];
	int fd; /* the lock */
	struct token *v;
	size_t n;
};

static void
edit_end(struct edit *e)
{
	if (e->fd >= 0)
		close(e->fd);
	free(e->v);
	free(e);
}

/* Lock and read. Returns 0 (edit_end()) or a code. */
static int
edit_begin(const char *data_dir, struct edit **out, struct errmsg *why)
{
	struct edit *e = calloc(1, sizeof(*e));
	int r;

	errmsg_set(why, "%s", err_text(-ENOMEM));
	if (e == NULL)
		return -ENOMEM;
	e->fd = -1;
	if ((r = path_of(data_dir, e->path, why)) == 0 &&
	    (r = e->fd = lock(data_dir, why)) >= 0)
		r = token_entries_load(e->path, &e->v, &e->n, why);
	if (r != 0)
		edit_end(e);
	else
		*out = e;
	return r;
}

static int
edit_save(const struct edit *e, struct errmsg *why)
{
	json_t *root = token_entries_json(e->v, e->n);
	int r = -ENOMEM;

	if (root != NULL)
		r = hexfile_save(e->path, root, why);
	else
		errmsg_set(why, "%s", err_text(r));
	json_decref(root);
	return r;
}

int
token_file_list(
    const char *data_dir, struct token **out, size_t *n_out, struct errmsg *why)
{
	char path[PATH_MAX];
	int r = path_of(data_dir, path, why);

	return r != 0 ? r : token_entries_load(path, out, n_out, why);
}

static int
check_new(const struct token *t, struct errmsg *why)
{
	const size_t n = strlen(t->name);

	if (n == 0)
		errmsg_set(why, "the name is empty");
	else if (!token_name_is_valid(span_of(t->name)))
		errmsg_set(why, "the name is no UTF-8 or has control characters");
	else if (t->scopes == 0)
		errmsg_set(why, "the token has no scope");
	else
		return 0;
	return ERR_INVALID;
}

static int
make_secret(struct token *t, char secret_out[TOKEN_SECRET_BYTES + 1])
{
	char secret[KEY_SECRET_BYTES + 1];
	uint8_t id[TOKEN_ID_BYTES / 2];

	if (key_generate(secret) != 0 || RAND_bytes(id, sizeof(id)) != 1)
		return ERR_TLS;
	(void)snprintf(secret_out, TOKEN_SECRET_BYTES + 1, TOKEN_PREFIX "%s",
	    strchr(secret, '_') + 1); /* instead of "pm_" */
	OPENSSL_cleanse(secret, sizeof(secret));
	hexfile_put(id, sizeof(id), t->id);
	key_hash(secret_out, TOKEN_SECRET_BYTES, t->hash);
	return 0;
}

static int
add(struct edit *e, const struct token *t, struct errmsg *why)
{
	struct token *v;

	if (e->n >= TOKEN_MAX) {
		errmsg_set(why, "there are %d tokens already", TOKEN_MAX);
		return ERR_FULL;
	}
	v = reallocarray(e->v, e->n + 1, sizeof(*v));
	if (v == NULL) {
		errmsg_set(why, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	e->v = v;
	e->v[e->n++] = *t;
	return 0;
}

int
token_file_create(const char *data_dir, struct token *t,
    char secret_out[TOKEN_SECRET_BYTES + 1], struct errmsg *why)
{
	struct edit *e = NULL;
	int r = check_new(t, why);

	if (r == 0 && (r = make_secret(t, secret_out)) != 0)
		errmsg_set(why, "no randomness");
	if (r == 0)
		r = edit_begin(data_dir, &e, why);
	if (r != 0)
		return r;
	if ((r = add(e, t, why)) == 0)
		r = edit_save(e, why);
	edit_end(e);
	return r;
}

/* The place of the token with this id, else of the only one with this name. */
static int
find(const struct edit *e, const char *id, size_t *at_out, struct errmsg *why)
{
	size_t named = 0;

	for (size_t i = 0; i < e->n; i++) {
		if (strcmp(e->v[i].id, id) == 0) {
			*at_out = i;
			return 0;
		}
		if (strcmp(e->v[i].name, id) == 0) {
			*at_out = i;
			named++;
		}
	}
	if (named == 1)
		return 0;
	errmsg_set(why,
	    named == 0 ? "there is no such token"
		       : "several tokens have this name: give the id");
	return named == 0 ? -ENOENT : ERR_INVALID;
}

int
token_file_revoke(
    const char *data_dir, const char *id, struct token *out, struct errmsg *why)
{
	struct edit *e = NULL;
	size_t at = 0;
	int r = edit_begin(data_dir, &e, why);

	if (r != 0)
		return r;
	if ((r = find(e, id, &at, why)) == 0) {
		*out = e->v[at];
		memmove(&e->v[at], &e->v[at + 1], (e->n - at - 1) * sizeof(*e->v));
		e->n--;
		r = edit_save(e, why);
	}
	edit_end(e);
	return r;
}

int
token_file_note_used(
    const char *data_dir, const struct token *v, size_t n, struct errmsg *why)
{
	struct edit *e = NULL;
	bool changed = false;
	int r = edit_begin(data_dir, &e, why);

	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < e->n; k++) {
			if (strcmp(e->v[k].id, v[i].id) != 0 ||
			    e->v[k].used_ms >= v[i].used_ms)
				continue;
			e->v[k].used_ms = v[i].used_ms;
			changed = true;
		}
	}
	if (changed)
		r = edit_save(e, why);
	edit_end(e);
	return r;
}
