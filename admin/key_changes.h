/*
 * What an edit has changed of a key, as the audit tells it: {"rate_limit": [null, 10]}, old
 * and new. Never a secret, never a hash.
 */
#ifndef GATEHOUSE_ADMIN_KEY_CHANGES_H
#define GATEHOUSE_ADMIN_KEY_CHANGES_H

#include <jansson.h>

#include "common/keyfile.h"

/*
 * The fields that differ; before NULL: the key is new, after NULL: it is gone, and its
 * fields are told as they are or were. "secret": "new" where the secret was replaced, with
 * how long the old one stays valid. The caller's; NULL: memory is short.
 */
json_t *key_changes(const struct key *before, const struct key *after);

#endif
