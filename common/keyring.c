/*
 * The keyring's readers, and its layout. Runs in every process; workers have it
 * mapped read-only. The rule: whatever is read may be torn until the copy's
 * sequence has been found unmoved, so every position and length is checked against
 * the layout before it is used.
 */
#include "common/keyring.h"

#include <errno.h>
#include <string.h>

#include "common/keyring_layout.h"

/* Publishing twice while one look-up runs is what makes it try again. */
enum { KEYRING_TRIES = 64, PROBES_PER_CHECK = 64 };

typedef int read_fn(const struct keyring *k, const keyring_word *copy, uint64_t seq,
    const void *what, struct keyring_entry *out);

static uint64_t
copy_words(uint64_t max_keys)
{
	return HEAD_WORDS + keyring_cells(2 * max_keys) + max_keys * SLOT_WORDS +
	    RECORD_LINE + max_keys * RECORD_WORDS_MAX;
}

size_t
keyring_bytes(uint32_t max_keys)
{
	size_t n =
	    sizeof(struct keyring) + 2 * sizeof(keyring_word) * copy_words(max_keys);

	return (n + 4095) / 4096 * 4096;
}

struct keyring *
keyring_init(void *mem, uint32_t max_keys)
{
	struct keyring *k = mem;
	uint64_t slots_end;

	k->max_keys = max_keys;
	k->max_cells = keyring_cells(2 * (uint64_t)max_keys);
	k->slots_at = HEAD_WORDS + k->max_cells;
	slots_end = k->slots_at + (uint64_t)max_keys * SLOT_WORDS;
	k->records_at = (slots_end + RECORD_LINE - 1) / RECORD_LINE * RECORD_LINE;
	k->copy_words = copy_words(max_keys) / RECORD_LINE * RECORD_LINE;
	k->magic = KEYRING_MAGIC;
	return k;
}

static const keyring_word *
copy_of(const struct keyring *k, uint64_t which)
{
	return k->words + (which & 1) * k->copy_words;
}

static const keyring_word *
active_copy(const struct keyring *k)
{
	return copy_of(k, atomic_load_explicit(&k->active, memory_order_acquire));
}

static void
load_bytes(void *to, const keyring_word *from, uint64_t n_words)
{
	for (uint64_t i = 0; i < n_words; i++) {
		uint64_t w = keyring_load(&from[i]);

		memcpy((char *)to + 8 * i, &w, sizeof(w));
	}
}

/* Copy the record at `at`, whose id and description have these lengths. */
static void
record_load(const keyring_word *at, uint64_t id_bytes, uint64_t description_bytes,
    struct keyring_entry *out)
{
	struct key *key = &out->key;
	uint64_t flags = keyring_load(&at[RECORD_FLAGS]);
	uint64_t slot = keyring_load(&at[RECORD_SLOT]);

	load_bytes(key->hash, &at[RECORD_HASH], HASH_WORDS);
	load_bytes(key->previous_hash, &at[RECORD_PREVIOUS_HASH], HASH_WORDS);
	key->enabled = (flags & RECORD_ENABLED) != 0;
	key->has_previous = (flags & RECORD_PREVIOUS) != 0;
	key->expires_ms = (int64_t)keyring_load(&at[RECORD_EXPIRES]);
	key->rate_limit = (int64_t)keyring_load(&at[RECORD_LIMIT]);
	key->previous_expires_ms = (int64_t)keyring_load(&at[RECORD_PREVIOUS_EXPIRES]);
	key->created_ms = (int64_t)keyring_load(&at[RECORD_CREATED]);
	load_bytes(key->id, &at[RECORD_TEXT], keyring_text_words(id_bytes));
	key->id[id_bytes] = '\0';
	load_bytes(key->description, &at[RECORD_TEXT + keyring_text_words(id_bytes)],
	    keyring_text_words(description_bytes));
	key->description[description_bytes] = '\0';
	out->slot = (uint32_t)slot;
	out->generation = (uint32_t)(slot >> 32);
}

/* Where a record's words are; NULL when that can't be. */
static const keyring_word *
record_at(const struct keyring *k, const keyring_word *copy, uint64_t position)
{
	uint64_t words = k->max_keys * RECORD_WORDS_MAX;

	if (position > words - RECORD_WORDS_MAX)
		return NULL;
	return copy + k->records_at + position;
}

