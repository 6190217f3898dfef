/*
 * Finding doubles in a key set with an open-addressed table of places, half full
 * at most. Runs in the master and the CLI, at each load. The keys are the
 * operator's own, so nobody gains by making them collide.
 */
#include "common/keyfile_index.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t hash_fn(const struct key *k);
typedef bool same_fn(const struct key *a, const struct key *b);

static uint64_t
secret_hash(const struct key *k)
{
	uint64_t h;

	memcpy(&h, k->hash, sizeof(h)); /* SHA-256 is as even as it gets */
	return h;
}

static bool
secret_same(const struct key *a, const struct key *b)
{
	return memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

/* FNV-1a, then mixed so that the low bits depend on all. */
uint64_t
keyfile_index_id_hash(const char *id)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t
id_hash(const struct key *k)
{
	return keyfile_index_id_hash(k->id);
}

static bool
id_same(const struct key *a, const struct key *b)
{
	return strcmp(a->id, b->id) == 0;
}

/* out[i]: the first place, counted from the chosen end, of a key that is the same. */
static int
index_set(
    const struct keyset *set, bool from_end, hash_fn *hash, same_fn *same, uint32_t *out)
{
	size_t cells = 16, mask;
	uint32_t *table; /* place + 1; 0: empty */

	if (set->n >= UINT32_MAX / 2)
		return -ENOMEM;
	while (cells < 2 * set->n)
		cells *= 2;
	mask = cells - 1;
	if ((table = calloc(cells, sizeof(*table))) == NULL)
		return -ENOMEM;
	for (size_t j = 0; j < set->n; j++) {
		size_t i = from_end ? set->n - 1 - j : j;
		size_t at = hash(&set->v[i]) & mask;

		while (table[at] != 0 && !same(&set->v[table[at] - 1], &set->v[i]))
			at = (at + 1) & mask;
		if (table[at] == 0)
			table[at] = (uint32_t)i + 1;
		out[i] = table[at] - 1;
	}
	free(table);
	return 0;
}

int
keyfile_index_hashes(const struct keyset *set, uint32_t *last_out)
{
	return index_set(set, true, secret_hash, secret_same, last_out);
}

int
keyfile_index_ids(const struct keyset *set, uint32_t *first_out)
{
	return index_set(set, false, id_hash, id_same, first_out);
}
