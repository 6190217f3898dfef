/*
 * Holds back whoever guesses the admin's password. Five failures of an address (IPv6: of a
 * /64) within five minutes lock it until the first of them is five minutes old; many failures
 * from everywhere make all attempts wait, but lock nobody out. Bounded memory: the address
 * that failed longest ago is forgotten first. Times are the monotonic clock's. Pure.
 */
#ifndef GATEHOUSE_ADMIN_LOCKOUT_H
#define GATEHOUSE_ADMIN_LOCKOUT_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

enum {
	LOCKOUT_FAILURES = 5,
	LOCKOUT_WINDOW_MS = 300 * 1000,
	LOCKOUT_ADDRESSES = 4096,
	LOCKOUT_CALM = 20, /* failures from everywhere within the window cost no delay */
	LOCKOUT_STEP_MS = 50, /* for each one more */
	LOCKOUT_DELAY_MAX_MS = 3000
};

struct lockout;

/* What becomes of an attempt. */
struct lockout_verdict {
	bool locked;
	uint32_t retry_ms;      /* locked: until the next attempt is looked at */
	uint32_t delay_ms;      /* not locked: to be waited before the answer */
	uint32_t attempts_left; /* not locked: after this one, should it fail */
};

/* Returns 0 or -ENOMEM. */
int lockout_create(struct lockout **out) MUSTCHECK;
/* Accepts NULL inside, leaves NULL. */
void lockout_destroy(struct lockout **l);

/*
 * An attempt begins. It counts as a failure from now on, so that attempts made at the same
 * time count each, until lockout_forgive().
 */
struct lockout_verdict lockout_attempt(
    struct lockout *l, const struct addr *from, uint64_t now_ms);

/* The password was right: the address has no failures any more. */
void lockout_forgive(struct lockout *l, const struct addr *from);

/* Attempts that were turned away by a lock since this was last asked, and of how many
 * addresses: for the audit, in which not each of them has a record. */
struct lockout_tally {
	uint64_t attempts;
	uint64_t addresses;
};
struct lockout_tally lockout_take_tally(struct lockout *l);

#endif
