/*
 * The inside of an arena, for common/arena*.c alone: the file's layout, and how its
 * words are read and written.
 *
 * Every store that counts is a release store: the compiler may move none before an
 * earlier one, so what a process killed at any instruction leaves behind is exactly a
 * prefix of its stores in the order of the source. That order is the protocol.
 */
#ifndef GATEHOUSE_COMMON_ARENA_LAYOUT_H
#define GATEHOUSE_COMMON_ARENA_LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"

#define ARENA_MAGIC UINT64_C(0x61726e6567617465) /* "arnegate" */

enum { ARENA_VERSION = 1, ARENA_PAGE = 4096, ARENA_BOOT_BYTES = 40 };

struct arena_counters {
	_Atomic uint64_t v[USAGE_COUNTERS];
};

/* What is being added to a cell: while it is on, the cell's values may be half stored. */
struct arena_redo {
	_Atomic uint64_t on;
	_Atomic uint64_t slot, cell;
	struct arena_counters to; /* the cell's values afterwards */
};

/*
 * Where things lie in this file, so that a version with another layout can read and settle
 * it. Bytes; _at is within the header, a record or a slot. A version may add counters behind
 * those there are, and change what is told here; for more than that ARENA_VERSION changes.
 */
struct arena_form {
	uint16_t redo_at; /* in the header: on, slot, cell; the new values behind them */
	uint16_t redo_to_at; /* in the redo record */
	uint16_t record_bytes;
	uint16_t key_id_bytes, model_bytes, endpoint_bytes; /* with their NULs */
	uint16_t model_at, endpoint_at, hash_at, counters_at;
	uint16_t counters;
	uint16_t slot_bytes, copy_at; /* of the first copy; the second lies behind it */
	uint16_t unused[3];
};

/* What stands before redo stays where it is in all versions. */
struct arena_header {
	uint64_t magic;
	uint64_t version;
	uint64_t layout;
	uint64_t id;
	uint64_t bytes; /* of the whole file */
	uint64_t n_cells, n_slots;
	char boot[ARENA_BOOT_BYTES];              /* boot_id's text, zero-padded */
	struct arena_form form;                   /* zeros: a file of the first layout */
	_Alignas(64) _Atomic uint64_t cells_used; /* published: names and zeros are there */
	_Atomic uint64_t slots_used;              /* those from here on never were open */
	_Atomic uint64_t retired;
	_Alignas(64) struct arena_redo redo;
};

struct arena_record {
	_Alignas(64) char key_id[KEY_ID_MAX + 1];
	char model[ARENA_MODEL_MAX + 1];
	char endpoint[ARENA_ENDPOINT_MAX + 1];
	uint64_t name_hash; /* of the three: seen by who reads half a page after power loss */
	struct arena_counters counters;
};

/* head: 0 is free; else bit 0, the live copy in bit 1, the cell in the upper half. */
struct arena_slot {
	_Atomic uint64_t head;
	struct arena_counters copy[2];
};

_Static_assert(sizeof(struct arena_header) <= ARENA_PAGE, "the cells begin behind it");
_Static_assert(offsetof(struct arena_header, form) == 96 &&
	offsetof(struct arena_header, cells_used) == 128,
    "where all versions look for them");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "counters must need no lock");

struct arena {
	struct arena_header *header; /* the mapping; read-only unless writable */
	struct arena_record *cells;  /* these two: NULL unless the form is ours */
	struct arena_slot *slots;
	char *records, *in_flight; /* the same, whatever their form */
	struct arena_form form;
	size_t bytes;
	uint32_t n_cells, n_slots; /* as checked once */
	int fd;                    /* holds the lock; -1: a reader has none */
	bool writable;
	bool other_boot;
	/* the owner's private memory, from arena_adopt() on */
	uint32_t *index;      /* cell + 1 by name_hash, 0: empty; see arena_index.h */
	uint32_t *free_slots; /* a stack of those that were open before */
	uint32_t n_free;
	uint32_t n_fresh; /* slots from here on have not been open since */
};

static inline uint64_t
arena_load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static inline void
arena_store(_Atomic uint64_t *word, uint64_t v)
{
	atomic_store_explicit(word, v, memory_order_release);
}

/* --- places, whatever the form; the index is below n_cells, n_slots --- */

static inline _Atomic uint64_t *
arena_word(char *at, size_t offset)
{
	return (_Atomic uint64_t *)(void *)(at + offset);
}

static inline _Atomic uint64_t *
arena_cell_counters(const struct arena *a, uint32_t cell)
{
	return arena_word(
	    a->records + (size_t)cell * a->form.record_bytes, a->form.counters_at);
}

static inline _Atomic uint64_t *
arena_slot_head(const struct arena *a, uint32_t slot)
{
	return arena_word(a->in_flight + (size_t)slot * a->form.slot_bytes, 0);
}

static inline _Atomic uint64_t *
arena_slot_copy(const struct arena *a, uint32_t slot, uint32_t copy)
{
	return arena_slot_head(a, slot) + a->form.copy_at / sizeof(uint64_t) +
	    (size_t)copy * a->form.counters;
}

/* Of the redo record: on, slot, cell. */
static inline _Atomic uint64_t *
arena_redo_words(const struct arena *a)
{
	return arena_word((char *)a->header, a->form.redo_at);
}

static inline _Atomic uint64_t *
arena_redo_to(const struct arena *a)
{
	return arena_word((char *)a->header, a->form.redo_at + a->form.redo_to_at);
}

static inline uint64_t
arena_head(uint32_t cell, uint32_t live)
{
	return (uint64_t)cell << 32 | (uint64_t)live << 1 | 1;
}

static inline uint32_t
arena_head_cell(uint64_t head)
{
	return (uint32_t)(head >> 32);
}

static inline uint32_t
arena_head_live(uint64_t head)
{
	return (uint32_t)(head >> 1 & 1);
}

/* Could arena_head() have made it, for one of these cells? */
static inline bool
arena_head_is_sound(uint64_t head, uint32_t cells)
{
	return (head & UINT32_MAX & ~UINT64_C(2)) == 1 && arena_head_cell(head) < cells;
}

#endif
