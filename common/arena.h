/*
 * An arena: what one worker process counts, in a file of its own that outlives it
 * (DESIGN: Shared memory, 3). The owner is the only writer; everyone else reads, so
 * counters are plain 64-bit stores. After a death the master settles what was open.
 * Fixed layout: header, redo record, cells (key_id, model, endpoint -> counters),
 * in-flight slots. A reader never trusts a writer: all indices are checked.
 *
 * The files lie in DATA_DIR/journal as ID.arena, ID a random number in decimal that is
 * never used again. Who reads them (admin) finds them by arena_list(), once a second.
 * One that is retired has no owner and will have none, and nothing is open in it: look
 * at arena_is_retired() first, then read and flush, then unlink, then delete its marks.
 */
#ifndef GATEHOUSE_COMMON_ARENA_H
#define GATEHOUSE_COMMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/keyfile.h"
#include "common/strlist.h"
#include "common/usage.h"

#ifndef ARENA_MODEL_BYTES /* `make MODE=wide` has others, for the tests of upgrades */
#	define ARENA_MODEL_BYTES 64
#endif

enum {
	ARENA_MODEL_MAX = ARENA_MODEL_BYTES - 1, /* bytes of a model's name */
	ARENA_ENDPOINT_MAX = 23,                 /* bytes of an endpoint's name */
	ARENA_MIN_CELLS = 4,
	ARENA_MAX_CELLS = 1 << 20,
	ARENA_MAX_SLOTS = 1 << 20
};

#define ARENA_NO_SLOT UINT32_MAX
#define ARENA_OTHER "other" /* the model, or the key, that overflow is counted under */
#define ARENA_SUFFIX ".arena"
#define ARENA_SUFFIX_NEW ".new" /* while it is being made; one left over is nobody's */

struct arena;

/* A cell as read: a private copy. */
struct arena_cell {
	char key_id[KEY_ID_MAX + 1];
	char model[ARENA_MODEL_MAX + 1];
	char endpoint[ARENA_ENDPOINT_MAX + 1];
	struct usage usage;
};

/* --- files --- */

/*
 * Create DIR/ID.arena with room for n_cells and n_slots, allocated in full
 * (posix_fallocate: a hole on a full disk would be a SIGBUS), mapped and locked (see
 * arena_open). It appears under its name when it is whole; its mode is 0640. The boot
 * id is noted in the header. Returns 0, -ENOSPC, -EEXIST, -EINVAL (a size) or another
 * -errno; nothing left behind.
 */
int arena_create(const char *dir, uint64_t id, uint32_t n_cells, uint32_t n_slots,
    struct arena **out) MUSTCHECK;

/*
 * Map an existing arena file, for settling and for reading (writable: the master).
 * A file is locked by who may write to it: the processes that have it from
 * arena_create() or a writable arena_open(), their children included, until the last
 * one has closed it or is gone.
 * One that another version has made with another layout can be read, settled and retired,
 * not counted in; see arena_is_of_our_form().
 * Returns 0, ERR_STALE (a newer version, whose layout has no place here), ERR_SYNTAX
 * (cut short or damaged: sizes and indices do not fit; no regular file; another arena's name),
 * -ENODATA (power was lost before anything of it reached the disk), -EWOULDBLOCK
 * (writable: its owner still lives), -errno.
 */
int arena_open(const char *path, bool writable, struct arena **out) MUSTCHECK;

/*
 * Go on with an arena that this process had open before it executed another program: fd
 * is the descriptor that arena_fd() gave, with its lock. Nothing is written.
 * Returns 0 (fd belongs to *out), or what arena_open() does (fd is still the caller's).
 */
int arena_inherit(int fd, struct arena **out) MUSTCHECK;

/* The descriptor that holds the lock; the arena's own. */
int arena_fd(const struct arena *a);

/* Unmap and let go of the lock; the file stays. Accepts NULL inside. */
void arena_close(struct arena **a);

/* Add the paths of all arenas in dir to paths. Returns 0 or -errno. */
int arena_list(const char *dir, struct strlist *paths) MUSTCHECK;

uint64_t arena_id(const struct arena *a);
/* Was it written before this boot (power loss)? Then redo and slots are dropped and
 * each cell counts as max(0, cell - mark) (DESIGN). */
bool arena_is_of_other_boot(const struct arena *a);

/* Has it this version's layout? Only such a one can be adopted. */
bool arena_is_of_our_form(const struct arena *a);

/* --- the owner --- */

/*
 * The cell of (key_id, model, endpoint), made if need be. O(1): an index in private
 * memory, built at arena_adopt(). Returns 0; ERR_FULL: then count into
 * (key_id, "other", endpoint), and at last into ("other", "other", endpoint), for which
 * room is kept; ERR_TOO_LARGE for a name that does not fit a cell.
 */
int arena_cell_for(struct arena *a, const char *key_id, const char *model,
    const char *endpoint, uint32_t *cell_out) MUSTCHECK;

/*
 * The same, never without a cell: where there is no room, one of those named above, at
 * the very last ("other", "other", "other"). Returns whether it is the one asked for.
 */
bool arena_cell_or_other(struct arena *a, const char *key_id, const char *model,
    const char *endpoint, uint32_t *cell_out);

/* Take over a settled arena (a fresh one, or a predecessor's): build the index.
 * Called once by the worker after the fork. Returns 0, -ENOMEM, -EBUSY (not settled), or
 * ERR_STALE (of another form). */
int arena_adopt(struct arena *a) MUSTCHECK;

/* Open an in-flight slot for a request that will count into cell. Until the first
 * arena_slot_put() it counts nothing. Returns 0 or ERR_FULL (*slot_out: ARENA_NO_SLOT). */
int arena_slot_open(struct arena *a, uint32_t cell, uint32_t *slot_out) MUSTCHECK;

/* Note what the request has used until now (absolute; single values may fall, as
 * USAGE_REQUESTS_CUT does at the end): the idle copy is written, then flipped. Whatever
 * is killed, either this or the previous value is settled. ARENA_NO_SLOT: nothing. */
void arena_slot_put(struct arena *a, uint32_t slot, const struct usage *u);

/* Add the slot's value to its cell exactly once and free it (redo record).
 * ARENA_NO_SLOT: nothing. */
void arena_slot_settle(struct arena *a, uint32_t slot);

/* --- the master, after the owner has died --- */

/*
 * Repeat the redo if it is on, then settle each open slot; killed in the middle, it is
 * to be called again. Of another boot's arena both are dropped.
 * n_out (may be NULL): how many slots were open.
 * Returns 0, or ERR_SYNTAX: something made no sense (an index out of bounds) and was
 * dropped, all else is settled.
 */
int arena_settle(struct arena *a, uint32_t *n_out) MUSTCHECK;

/* Say that a settled arena is nobody's any more. */
void arena_retire(struct arena *a);

/* --- readers --- */

/* Is it settled, for good? What is read after this was true is all there will be. */
bool arena_is_retired(const struct arena *a);

/* Cells in use, 0 .. n - 1; and the room there is. */
uint32_t arena_cells(const struct arena *a);
uint32_t arena_capacity(const struct arena *a);
/* Copy cell i. Returns 0, -ENOENT, or ERR_SYNTAX (its names are damaged). Counters are
 * each read whole; they only grow. */
int arena_cell_read(const struct arena *a, uint32_t i, struct arena_cell *out) MUSTCHECK;

#endif
