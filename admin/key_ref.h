/*
 * A key's name in a URL: its key_id where that needs no encoding, else `~` and the id in
 * base64url, for workers refuse encoded slashes and dot segments in paths. Pure.
 */
#ifndef GATEHOUSE_ADMIN_KEY_REF_H
#define GATEHOUSE_ADMIN_KEY_REF_H

#include <stddef.h>

#include "common/err.h"
#include "common/keyfile.h"

enum {
	KEY_REF_BYTES = 1 + (KEY_ID_MAX * 4 + 2) / 3 + 1
}; /* of the longest, with its NUL */

/* The reference of an id of at most KEY_ID_MAX bytes. */
void key_ref_format(const char *id, char out[KEY_REF_BYTES]);

/*
 * The id that a decoded path segment stands for: a reference, or the id itself.
 * Returns 0 or ERR_SYNTAX (no key can have it).
 */
int key_ref_parse(const char *ref, char id_out[KEY_ID_MAX + 1]) MUSTCHECK;

#endif
