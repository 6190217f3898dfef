/*
 * An arena: what one worker process counts, in a file of its own that outlives it
 * (DESIGN: Shared memory, 3). The owner is the only writer; everyone else reads, so
 * counters are plain 64-bit stores. After a death the master settles what was open.
 * Fixed layout: header, redo record, cells (key_id, model, endpoint -> counters),
 * in-flight slots. A reader never trusts a writer: all indices are checked.
 */
#ifndef GATEHOUSE_COMMON_ARENA_H
#define GATEHOUSE_COMMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/keyfile.h"
#include "common/usage.h"

enum {
	ARENA_MODEL_MAX = 63,    /* bytes of a model's name */
	ARENA_ENDPOINT_MAX = 23, /* bytes of an endpoint's name */
	ARENA_NO_SLOT = UINT32_MAX
};

struct arena;

/* A cell as read: a private copy. */
struct arena_cell {
	char key_id[KEY_ID_MAX + 1];
	char model[ARENA_MODEL_MAX + 1];
	char endpoint[ARENA_ENDPOINT_MAX + 1];
	struct usage usage;
};

/*
 * Create DIR/ID.arena with room for n_cells and n_slots, allocated in full
 * (posix_fallocate: a hole on a full disk would be a SIGBUS) and mapped. The boot id
 * is noted in the header. Returns 0, -ENOSPC or another -errno; nothing left behind.
 */
int arena_create(const char *dir, uint64_t id, uint32_t n_cells, uint32_t n_slots,
    struct arena **out) MUSTCHECK;

/*
 * Map an existing arena file, for settling and for reading (writable: the master).
 * Returns 0, ERR_STALE (another version or layout), ERR_SYNTAX (cut short or
 * damaged: sizes and indices do not fit), -errno.
 */
int arena_open(const char *path, bool writable, struct arena **out) MUSTCHECK;

/* Unmap; the file stays. Accepts NULL inside. */
void arena_close(struct arena **a);

uint64_t arena_id(const struct arena *a);
/* Was it written before this boot (power loss)? Then redo and slots are dropped and
 * each cell counts as max(0, cell - mark) (DESIGN). */
bool arena_is_of_other_boot(const struct arena *a);

/* --- the owner --- */

/*
 * The cell of (key_id, model, endpoint), made if need be. O(1): an index in private
 * memory, built at arena_adopt(). Returns 0, or ERR_FULL: then count into
 * (key_id, "other", endpoint), which is tried next, and at last into
 * ("other", "other", endpoint); both are reserved room for, so the last never fails.
 */
int arena_cell_for(struct arena *a, const char *key_id, const char *model,
    const char *endpoint, uint32_t *cell_out) MUSTCHECK;

/* Take over a settled arena (a fresh one, or a predecessor's): build the index.
 * Called once by the worker after the fork. Returns 0 or -ENOMEM. */
int arena_adopt(struct arena *a) MUSTCHECK;

/* Open an in-flight slot for a request that will count into cell.
 * Returns 0 or ERR_FULL. */
int arena_slot_open(struct arena *a, uint32_t cell, uint32_t *slot_out) MUSTCHECK;

/* Note what the request has used until now (absolute): the idle copy is written, then
 * flipped. Whatever is killed, either this or the previous value is settled. */
void arena_slot_put(struct arena *a, uint32_t slot, const struct usage *u);

/* Add the slot's value to its cell exactly once and free it (redo record). */
void arena_slot_settle(struct arena *a, uint32_t slot);

/* --- the master, after the owner has died --- */

/* Repeat the redo if it is on, then settle each open slot. n_out (may be NULL): how
 * many slots were open. Bounds-checks all it reads. */
int arena_settle(struct arena *a, uint32_t *n_out) MUSTCHECK;

/* --- readers --- */

/* Cells in use, 0 .. n - 1; and the room there is. */
uint32_t arena_cells(const struct arena *a);
uint32_t arena_capacity(const struct arena *a);
/* Copy cell i. Returns 0 or -ENOENT. Counters are each read whole; they only grow. */
int arena_cell_read(const struct arena *a, uint32_t i, struct arena_cell *out) MUSTCHECK;

#endif
