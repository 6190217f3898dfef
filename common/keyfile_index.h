/*
 * Which keys of a set have the same hash or the same id: by hashing, in time that
 * grows with the number of keys and no faster.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_INDEX_H
#define GATEHOUSE_COMMON_KEYFILE_INDEX_H

#include <stdint.h>

#include "common/err.h"
#include "common/keyfile.h"

/*
 * last_out  room for set->n numbers: for each key the place of the last one with
 *           the same hash (its own: it is the one that holds).
 * Returns 0 or -ENOMEM.
 */
int keyfile_index_hashes(const struct keyset *set, uint32_t *last_out) MUSTCHECK;

/* The same for ids, and with the place of the first one. */
int keyfile_index_ids(const struct keyset *set, uint32_t *first_out) MUSTCHECK;

/* A hash of an id, for tables in memory. */
uint64_t keyfile_index_id_hash(const char *id);

#endif
