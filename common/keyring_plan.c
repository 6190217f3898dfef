/*
 * Planning a publication, in private memory. Runs in the master. All that it
 * starts from is in the active copy, the slots of keys that have gone too, so that
 * a plan can be made at any time after any death. Time grows with the number of
 * keys and no faster.
 */
#include "common/keyring_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/keyfile_index.h"

#define NEW_SLOT (PLAN_NO_SLOT - 1) /* while planning: an id that needs a slot */

/* Is the slot's key the one with this id? */
static bool
slot_has_id(const struct keyring_plan *p, uint64_t slot, uint64_t id_hash, const char *id)
{
	const keyring_word *at = keyring_plan_old_slot(p, slot);
	const keyring_word *record;
	char old[KEY_ID_MAX + 8] = "";
	uint64_t id_bytes;

	if (keyring_load(&at[SLOT_ID_HASH]) != id_hash)
		return false;
	record = p->from + p->k->records_at + keyring_load(&at[SLOT_RECORD]) - 1;
	id_bytes = keyring_load(&record[RECORD_FLAGS]) >> 16 & 0xffff;
	for (uint64_t i = 0; i < keyring_text_words(id_bytes); i++) {
		uint64_t w = keyring_load(&record[RECORD_TEXT + i]);

		memcpy(old + 8 * i, &w, sizeof(w));
	}
	return strlen(id) == id_bytes && memcmp(old, id, id_bytes) == 0;
}

/* The slots in use, findable by id: a table of slot + 1. */
struct slot_table {
	uint32_t *v;
	uint64_t mask;
};

static int
slot_table_make(const struct keyring_plan *p, struct slot_table *out)
{
	uint64_t cells = keyring_cells(keyring_plan_old_slots(p));

	out->mask = cells - 1;
	if ((out->v = calloc(cells, sizeof(*out->v))) == NULL)
		return -ENOMEM;
	for (uint64_t s = 0; s < keyring_plan_old_slots(p); s++) {
		uint64_t at =
		    keyring_load(&keyring_plan_old_slot(p, s)[SLOT_ID_HASH]) & out->mask;

		if (keyring_load(&keyring_plan_old_slot(p, s)[SLOT_RECORD]) == 0)
			continue;
		while (out->v[at] != 0)
			at = (at + 1) & out->mask;
		out->v[at] = (uint32_t)s + 1;
	}
	return 0;
}

static uint32_t
slot_table_find(const struct keyring_plan *p, const struct slot_table *t, const char *id)
{
	uint64_t hash = keyfile_index_id_hash(id), at = hash & t->mask;

	for (; t->v[at] != 0; at = (at + 1) & t->mask)
		if (slot_has_id(p, t->v[at] - 1, hash, id))
			return t->v[at] - 1;
	return PLAN_NO_SLOT;
}

/* Give each id that had a slot its own again. n_new_out: ids that had none. */
static int
keep_slots(struct keyring_plan *p, uint64_t *n_new_out)
{
	struct slot_table table = { 0 };
	int r = slot_table_make(p, &table);

	*n_new_out = 0;
	for (size_t i = 0; r == 0 && i < p->set->n; i++)
		p->slot[i] = PLAN_NO_SLOT;
	for (size_t i = 0; r == 0 && i < p->set->n; i++) {
		uint32_t *slot = &p->slot[p->same_id[i]];

		if (!keyring_plan_holds(p, i) || *slot != PLAN_NO_SLOT)
			continue;
		*slot = slot_table_find(p, &table, p->set->v[i].id);
		if (*slot != PLAN_NO_SLOT) {
			p->fate[*slot] = PLAN_KEPT;
			continue;
		}
		*slot = NEW_SLOT;
		++*n_new_out;
	}
	free(table.v);
	return r;
}

struct free_slot {
	uint64_t freed; /* version; the lower, the longer ago */
	uint32_t slot;
};

static int
by_age(const void *a, const void *b)
{
	const struct free_slot *x = a, *y = b;

	if (x->freed != y->freed)
		return x->freed < y->freed ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* All slots that may be given to another id, the longest free first. */
static int
list_free(const struct keyring_plan *p, struct free_slot **out, uint64_t *n_out)
{
	struct free_slot *v = calloc(keyring_plan_old_slots(p) + 1, sizeof(*v));
	uint64_t n = 0;

	if (v == NULL)
		return -ENOMEM;
	for (uint64_t s = 0; s < keyring_plan_old_slots(p); s++) {
		if (p->fate[s] != PLAN_LEFT)
			continue;
		v[n].slot = (uint32_t)s;
		v[n++].freed = keyring_load(&keyring_plan_old_slot(p, s)[SLOT_RECORD]) == 0
		    ? keyring_load(&keyring_plan_old_slot(p, s)[SLOT_FREED])
		    : UINT64_MAX; /* freed by this very set: the last to be used */
	}
	qsort(v, n, sizeof(*v), by_age);
	*out = v;
	*n_out = n;
	return 0;
}

/*
 * Give slots to `n_new` new ids: never used ones as long as there are any, because
 * late counts of a key that has gone may still be on their way to its slot.
 */
static int
give_slots(struct keyring_plan *p, uint64_t n_new)
{
	struct free_slot *freed = NULL;
	uint64_t n_freed = 0, used = 0;
	uint64_t unused = p->k->max_keys - keyring_plan_old_slots(p);
	int r;

	if (n_new > unused && (r = list_free(p, &freed, &n_freed)) != 0)
		return r;
	if (n_new > unused + n_freed) {
		free(freed);
		return ERR_FULL;
	}
	for (size_t i = 0; i < p->set->n; i++) {
		if (p->slot[i] != NEW_SLOT)
			continue;
		if (p->slots < p->k->max_keys)
			p->slot[i] = (uint32_t)p->slots++;
		else if (used < n_freed)
			p->slot[i] = freed[used++].slot;
		p->fate[p->slot[i]] = PLAN_GIVEN;
	}
	free(freed);
	return 0;
}

int
keyring_plan_make(struct keyring_plan *p)
{
	size_t n = p->set->n;
	uint64_t n_new;
	int r;

	p->holds = calloc(n + 1, sizeof(*p->holds));
	p->same_id = calloc(n + 1, sizeof(*p->same_id));
	p->slot = calloc(n + 1, sizeof(*p->slot));
	p->fate = calloc(p->k->max_keys + 1, sizeof(*p->fate));
	if (p->holds == NULL || p->same_id == NULL || p->slot == NULL || p->fate == NULL)
		return -ENOMEM;
	p->slots = keyring_plan_old_slots(p);
	if ((r = keyfile_index_hashes(p->set, p->holds)) != 0 ||
	    (r = keyfile_index_ids(p->set, p->same_id)) != 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		p->count += keyring_plan_holds(p, i);
		p->hashes += keyring_plan_holds(p, i) + p->set->v[i].has_previous;
	}
	if (p->count > p->k->max_keys)
		return ERR_FULL;
	if ((r = keep_slots(p, &n_new)) != 0)
		return r;
	return give_slots(p, n_new);
}

void
keyring_plan_fini(struct keyring_plan *p)
{
	free(p->holds);
	free(p->same_id);
	free(p->slot);
	free(p->fate);
}
