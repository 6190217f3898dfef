/*
 * The keyring's shape in shared memory, for keyring.c (readers) and
 * keyring_publish.c (the writer) alone. Everything that changes is a 64-bit
 * atomic word; a position is a number of words, never a pointer.
 *
 *   struct keyring   constants, and which copy is active
 *   copy 0, copy 1   each: head | index cells | slots | records
 *
 * A record begins on a cache line. An index cell is 0 or 32 bits of a hash, the
 * record's line + 1 and whether that hash is its previous one; the whole hash is
 * in the record. Only as many cells as a set needs are used (HEAD_MASK), so that a
 * small set touches little memory.
 */
#ifndef GATEHOUSE_COMMON_KEYRING_LAYOUT_H
#define GATEHOUSE_COMMON_KEYRING_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/keyring.h"

#define KEYRING_MAGIC UINT64_C(0x474154454b455931)

typedef _Atomic uint64_t keyring_word;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the keyring must need no lock");

/* The first words of a copy. */
enum keyring_head {
	HEAD_SEQ = 0,     /* odd while the copy is being written */
	HEAD_VERSION = 1, /* of the set, counted from 1 */
	HEAD_COUNT = 2,   /* keys */
	HEAD_SLOTS = 3,   /* slots ever used; those above mean nothing */
	HEAD_MASK = 4,    /* index cells - 1 */
	HEAD_WORDS = 8,
};

/* The words of a slot. They outlive its key: a slot's generation never goes back. */
enum keyring_slot {
	SLOT_RECORD = 0,     /* position of the record + 1; 0: free */
	SLOT_GENERATION = 1, /* from 1 */
	SLOT_FREED = 2,      /* version of the set that left it free */
	SLOT_ID_HASH = 3,    /* keyfile_index_id_hash(), for the writer */
	SLOT_WORDS = 4,
};

/* The words of a record. Id and description follow, each padded to whole words. */
enum keyring_record {
	RECORD_HASH = 0, /* 4 words */
	RECORD_FLAGS = 4,
	RECORD_SLOT = 5, /* slot | generation << 32 */
	RECORD_EXPIRES = 6,
	RECORD_LIMIT = 7,
	RECORD_PREVIOUS_HASH = 8, /* 4 words */
	RECORD_PREVIOUS_EXPIRES = 12,
	RECORD_CREATED = 13,
	RECORD_TEXT = 14,
	RECORD_LINE = 8,       /* records begin at multiples of this */
	RECORD_WORDS_MAX = 64, /* 14 + 128 / 8 + 256 / 8, to whole lines */
	HASH_WORDS = KEY_HASH_BYTES / 8,
};

/* RECORD_FLAGS: these, id bytes << 16, description bytes << 32. */
enum { RECORD_ENABLED = 1, RECORD_PREVIOUS = 2 };

enum { CELL_PREVIOUS = 1 };

struct keyring {
	uint64_t magic;
	uint64_t max_keys;
	uint64_t max_cells;
	uint64_t slots_at; /* in a copy */
	uint64_t records_at;
	uint64_t copy_words;
	keyring_word active; /* 0 or 1 */
	uint64_t unused;
	keyring_word words[]; /* both copies */
};

/* Index cells for n hashes: a power of two, half full at most. */
static inline uint64_t
keyring_cells(uint64_t n)
{
	uint64_t cells = 16;

	while (cells < 2 * n)
		cells *= 2;
	return cells;
}

static inline uint64_t
keyring_text_words(uint64_t bytes)
{
	return (bytes + 7) / 8;
}

/* What a cell holds for a hash that begins with word first. */
static inline uint64_t
keyring_cell(uint64_t first, uint64_t position, uint64_t previous)
{
	return (first >> 32) << 32 | (position / RECORD_LINE + 1) << 1 | previous;
}

static inline uint64_t
keyring_cell_position(uint64_t cell)
{
	return (((cell & UINT32_MAX) >> 1) - 1) * RECORD_LINE;
}

static inline uint64_t
keyring_load(const keyring_word *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static inline void
keyring_store(keyring_word *w, uint64_t v)
{
	atomic_store_explicit(w, v, memory_order_relaxed);
}

#endif
