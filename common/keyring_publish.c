/*
 * The keyring's writer: the master. A publication is planned first, without
 * touching anything (keyring_plan.h), then written to the idle copy, which becomes
 * the active one by a single store: a writer that is killed anywhere leaves a whole
 * set behind.
 */
#include "common/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/keyfile_index.h"
#include "common/keyring_layout.h"
#include "common/keyring_plan.h"

static void
store_bytes(keyring_word *to, const void *from, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += 8) {
		uint64_t w = 0;

		memcpy(&w, (const char *)from + i, bytes - i < 8 ? bytes - i : 8);
		keyring_store(&to[i / 8], w);
	}
}

/* Write a record at `at`. Returns the words it took, whole lines. */
static uint64_t
record_write(keyring_word *at, const struct key *key, uint64_t slot_and_generation)
{
	uint64_t id_bytes = strlen(key->id), text_bytes = strlen(key->description);
	uint64_t id_words = keyring_text_words(id_bytes), words;
	uint64_t flags = id_bytes << 16 | text_bytes << 32;

	if (key->enabled)
		flags |= RECORD_ENABLED;
	if (key->has_previous)
		flags |= RECORD_PREVIOUS;
	store_bytes(&at[RECORD_HASH], key->hash, KEY_HASH_BYTES);
	store_bytes(&at[RECORD_PREVIOUS_HASH], key->previous_hash, KEY_HASH_BYTES);
	keyring_store(&at[RECORD_FLAGS], flags);
	keyring_store(&at[RECORD_SLOT], slot_and_generation);
	keyring_store(&at[RECORD_EXPIRES], (uint64_t)key->expires_ms);
	keyring_store(&at[RECORD_LIMIT], (uint64_t)key->rate_limit);
	keyring_store(&at[RECORD_PREVIOUS_EXPIRES], (uint64_t)key->previous_expires_ms);
	keyring_store(&at[RECORD_CREATED], (uint64_t)key->created_ms);
	store_bytes(&at[RECORD_TEXT], key->id, id_bytes);
	store_bytes(&at[RECORD_TEXT + id_words], key->description, text_bytes);
	words = RECORD_TEXT + id_words + keyring_text_words(text_bytes);
	return (words + RECORD_LINE - 1) / RECORD_LINE * RECORD_LINE;
}

/* The copy being written. */
struct target {
	const struct keyring_plan *plan;
	keyring_word *copy;
	uint64_t *position; /* of each entry's record */
	uint64_t version;
	uint64_t mask;
	uint64_t used; /* words of records */
};

static keyring_word *
slot_at(const struct target *t, uint64_t slot)
{
	return t->copy + t->plan->k->slots_at + slot * SLOT_WORDS;
}

static void
write_slot(const struct target *t, uint64_t slot)
{
	const struct keyring_plan *p = t->plan;
	keyring_word *to = slot_at(t, slot);
	uint64_t generation = 0, freed = t->version, id_hash = 0;

	if (slot < keyring_plan_old_slots(p)) {
		const keyring_word *old = keyring_plan_old_slot(p, slot);

		generation = keyring_load(&old[SLOT_GENERATION]);
		id_hash = keyring_load(&old[SLOT_ID_HASH]);
		if (keyring_load(&old[SLOT_RECORD]) == 0)
			freed = keyring_load(&old[SLOT_FREED]);
	}
	keyring_store(&to[SLOT_RECORD], 0);
	keyring_store(&to[SLOT_GENERATION], generation + (p->fate[slot] == PLAN_GIVEN));
	keyring_store(&to[SLOT_FREED], freed);
	keyring_store(&to[SLOT_ID_HASH], id_hash);
}

/* The slot of an id ends up with the record of the last entry that has the id. */
static void
write_entry(struct target *t, size_t i)
{
	const struct keyring_plan *p = t->plan;
	const struct key *key = &p->set->v[i];
	uint64_t slot = p->slot[p->same_id[i]];
	keyring_word *to = slot_at(t, slot);
	uint64_t generation = keyring_load(&to[SLOT_GENERATION]);

	keyring_store(&to[SLOT_RECORD], t->used + 1);
	keyring_store(&to[SLOT_ID_HASH], keyfile_index_id_hash(key->id));
	t->position[i] = t->used;
	t->used += record_write(
	    t->copy + p->k->records_at + t->used, key, slot | generation << 32);
}

