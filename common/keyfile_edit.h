/*
 * Edits of the key file: open and lock, change, commit. Nothing reaches the file
 * before keyfile_edit_commit(), which replaces it by a whole new version in the
 * seed's form; unknown fields and the order of entries stay. Runs in the CLI and in
 * admin. Reasons name entries and fields, never a secret or a hash.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_EDIT_H
#define GATEHOUSE_COMMON_KEYFILE_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/keyfile.h"

struct keyfile_edit;

/* Which fields of struct keyfile_values are given. */
enum keyfile_field {
	KEYFILE_DESCRIPTION = 1,
	KEYFILE_EXPIRES = 2,
	KEYFILE_RATE_LIMIT = 4,
	KEYFILE_ENABLED = 8,
};

/* What a key is created with or set to. Borrowed for the call. */
struct keyfile_values {
	unsigned given; /* enum keyfile_field, or-ed; the others keep their value */
	const char *description; /* UTF-8 */
	int64_t expires_ms;      /* 0: never */
	int64_t rate_limit;      /* or KEY_NO_LIMIT */
	bool enabled;
};

/*
 * Open the file for an edit and lock it against others that edit. Waits up to five
 * seconds for the lock. A file that does not exist is an empty one, made by the
 * commit. Where path is a symbolic link, its target is edited.
 * max_keys  more can't be committed.
 * now_ms    wall clock: created_at, and what grace counts from.
 * out       set on 0; free with keyfile_edit_close().
 * Returns 0, ERR_SYNTAX (no key file, by line and column), -EWOULDBLOCK (locked),
 * or -errno.
 */
int keyfile_edit_open(const char *path, size_t max_keys, int64_t now_ms,
    struct keyfile_edit **out, struct errmsg *why) MUSTCHECK;

/* Unlock and free; what was not committed is forgotten. Leaves NULL. */
void keyfile_edit_close(struct keyfile_edit **e);

/* The file that is edited, links resolved; borrowed. */
const char *keyfile_edit_path(const struct keyfile_edit *e);

/* The first entry with this id, as it stands now. 0, -ENOENT or ERR_INVALID (faulty). */
int keyfile_edit_get(const struct keyfile_edit *e, const char *id, struct key *out,
    struct errmsg *why) MUSTCHECK;

/*
 * Add a key with a new secret.
 * id          NULL: the first 8 hex digits of the hash.
 * secret_out  the secret: to be shown once, after the commit, and wiped.
 * id_out      the id.
 * Returns 0, -EEXIST (there is one with this id), ERR_INVALID (id or description).
 */
int keyfile_edit_create(struct keyfile_edit *e, const char *id,
    const struct keyfile_values *v, char secret_out[KEY_SECRET_BYTES + 1],
    char id_out[KEY_ID_MAX + 1], struct errmsg *why) MUSTCHECK;

/*
 * Give a key a new secret; all else stays.
 * grace_ms  how long the old secret is good besides; 0: not at all. The one before
 *           it is not, in any case.
 * Returns 0, -ENOENT, or ERR_INVALID when several entries have the id.
 */
int keyfile_edit_rotate(struct keyfile_edit *e, const char *id, int64_t grace_ms,
    char secret_out[KEY_SECRET_BYTES + 1], struct errmsg *why) MUSTCHECK;

/* Change the given fields of all entries with this id. 0, -ENOENT or ERR_INVALID. */
int keyfile_edit_set(struct keyfile_edit *e, const char *id,
    const struct keyfile_values *v, struct errmsg *why) MUSTCHECK;

/* Remove all entries with this id, faulty ones too. 0 or -ENOENT. */
int keyfile_edit_delete(
    struct keyfile_edit *e, const char *id, struct errmsg *why) MUSTCHECK;

/*
 * Replace the file. Plain-text secrets become hashes.
 * Returns 0: done, and why is empty or says that it could not be synced. Else
 * nothing was changed, and why says so: ERR_INVALID (an entry that a reload would
 * refuse), ERR_FULL, ERR_CHANGED (somebody who does not lock wrote to the file since
 * it was read) or -errno. The edit can only be closed then.
 */
int keyfile_edit_commit(struct keyfile_edit *e, struct errmsg *why) MUSTCHECK;

#endif
