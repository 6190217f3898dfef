/*
 * The owner's index of its cells: open addressing, at most half full, nothing is ever
 * taken out. Runs in the worker; the checks of records in every process.
 */
#include "common/arena_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a over a string and its final NUL, so that ("ab", "c") is not ("a", "bc"). */
static uint64_t
hash_add(uint64_t h, const char *s)
{
	do
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	while (*s++ != '\0');
	return h;
}

uint64_t
arena_names_hash(const struct arena_names *names)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = hash_add(h, names->key_id);
	h = hash_add(h, names->model);
	return hash_add(h, names->endpoint);
}

static bool
name_fits(const char *s, size_t room)
{
	const size_t n = strnlen(s, room);

	return n > 0 && n < room;
}

bool
arena_names_fit(const struct arena_names *names)
{
	return name_fits(names->key_id, KEY_ID_MAX + 1) &&
	    name_fits(names->model, ARENA_MODEL_MAX + 1) &&
	    name_fits(names->endpoint, ARENA_ENDPOINT_MAX + 1);
}

static struct arena_names
names_of(const struct arena_record *rec)
{
	return (struct arena_names){ rec->key_id, rec->model, rec->endpoint };
}

bool
arena_record_is_sound(const struct arena_record *rec)
{
	const struct arena_names names = names_of(rec);

	return arena_names_fit(&names) && arena_names_hash(&names) == rec->name_hash;
}

int
arena_index_read_names(
    const char *record, const struct arena_form *form, struct arena_cell *out)
{
	const struct arena_names names = { out->key_id, out->model, out->endpoint };
	uint64_t hash;

	memcpy(out->key_id, record, form->key_id_bytes);
	memcpy(out->model, record + form->model_at, form->model_bytes);
	memcpy(out->endpoint, record + form->endpoint_at, form->endpoint_bytes);
	memcpy(&hash, record + form->hash_at, sizeof(hash));
	return arena_names_fit(&names) && arena_names_hash(&names) == hash ? 0
									   : ERR_SYNTAX;
}

/* Slots of the table: a power of two, at least two for each cell. */
static uint32_t
table_size(const struct arena *a)
{
	uint32_t n = 1;

	while (n < a->n_cells * 2)
		n *= 2;
	return n;
}

/* Upper bits too: FNV's lower ones alone are weak. */
static uint32_t
place_of(uint64_t hash, uint32_t mask)
{
	return (uint32_t)(hash ^ hash >> 32) & mask;
}

int
arena_index_build(struct arena *a)
{
	const uint32_t n = arena_cells(a);

	free(a->index);
	a->index = calloc(table_size(a), sizeof(*a->index));
	if (a->index == NULL)
		return -ENOMEM;
	for (uint32_t cell = 0; cell < n; cell++)
		if (arena_record_is_sound(&a->cells[cell]))
			arena_index_add(a, cell);
	return 0;
}

static bool
record_has(const struct arena_record *rec, const struct arena_names *names, uint64_t hash)
{
	return rec->name_hash == hash && strcmp(rec->key_id, names->key_id) == 0 &&
	    strcmp(rec->model, names->model) == 0 &&
	    strcmp(rec->endpoint, names->endpoint) == 0;
}

int
arena_index_find(const struct arena *a, const struct arena_names *names, uint64_t hash,
    uint32_t *cell_out)
{
	const uint32_t mask = table_size(a) - 1;

	for (uint32_t at = place_of(hash, mask); a->index[at] != 0; at = (at + 1) & mask) {
		if (!record_has(&a->cells[a->index[at] - 1], names, hash))
			continue;
		*cell_out = a->index[at] - 1;
		return 0;
	}
	return -ENOENT;
}

void
arena_index_add(struct arena *a, uint32_t cell)
{
	const uint32_t mask = table_size(a) - 1;
	uint32_t at = place_of(a->cells[cell].name_hash, mask);

	while (a->index[at] != 0)
		at = (at + 1) & mask;
	a->index[at] = cell + 1;
}