/* Copy a record with a look at its lengths first. 0, or ERR_CHANGED: torn. */
static int
record_read(const keyring_word *at, struct keyring_entry *out)
{
	uint64_t flags = keyring_load(&at[RECORD_FLAGS]);
	uint64_t id_bytes = flags >> 16 & 0xffff;
	uint64_t description_bytes = flags >> 32;

	if (id_bytes > KEY_ID_MAX || description_bytes > KEY_DESCRIPTION_MAX)
		return ERR_CHANGED;
	record_load(at, id_bytes, description_bytes, out);
	return 0;
}

static bool
hash_is(const keyring_word *at, const uint64_t want[HASH_WORDS])
{
	uint64_t differ = 0;

	for (size_t i = 0; i < HASH_WORDS; i++)
		differ |= keyring_load(&at[i]) ^ want[i];
	return differ == 0;
}

/* Has a writer come since the sequence was read? */
static bool
has_moved(const keyring_word *copy, uint64_t seq)
{
	atomic_thread_fence(memory_order_acquire);
	return keyring_load(&copy[HEAD_SEQ]) != seq;
}

static int
find_in(const struct keyring *k, const keyring_word *copy, uint64_t seq, const void *what,
    struct keyring_entry *out)
{
	const uint64_t *want = what;
	uint64_t mask = keyring_load(&copy[HEAD_MASK]);

	if (mask >= k->max_cells)
		return ERR_CHANGED;
	for (uint64_t i = 0; i <= mask; i++) {
		uint64_t cell = keyring_load(&copy[HEAD_WORDS + ((want[0] + i) & mask)]);
		uint64_t previous = cell & CELL_PREVIOUS;
		const keyring_word *at;

		if (cell == 0)
			return -ENOENT;
		if (i % PROBES_PER_CHECK == PROBES_PER_CHECK - 1 && has_moved(copy, seq))
			return ERR_CHANGED;
		if (cell >> 32 != want[0] >> 32)
			continue;
		at = record_at(k, copy, keyring_cell_position(cell));
		if (at == NULL)
			return ERR_CHANGED;
		if (!hash_is(&at[previous ? RECORD_PREVIOUS_HASH : RECORD_HASH], want))
			continue;
		out->by_previous = previous != 0;
		return record_read(at, out);
	}
	return -ENOENT;
}

static int
slot_in(const struct keyring *k, const keyring_word *copy, uint64_t seq, const void *what,
    struct keyring_entry *out)
{
	const uint32_t *slot = what;
	const keyring_word *at;
	uint64_t record;

	(void)seq;
	if (*slot >= k->max_keys || *slot >= keyring_load(&copy[HEAD_SLOTS]))
		return -ENOENT;
	record = keyring_load(&copy[k->slots_at + (uint64_t)*slot * SLOT_WORDS]);
	if (record == 0)
		return -ENOENT;
	if ((at = record_at(k, copy, record - 1)) == NULL)
		return ERR_CHANGED;
	out->by_previous = false;
	return record_read(at, out);
}

/* Read from the active copy until nobody wrote to it meanwhile. */
static int
read_active(
    const struct keyring *k, read_fn *read, const void *what, struct keyring_entry *out)
{
	for (int i = 0; i < KEYRING_TRIES; i++) {
		const keyring_word *copy = active_copy(k);
		uint64_t seq = atomic_load_explicit(&copy[HEAD_SEQ], memory_order_acquire);
		int r;

		if (seq & 1)
			continue; /* it was the idle one by now: `active` has moved */
		r = read(k, copy, seq, what, out);
		if (!has_moved(copy, seq) && r != ERR_CHANGED)
			return r;
	}
	return ERR_CHANGED;
}

int
keyring_find(const struct keyring *k, const uint8_t hash[KEY_HASH_BYTES],
    struct keyring_entry *out)
{
	uint64_t want[HASH_WORDS];

	memcpy(want, hash, sizeof(want));
	return read_active(k, find_in, want, out);
}

int
keyring_slot(const struct keyring *k, uint32_t slot, struct keyring_entry *out)
{
	return read_active(k, slot_in, &slot, out);
}

uint32_t
keyring_count(const struct keyring *k)
{
	return (uint32_t)keyring_load(&active_copy(k)[HEAD_COUNT]);
}

uint64_t
keyring_version(const struct keyring *k)
{
	return keyring_load(&active_copy(k)[HEAD_VERSION]);
}
