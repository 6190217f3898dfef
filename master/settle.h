/*
 * The journal as the master keeps it (DESIGN: Shared memory, 3): DATA_DIR/journal, an
 * arena for each worker, made before the worker is forked and settled once it has died.
 * One that nobody will own again is retired: admin flushes and removes it.
 */
#ifndef GATEHOUSE_MASTER_SETTLE_H
#define GATEHOUSE_MASTER_SETTLE_H

#include "master/state.h"

/*
 * Make the folder if it is missing (admin's user may remove files from it), settle what
 * earlier masters have left there. What is damaged is set aside, with one line; arenas
 * whose owners still live are settled later, by settle_step().
 * Returns 0, or a negative code with why set.
 */
int settle_start(struct master *m, struct errmsg *why) MUSTCHECK;

/* Go on with a predecessor's arenas, which are where they were. Returns 0 or -ENOMEM. */
int settle_resume(struct master *m) MUSTCHECK;

/*
 * Make the arenas of the generation that comes next, for cfg; those that were made
 * before and not used are taken if they fit.
 * Returns 0, or a negative code (-ENOSPC) with why set; nothing stays then.
 */
int settle_prepare(
    struct master *m, const struct config *cfg, struct errmsg *why) MUSTCHECK;

/* Give what was prepared to g's places. */
void settle_hand_over(struct master *m, struct generation *g);

/* p's worker (of that slot) has died: settle its arena, for a successor. */
void settle_after_death(struct place *p, uint32_t slot);

/*
 * Before p has a successor: after an upgrade its arena may have a layout in which this
 * version can't count. Then it is retired, and p gets a new one. Returns 0 or a code.
 */
int settle_renew(struct master *m, struct place *p) MUSTCHECK;

/* Nobody will fill p again: its arena is admin's to flush and remove. */
void settle_retire(struct place *p);

/* Has a worker of g used so many cells that new arenas are due? */
bool settle_is_crowded(const struct master *m, const struct generation *g);

/* Look again after the arenas whose owners outlived their master. */
void settle_step(struct master *m, uint64_t now_ms);

/* In a child: close all arenas but its own (NULL: all). */
void settle_leave(struct master *m, const struct arena *own);

/* At the master's end: remove what was prepared in vain, close all. */
void settle_close(struct master *m);

#endif
