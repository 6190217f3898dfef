/*
 * The key file and the keys of API_KEYS as a list for people: sorted by id, without a
 * secret or a hash. Kept in memory until the file changes, so that leafing through 100,000
 * keys does not parse them each time. Runs in the admin process's job thread alone.
 */
#ifndef GATEHOUSE_ADMIN_KEY_LIST_H
#define GATEHOUSE_ADMIN_KEY_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/keyfile.h"
#include "common/strlist.h"

/* One key. Times are ms since 1970, 0: never or unknown. Texts are the list's, or borrowed. */
struct key_row {
	const char *id;
	const char *description;
	int64_t created_ms, expires_ms;
	int64_t previous_expires_ms; /* 0: there is no secret before this one */
	int64_t rate_limit;          /* or KEY_NO_LIMIT */
	bool enabled;
	bool environment; /* of API_KEYS: it can't be edited */
};

struct key_list {
	struct key_row *v; /* by the bytes of id */
	size_t n;
	struct strlist faults; /* entries that are left out, one line each; no secrets */
	char *texts;
};

/* What the gate needs of k, borrowed from it. */
struct key_row key_row_of(const struct key *k);

/*
 * Read the file.
 * out  the caller's, key_list_destroy(); set on 0.
 * Returns 0, or keyfile_load()'s codes with why.
 */
int key_list_load(const char *path, const struct strlist *api_keys, size_t max_keys,
    struct key_list **out, struct errmsg *why) MUSTCHECK;

/* Accepts NULL inside, leaves NULL. */
void key_list_destroy(struct key_list **lp);

/* The first with this id, NULL if there is none. */
const struct key_row *key_list_find(const struct key_list *l, const char *id);

/* The list that was read last. */
struct key_cache;

/* All borrowed for its life. Returns 0 or -ENOMEM. */
int key_cache_create(const char *path, const struct strlist *api_keys, size_t max_keys,
    struct key_cache **out) MUSTCHECK;
/* Accepts NULL inside, leaves NULL. */
void key_cache_destroy(struct key_cache **cp);

/* The file as it is now, read only if it has changed. *out is the cache's, until the next call. */
int key_cache_get(
    struct key_cache *c, const struct key_list **out, struct errmsg *why) MUSTCHECK;

#endif