/* Put a hash into the index unless a cell with it is there: the first one stays. */
static void
index_add(struct target *t, const uint8_t hash[KEY_HASH_BYTES], uint64_t position,
    uint64_t previous)
{
	const keyring_word *records = t->copy + t->plan->k->records_at;
	uint64_t want[HASH_WORDS], cell, i;

	memcpy(want, hash, sizeof(want));
	for (i = want[0] & t->mask;; i = (i + 1) & t->mask) {
		uint64_t has[HASH_WORDS];
		const keyring_word *at;

		if ((cell = keyring_load(&t->copy[HEAD_WORDS + i])) == 0)
			break;
		if (cell >> 32 != want[0] >> 32)
			continue;
		at = records + keyring_cell_position(cell) +
		    (cell & CELL_PREVIOUS ? RECORD_PREVIOUS_HASH : RECORD_HASH);
		for (size_t j = 0; j < HASH_WORDS; j++)
			has[j] = keyring_load(&at[j]);
		if (memcmp(has, want, sizeof(has)) == 0)
			return;
	}
	keyring_store(&t->copy[HEAD_WORDS + i], keyring_cell(want[0], position, previous));
}

/*
 * Current hashes first: they go before previous ones. Of two previous ones, the
 * later entry's holds, as everywhere.
 */
static void
write_index(struct target *t)
{
	const struct keyring_plan *p = t->plan;

	for (uint64_t i = 0; i <= t->mask; i++)
		keyring_store(&t->copy[HEAD_WORDS + i], 0);
	for (size_t i = 0; i < p->set->n; i++)
		if (keyring_plan_holds(p, i))
			index_add(t, p->set->v[i].hash, t->position[i], 0);
	for (size_t i = p->set->n; i-- > 0;)
		if (keyring_plan_holds(p, i) && p->set->v[i].has_previous)
			index_add(
			    t, p->set->v[i].previous_hash, t->position[i], CELL_PREVIOUS);
}

static void
write_copy(struct target *t)
{
	const struct keyring_plan *p = t->plan;
	keyring_word *seq = &t->copy[HEAD_SEQ];
	uint64_t odd = keyring_load(seq) | 1; /* odd already after a death in here */

	keyring_store(seq, odd);
	atomic_thread_fence(memory_order_release);
	keyring_store(&t->copy[HEAD_VERSION], t->version);
	keyring_store(&t->copy[HEAD_COUNT], p->count);
	keyring_store(&t->copy[HEAD_SLOTS], p->slots);
	keyring_store(&t->copy[HEAD_MASK], t->mask);
	for (uint64_t s = 0; s < p->slots; s++)
		write_slot(t, s);
	for (size_t i = 0; i < p->set->n; i++)
		if (keyring_plan_holds(p, i))
			write_entry(t, i);
	write_index(t);
	atomic_store_explicit(seq, odd + 1, memory_order_release);
}

int
keyring_publish(struct keyring *k, const struct keyset *set)
{
	uint64_t active = keyring_load(&k->active) & 1;
	struct keyring_plan plan = {
		.k = k, .set = set, .from = k->words + active * k->copy_words
	};
	struct target t = { .plan = &plan,
		.copy = k->words + (1 - active) * k->copy_words,
		.position = calloc(set->n + 1, sizeof(*t.position)),
		.version = keyring_load(&plan.from[HEAD_VERSION]) + 1 };
	int r = -ENOMEM;

	if (t.position == NULL || (r = keyring_plan_make(&plan)) != 0)
		goto out;
	t.mask = keyring_cells(plan.hashes) - 1;
	write_copy(&t);
	atomic_store_explicit(&k->active, 1 - active, memory_order_release);
out:
	keyring_plan_fini(&plan);
	free(t.position);
	return r;
}
