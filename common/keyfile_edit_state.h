/*
 * An edit in progress, for keyfile_edit.c (file and lock) and keyfile_change.c (what
 * is changed) alone.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_EDIT_STATE_H
#define GATEHOUSE_COMMON_KEYFILE_EDIT_STATE_H

#include <jansson.h>
#include <sys/stat.h>

#include "common/keyfile_doc.h"
#include "common/keyfile_edit.h"

struct keyfile_edit {
	char *path; /* links resolved */
	int fd;     /* locked; -1: the file does not exist */
	struct stat st;
	uint8_t digest[KEY_HASH_BYTES]; /* of what was read */
	struct keyfile_doc doc;
	size_t max_keys;
	int64_t now_ms;
};

/* Set why to what is wrong with entry i. id: its key_id or "". Returns ERR_INVALID. */
int keyfile_edit_invalid(const struct keyfile_edit *e, struct errmsg *why, size_t i,
    const char *id, const char *what);

/*
 * Put entry i, of which k was made, into the seed's form.
 * entry_out  the new entry in its place, borrowed to be changed; on 0.
 * Returns 0 or -ENOMEM.
 */
int keyfile_edit_take(
    struct keyfile_edit *e, size_t i, const struct key *k, json_t **entry_out) MUSTCHECK;

#endif
