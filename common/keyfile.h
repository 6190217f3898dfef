/*
 * The key file (CONTRACT section 3): JSON in, a set of keys out, and edits that
 * replace it atomically. Runs in the master (load), the CLI and admin (edit).
 * Never logs or reports a secret or a hash; faults name entry number, id and field.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_H
#define GATEHOUSE_COMMON_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/err.h"
#include "common/key_hash.h"

enum {
	KEY_ID_MAX = 128,
	KEY_DESCRIPTION_MAX = 256, /* bytes that key-info shows; the file may hold more */
	KEY_SECRET_BYTES = 46      /* "pm_" + 43 base64url characters */
};

#define KEY_NO_LIMIT (-1)

/* One key as the gate needs it. Times are ms since 1970, 0: never/unknown. */
struct key {
	char id[KEY_ID_MAX + 1];
	char description[KEY_DESCRIPTION_MAX + 1];
	uint8_t hash[KEY_HASH_BYTES];
	uint8_t previous_hash[KEY_HASH_BYTES];
	bool has_previous;
	bool enabled;
	int64_t previous_expires_ms;
	int64_t created_ms;
	int64_t expires_ms;
	int64_t rate_limit; /* KEY_NO_LIMIT, 0 blocks, else requests per window */
};

struct keyset {
	struct key *v;
	size_t n;
	struct strlist faults;   /* entries left out, one line each */
	struct strlist warnings; /* plain-text keys, doubled hashes, file modes, ... */
	bool missing;            /* the file does not exist */
};

/*
 * Load the key file and the keys of API_KEYS.
 * path      the key file; one that does not exist is an empty one.
 * api_keys  secrets in plain text; ids env_key_0, ...
 * set_out   set on 0 only; free with keyset_destroy(). Faulty entries are in
 *           set->faults and not in set->v: the caller decides whether that is
 *           tolerable (CONTRACT: start) or not (reload, STRICT_KEYS).
 * Returns 0; ERR_SYNTAX when the file is no JSON of the form {"keys": [...]}
 * (why: line and column, never a quote); -errno when it can't be read; ERR_FULL
 * when there are more than max_keys.
 */
int keyfile_load(const char *path, const struct strlist *api_keys, size_t max_keys,
    struct keyset **set_out, struct errmsg *why) MUSTCHECK;

/* Free; hashes are wiped. */
void keyset_destroy(struct keyset **set);

/* A new random secret, NUL-terminated. Returns 0 or ERR_TLS (no randomness). */
int key_generate(char out[KEY_SECRET_BYTES + 1]) MUSTCHECK;

#endif
