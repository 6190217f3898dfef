/*
 * Edits of the key file. The lock is flock() on the file itself: it needs no stray
 * file, and whoever may read the keys may lock them. Since a commit puts another
 * file in its place, whoever got the lock looks whether it still is the file of that
 * name, and opens again if not. Those who do not lock (editors, other tools) are
 * noticed by the file's identity and content right before the rename.
 */
#include "common/keyfile_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "common/filelock.h"
#include "common/keyfile_edit_state.h"
#include "common/keyfile_entry.h"
#include "common/keyfile_save.h"

enum { REOPENS_MAX = 1000 };

/* Resolve links. A file that does not exist is fine, a link to nothing is not. */
static int
resolve(const char *path, char **out, struct errmsg *why)
{
	struct stat st;
	int r;

	if ((*out = realpath(path, NULL)) != NULL)
		return 0;
	r = -errno;
	if (r == -ENOENT && lstat(path, &st) == -1 && errno == ENOENT)
		return (*out = strdup(path)) != NULL ? 0 : -ENOMEM;
	errmsg_set(why, "%s: can't be found: %s", path, err_text(r));
	return r;
}

/* Open and lock; a file that does not exist leaves e->fd at -1. */
static int
open_locked(struct keyfile_edit *e, struct errmsg *why)
{
	for (int i = 0; i < REOPENS_MAX; i++) {
		int r = keyfile_open(e->path, &e->fd, why);

		if (r != 0)
			return r == -ENOENT ? 0 : r;
		if ((r = filelock_wait(e->fd)) != 0) {
			errmsg_set(why, "%s: can't be locked: %s", e->path,
			    r == -EWOULDBLOCK ? "somebody else is editing it"
					      : err_text(r));
			return r;
		}
		if (filelock_is_current(e->fd, e->path))
			return 0;
		close(e->fd); /* replaced while this waited */
		e->fd = -1;
	}
	errmsg_set(why, "%s: is being replaced all the time", e->path);
	return ERR_CHANGED;
}

static int
make_empty(struct keyfile_edit *e)
{
	e->doc.root = json_pack("{s:[]}", "keys");
	e->doc.keys = json_object_get(e->doc.root, "keys");
	return e->doc.root != NULL ? 0 : -ENOMEM;
}

static int
read_doc(struct keyfile_edit *e, struct errmsg *why)
{
	struct keyfile_text text = { 0 };
	int r;

	if (e->fd == -1)
		return make_empty(e);
	if ((r = keyfile_read(e->fd, e->path, &text, why)) != 0)
		return r;
	e->st = text.st;
	key_hash(text.p, text.n, e->digest);
	r = keyfile_doc_parse(&text, e->path, &e->doc, why);
	keyfile_text_free(&text);
	return r;
}

int
keyfile_edit_open(const char *path, size_t max_keys, int64_t now_ms,
    struct keyfile_edit **out, struct errmsg *why)
{
	struct keyfile_edit *e = calloc(1, sizeof(*e));
	int r = -ENOMEM;

	errmsg_set(why, "%s: %s", path, err_text(-ENOMEM));
	if (e == NULL)
		return r;
	e->fd = -1;
	e->max_keys = max_keys;
	e->now_ms = now_ms;
	if ((r = resolve(path, &e->path, why)) != 0 || (r = open_locked(e, why)) != 0 ||
	    (r = read_doc(e, why)) != 0)
		goto out;
	*out = e;
	e = NULL; /* given to the caller */
out:
	keyfile_edit_close(&e);
	return r;
}

void
keyfile_edit_close(struct keyfile_edit **edit)
{
	struct keyfile_edit *e = *edit;

	if (e == NULL)
		return;
	keyfile_doc_free(&e->doc);
	if (e->fd != -1)
		close(e->fd); /* and with it the lock */
	free(e->path);
	free(e);
	*edit = NULL;
}

const char *
keyfile_edit_path(const struct keyfile_edit *e)
{
	return e->path;
}

