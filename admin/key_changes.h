/*
 * What an edit has changed of a key, as the audit tells it: {"rate_limit": [null, 10]}, old
 * and new. Never a secret, never a hash.
 */
#ifndef GATEHOUSE_ADMIN_KEY_CHANGES_H
#define GATEHOUSE_ADMIN_KEY_CHANGES_H

#include <jansson.h>

#include "common/keyfile.h"

/*
 * The fields that differ, old and new. before NULL: the key is new, after NULL: it is gone;
 * all its fields are told then, with null on the other side. "secret": "new" where the secret
 * was replaced, with when the old one ends to be valid. The caller's; NULL: memory is short.
 */
json_t *key_changes(const struct key *before, const struct key *after) MUSTCHECK;

#endif
