/*
 * Which cell holds a (key_id, model, endpoint): a hash table in the owner's private
 * memory, rebuilt by each owner, so that no death can leave it half made.
 */
#ifndef GATEHOUSE_COMMON_ARENA_INDEX_H
#define GATEHOUSE_COMMON_ARENA_INDEX_H

#include "common/arena_layout.h"

/* The three names of a cell. Borrowed. */
struct arena_names {
	const char *key_id;
	const char *model;
	const char *endpoint;
};

uint64_t arena_names_hash(const struct arena_names *names);

/* Do they fit a cell, none of them empty? */
bool arena_names_fit(const struct arena_names *names);

/* Are the record's names terminated, and those that its hash was made of? */
bool arena_record_is_sound(const struct arena_record *rec);

/*
 * The names of a record of any form, into out's.
 * Returns 0, or ERR_SYNTAX: they are not terminated, or its hash was made of others.
 */
int arena_index_read_names(
    const char *record, const struct arena_form *form, struct arena_cell *out) MUSTCHECK;

/* Make a's index of the cells that are in use. Returns 0 or -ENOMEM. */
int arena_index_build(struct arena *a) MUSTCHECK;

/* Find the cell of these names. hash is theirs. Returns 0 or -ENOENT. */
int arena_index_find(const struct arena *a, const struct arena_names *names,
    uint64_t hash, uint32_t *cell_out) MUSTCHECK;

/* Add a cell whose names were just written. */
void arena_index_add(struct arena *a, uint32_t cell);

#endif
