/*
 * Waits until the master has put in force what was written: the key file, the settings. All
 * that wait share one enactment (master/enact.h). Works with WATCH=off and beside a broken
 * configuration. Runs in the admin process, in its loop, which it never holds up.
 */
#ifndef GATEHOUSE_ADMIN_ENFORCE_H
#define GATEHOUSE_ADMIN_ENFORCE_H

#include <event2/event.h>

#include "common/err.h"
#include "common/shared.h"

enum {
	ENFORCE_WAIT_MS = 10000, /* for the master's answer */
	ENFORCE_PATIENCE_MS =
	    3000, /* for a file that is refused: it may be half rewritten */
};

struct enforce;

enum enforce_part { ENFORCE_KEYS, ENFORCE_SETTINGS };

enum enforce_result {
	ENFORCE_DONE,    /* in force in every worker */
	ENFORCE_REFUSED, /* the master does not take the file; what was in force stays */
	ENFORCE_UNKNOWN, /* no answer in time */
	ENFORCE_CANCELLED, /* admin leaves */
};

/* reason: of a refusal, for people; else "". Valid during the call. */
typedef void (*enforce_fn)(enum enforce_result result, const char *reason, void *arg);

struct enforce_options {
	const struct state *state;
	int ask_fd; /* admin_args.reload_fd; borrowed */
	uint32_t wait_ms, patience_ms;
};

/* Returns 0 or -ENOMEM. */
int enforce_create(struct event_base *base, const struct enforce_options *o,
    struct enforce **out) MUSTCHECK;

/* Who still waits is told ENFORCE_CANCELLED. Accepts NULL inside, leaves NULL. */
void enforce_destroy(struct enforce **ep);

/*
 * What was written before this call is to hold; done is called once, from the loop.
 * Returns 0, or -ENOMEM: done is never called then, but the master was asked.
 */
int enforce_wait(
    struct enforce *e, enum enforce_part part, enforce_fn done, void *arg) MUSTCHECK;

#endif
