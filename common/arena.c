/*
 * What the owner of an arena does while it lives, and what readers see. Runs in the
 * worker (one thread, the only writer) and in admin (reads while the worker writes).
 * Files: arena_file.c; the end of a slot: arena_settle.c.
 *
 * A cell's names and zeros are written before cells_used is moved over it, and never
 * again; its counters only grow. So a reader that has seen the count may read the cell.
 */
#include "common/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena_index.h"
#include "common/arena_layout.h"

enum { KEPT_FOR_OTHERS = 32 }; /* cells for ("other", "other", endpoint) */

/* --- readers --- */

uint64_t
arena_id(const struct arena *a)
{
	return a->header->id;
}

bool
arena_is_of_other_boot(const struct arena *a)
{
	return a->other_boot;
}

bool
arena_is_retired(const struct arena *a)
{
	return arena_load(&a->header->retired) != 0;
}

uint32_t
arena_cells(const struct arena *a)
{
	const uint64_t used = arena_load(&a->header->cells_used);

	return used < a->n_cells ? (uint32_t)used : a->n_cells;
}

uint32_t
arena_capacity(const struct arena *a)
{
	return a->n_cells;
}

int
arena_cell_read(const struct arena *a, uint32_t i, struct arena_cell *out)
{
	const struct arena_form *f = &a->form;
	const char *rec;
	const _Atomic uint64_t *counters;

	if (i >= arena_cells(a))
		return -ENOENT;
	rec = a->records + (size_t)i * f->record_bytes;
	counters = arena_cell_counters(a, i);
	memset(out, 0, sizeof(*out));
	for (size_t c = 0; c < f->counters; c++)
		out->usage.v[c] = arena_load(&counters[c]);
	return arena_index_read_names(rec, f, out);
}

/* --- the owner --- */

static bool
is_settled(const struct arena *a)
{
	const uint64_t used = arena_load(&a->header->slots_used);

	if (arena_load(&a->header->redo.on) != 0)
		return false;
	for (uint32_t i = 0; i < used && i < a->n_slots; i++)
		if (arena_load(&a->slots[i].head) != 0)
			return false;
	return true;
}

int
arena_adopt(struct arena *a)
{
	if (!arena_is_of_our_form(a))
		return ERR_STALE;
	if (!is_settled(a))
		return -EBUSY;
	free(a->free_slots);
	a->free_slots = malloc(a->n_slots * sizeof(*a->free_slots));
	if (a->free_slots == NULL)
		return -ENOMEM;
	a->n_free = 0;
	a->n_fresh = 0;
	return arena_index_build(a);
}

/* How far cells may be used for these names: the last ones are kept for overflow. */
static uint32_t
room_for(const struct arena *a, const struct arena_names *names)
{
	const uint32_t n = a->n_cells;
	const uint32_t kept = n / 4 < KEPT_FOR_OTHERS ? n / 4 : KEPT_FOR_OTHERS;

	if (strcmp(names->model, ARENA_OTHER) != 0)
		return n - kept - n / 8;
	if (strcmp(names->key_id, ARENA_OTHER) != 0)
		return n - kept;
	return strcmp(names->endpoint, ARENA_OTHER) != 0 ? n - 1 : n;
}

/* The names fit: lengths were looked at. */
static void
write_name(char *to, const char *name)
{
	memcpy(to, name, strlen(name) + 1);
}

/* Publish the next cell under these names. */
static uint32_t
add_cell(struct arena *a, const struct arena_names *names, uint64_t hash)
{
	const uint32_t cell = arena_cells(a);
	struct arena_record *rec = &a->cells[cell];

	/* a predecessor killed here may have left longer names */
	memset(rec, 0, offsetof(struct arena_record, counters));
	write_name(rec->key_id, names->key_id);
	write_name(rec->model, names->model);
	write_name(rec->endpoint, names->endpoint);
	rec->name_hash = hash;
	for (size_t c = 0; c < USAGE_COUNTERS; c++)
		arena_store(&rec->counters.v[c], 0);
	arena_store(&a->header->cells_used, cell + 1);
	arena_index_add(a, cell);
	return cell;
}

int
arena_cell_for(struct arena *a, const char *key_id, const char *model,
    const char *endpoint, uint32_t *cell_out)
{
	const struct arena_names names = { key_id, model, endpoint };
	uint64_t hash;

	if (!arena_names_fit(&names))
		return ERR_TOO_LARGE;
	hash = arena_names_hash(&names);
	if (arena_index_find(a, &names, hash, cell_out) == 0)
		return 0;
	if (arena_cells(a) >= room_for(a, &names))
		return ERR_FULL;
	*cell_out = add_cell(a, &names, hash);
	return 0;
}

bool
arena_cell_or_other(struct arena *a, const char *key_id, const char *model,
    const char *endpoint, uint32_t *cell_out)
{
	const char *const other = ARENA_OTHER;

	if (arena_cell_for(a, key_id, model, endpoint, cell_out) == 0)
		return true;
	if (arena_cell_for(a, key_id, other, endpoint, cell_out) != 0 &&
	    arena_cell_for(a, other, other, endpoint, cell_out) != 0 &&
	    arena_cell_for(a, other, other, other, cell_out) != 0)
		abort(); /* the last cell is kept for the last of them */
	return false;
}

/* A slot that is free. Each is marked as used before it is open for the first time. */
static uint32_t
take_slot(struct arena *a)
{
	uint32_t slot;

	if (a->n_free > 0)
		return a->free_slots[--a->n_free];
	if (a->n_fresh == a->n_slots)
		return ARENA_NO_SLOT;
	slot = a->n_fresh++;
	if (arena_load(&a->header->slots_used) < a->n_fresh)
		arena_store(&a->header->slots_used, a->n_fresh);
	return slot;
}

int
arena_slot_open(struct arena *a, uint32_t cell, uint32_t *slot_out)
{
	struct arena_slot *s;

	if (cell >= arena_cells(a))
		abort();
	*slot_out = take_slot(a);
	if (*slot_out == ARENA_NO_SLOT)
		return ERR_FULL;
	s = &a->slots[*slot_out];
	for (size_t c = 0; c < USAGE_COUNTERS; c++)
		arena_store(&s->copy[0].v[c], 0);
	arena_store(&s->head, arena_head(cell, 0));
	return 0;
}

void
arena_slot_put(struct arena *a, uint32_t slot, const struct usage *u)
{
	struct arena_slot *s;
	uint64_t head;
	uint32_t idle;

	if (slot == ARENA_NO_SLOT)
		return;
	if (slot >= a->n_fresh || arena_load(&a->slots[slot].head) == 0)
		abort(); /* it would be lost */
	s = &a->slots[slot];
	head = arena_load(&s->head);
	idle = 1 - arena_head_live(head);
	for (size_t c = 0; c < USAGE_COUNTERS; c++)
		arena_store(&s->copy[idle].v[c], u->v[c]);
	arena_store(&s->head, arena_head(arena_head_cell(head), idle));
}
