/*
 * Strict sliding windows in shared memory: in any window of the configured
 * length all processes together admit no more than the limit, by the times of
 * admission. No lock that a dead process could hold, nothing to clean up after
 * one. Pure: memory and a clock in, a verdict out. How and why: window.c.
 */
#ifndef GATEHOUSE_COMMON_WINDOW_H
#define GATEHOUSE_COMMON_WINDOW_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
	WINDOW_CELLS = 17,           /* the current sixteenth and 16 before it */
	WINDOW_MAX_LIMIT = 16000000, /* a higher limit is held to this */
};

/* Lives in shared memory; zero-filled is valid and empty. */
struct window {
	_Alignas(64) _Atomic uint64_t cell[WINDOW_CELLS];
};

/* What a window is held to; read anew for each request. */
struct window_rule {
	uint32_t limit;     /* requests in any window; 0 admits none */
	uint32_t window_ms; /* over 0 */
	uint32_t tag;       /* window_tag(): counts under another tag don't hold */
};

/*
 * The tag of a window's counts. Both numbers go up by one (and round) where they
 * are assigned; their last bits are enough.
 * generation  of the slot: another key's, another address's.
 * version     of the window's length: goes up when the length is changed.
 */
uint32_t window_tag(uint32_t generation, uint32_t version);

/* What a window looked like after the call. */
struct window_state {
	uint32_t limit;
	uint32_t remaining;
	uint64_t reset_ms; /* until there is room for `limit` again; 0: there is now */
	uint64_t retry_after_ms; /* refused: until there is room for one if nobody else comes
			       (the window's length for a limit of 0); else 0 */
	/* window.c's own: which admission this was, or which cell stood in the way */
	const struct window *window;
	uint64_t value;
	uint32_t cell;
	uint32_t tag;
};

/* Nanoseconds of a monotonic clock that is common to all processes. */
typedef uint64_t (*window_clock_fn)(void *arg);

/*
 * Ask for one admission now; now(arg) is called afresh for each try.
 * Returns 0 (counted), -EAGAIN (over the limit, nothing counted), or ERR_CHANGED:
 * the window already counts under a newer tag than the rule's. Then read the rule
 * anew, call window_heal() with it, and ask again; a few times at most. (-EINVAL for
 * a length of 0 or a tag that window_tag() didn't make.)
 */
int window_admit(struct window *w, const struct window_rule *rule, window_clock_fn now,
    void *arg, struct window_state *out) MUSTCHECK;

/* As window_admit, but nothing is counted: would one be admitted now? */
int window_peek(struct window *w, const struct window_rule *rule, window_clock_fn now,
    void *arg, struct window_state *out) MUSTCHECK;

/* Undo an admission; admitted is what window_admit filled when it returned 0. */
void window_take_back(struct window *w, const struct window_state *admitted);

/*
 * After ERR_CHANGED: rule is what was read since. If its tag is still the one
 * that was asked with (and w the window), the cell that seemed newer is so old
 * that its numbers came round, and it is emptied; else nothing happens.
 */
void window_heal(
    struct window *w, const struct window_rule *rule, const struct window_state *refused);

/* Empty what was counted under older tags than `tag`: who takes over a slot does this,
 * so that no count outlives more than a few generations. */
void window_sweep(struct window *w, uint32_t tag);

/* One of several windows that a request has to pass. */
struct window_use {
	struct window *window;
	struct window_rule rule;
	struct window_state state; /* filled */
};

/*
 * Admit to all n windows or to none: all are looked at before any is added to,
 * and one that refuses late has the admissions before it taken back. The first tries
 * of all look at one reading of the clock, and count at another.
 * which_out  the first that refused (its state says what a client is told) or
 *            whose rule has changed; unset on 0.
 * Returns as window_admit.
 */
int window_admit_all(struct window_use *use, size_t n, window_clock_fn now, void *arg,
    size_t *which_out) MUSTCHECK;

#endif
