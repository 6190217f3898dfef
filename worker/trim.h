/*
 * When a worker should give memory back to the system: the C library keeps what
 * connections have freed for those to come, and after a crowd has left that is a lot. To
 * give it back costs a walk over the heap, so it is not done at each close. Pure.
 */
#ifndef GATEHOUSE_WORKER_TRIM_H
#define GATEHOUSE_WORKER_TRIM_H

#include <stdbool.h>
#include <stddef.h>

/* All zero: nothing is known yet. */
struct trim {
	size_t peak;  /* the most connections since memory was given back */
	size_t last;  /* at the look before */
	bool leaving; /* memory was given back, and more of the same crowd were leaving */
};

/*
 * Look at the number of open connections, once a second, and at the most that there were
 * since the look before. Returns whether memory is to be given back now: many have left,
 * and no more are leaving, or half of them have; or the last of such a half have left too,
 * however few they were.
 */
bool trim_is_due(struct trim *t, size_t most, size_t connections);

#endif