int
keyfile_edit_invalid(const struct keyfile_edit *e, struct errmsg *why, size_t i,
    const char *id, const char *what)
{
	if (id[0] != '\0')
		errmsg_set(why, "%s: entry %zu (key_id \"%s\"): %s; nothing was changed",
		    e->path, i + 1, id, what);
	else
		errmsg_set(
		    why, "%s: entry %zu: %s; nothing was changed", e->path, i + 1, what);
	return ERR_INVALID;
}

int
keyfile_edit_take(
    struct keyfile_edit *e, size_t i, const struct key *k, json_t **entry_out)
{
	json_t *old = json_array_get(e->doc.keys, i), *entry = NULL;
	int r = keyfile_entry_rewrite(old, k, &entry);

	if (r != 0)
		return r;
	keyfile_entry_wipe(old);
	*entry_out = entry;
	return json_array_set_new(e->doc.keys, i, entry) == 0 ? 0 : -ENOMEM;
}

/* Bring all entries into the seed's form; a faulty one is refused. */
static int
rewrite_all(struct keyfile_edit *e, struct errmsg *why)
{
	size_t n = json_array_size(e->doc.keys);

	if (n > e->max_keys) {
		errmsg_set(why,
		    "%s: more keys than MAX_KEYS allows (%zu); nothing was changed",
		    e->path, e->max_keys);
		return ERR_FULL;
	}
	for (size_t i = 0; i < n; i++) {
		struct key k;
		unsigned notes;
		json_t *entry = json_array_get(e->doc.keys, i);
		const char *fault = keyfile_entry_parse(entry, &k, &notes);
		int r;

		if (fault != NULL)
			return keyfile_edit_invalid(e, why, i, k.id, fault);
		if ((r = keyfile_edit_take(e, i, &k, &entry)) != 0)
			return r;
	}
	return 0;
}

/* 0 when the file is what it was when it was read, ERR_CHANGED when not. */
static int
check_unchanged(const struct keyfile_edit *e, struct errmsg *why)
{
	struct keyfile_text text = { 0 };
	uint8_t digest[KEY_HASH_BYTES];
	int r;

	if (e->fd == -1)
		return 0; /* the rename sees to it */
	if ((r = keyfile_read(e->fd, e->path, &text, why)) != 0)
		return r;
	key_hash(text.p, text.n, digest);
	keyfile_text_free(&text);
	if (filelock_is_current(e->fd, e->path) &&
	    memcmp(digest, e->digest, sizeof(digest)) == 0)
		return 0;
	errmsg_set(
	    why, "%s: somebody else changed it meanwhile; nothing was changed", e->path);
	return ERR_CHANGED;
}

/* The document as text with a last newline, to be freed. NULL: no memory. */
static char *
dump(const struct keyfile_edit *e, size_t *n_out)
{
	char *text = json_dumps(e->doc.root, JSON_INDENT(2));
	char *longer;
	size_t n;

	if (text == NULL)
		return NULL;
	n = strlen(text);
	if ((longer = realloc(text, n + 2)) == NULL) {
		free(text);
		return NULL;
	}
	memcpy(longer + n, "\n", 2);
	*n_out = n + 1;
	return longer;
}

int
keyfile_edit_commit(struct keyfile_edit *e, struct errmsg *why)
{
	struct keyfile_save save = { 0 };
	char *text = NULL;
	size_t n = 0;
	int r;

	errmsg_set(why, "%s: %s; nothing was changed", e->path, err_text(-ENOMEM));
	if ((r = rewrite_all(e, why)) != 0)
		return r;
	if ((text = dump(e, &n)) == NULL)
		return -ENOMEM;
	r = keyfile_save_prepare(
	    e->path, e->fd != -1 ? &e->st : NULL, text, n, &save, why);
	free(text);
	if (r != 0)
		return r;
	if ((r = check_unchanged(e, why)) != 0) {
		keyfile_save_abort(&save);
		return r;
	}
	return keyfile_save_finish(&save, why);
}
