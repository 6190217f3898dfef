/*
 * One change of the key file that the API was asked for, as a job: lock, look at the
 * version, change, replace. What is asked and what came of it stand in one struct, so that
 * the thread touches nothing else. Runs in the admin process's job thread.
 */
#ifndef GATEHOUSE_ADMIN_KEY_EDIT_H
#define GATEHOUSE_ADMIN_KEY_EDIT_H

#include <stdbool.h>

#include "admin/key_json.h"
#include "common/keyfile_edit.h"

enum key_edit_op { KEY_EDIT_CREATE, KEY_EDIT_SET, KEY_EDIT_ROTATE, KEY_EDIT_DELETE };

struct key_edit {
	/* what is asked */
	enum key_edit_op op;
	const char *path;             /* the key file; borrowed */
	size_t max_keys;              /* that the file may hold */
	int64_t now_ms;               /* wall clock */
	char id[KEY_ID_MAX + 1];      /* "": a new key is given one */
	struct keyfile_values values; /* its description is in text[] */
	char text[KEY_DESCRIPTION_MAX + 1];
	int64_t grace_ms;
	char if_revision[KEY_REVISION_BYTES]; /* "": whatever it is */

	/* what came of it */
	int result;               /* of keyfile_edit_*() */
	bool is_other_revision;   /* ERR_CHANGED because of if_revision */
	struct errmsg why;        /* why not; of 0: "" or that it could not be synced */
	struct key before, after; /* zero-filled where there is none */
	char secret[KEY_SECRET_BYTES + 1]; /* of a new key or a rotation */
};

/*
 * Do it. Somebody else's change in between is taken up, and it is tried once more. May
 * block for five seconds, and as long as the disk takes.
 */
void key_edit_run(struct key_edit *e);

/* Wipe the secret and the hashes. */
void key_edit_wipe(struct key_edit *e);

#endif
