/*
 * Keeps the ledger: opens it, brings it up to the journal every second in which something
 * changed, folds what is old, and knows the totals. What goes wrong costs a line and
 * waits in the journal; nothing here keeps admin from serving. Runs in the admin process,
 * in its loop.
 */
#ifndef GATEHOUSE_ADMIN_FLUSH_H
#define GATEHOUSE_ADMIN_FLUSH_H

#include <stdint.h>

#include <event2/event.h>

#include "admin/journal.h"
#include "admin/ledger.h"
#include "admin/tally.h"
#include "common/config.h"
#include "common/err.h"

enum { FLUSH_EVERY_MS = 1000, FLUSH_RETRY_MS = 5000 };

struct flush;

struct flush_options {
	const struct config *config; /* data_dir, usage_file, retention; borrowed */
	uint64_t min_free_bytes;     /* LEDGER_MIN_FREE */
	uint32_t retry_ms; /* FLUSH_RETRY_MS: between two tries to open the ledger */
	void (*give_up)(void *arg); /* the ledger needs recovery: leave the process */
	void *arg;
};

/* Returns 0 or a code that says that admin can't work at all (-ENOMEM, -ENAMETOOLONG). */
int flush_create(
    struct event_base *base, const struct flush_options *o, struct flush **out) MUSTCHECK;

/* Open the ledger, if it can be opened now, and read it, which may take seconds; without
 * this the loop does so a second later. */
void flush_begin(struct flush *f);

/* The last flush, then close the ledger. Accepts NULL inside, leaves NULL. */
void flush_destroy(struct flush **f);

/*
 * Flush at once. Returns 0, or why it could not be: LEDGER_DISK_LOW, ..., -ENODEV while the
 * ledger is not open. It has been logged.
 */
int flush_now(struct flush *f);

/* NULL while it is not open. */
struct ledger *flush_ledger(struct flush *f);
struct journal *flush_journal(struct flush *f);

/* Rows of the ledger were changed by someone else: add up the totals anew. */
void flush_forget_totals(struct flush *f);

/*
 * All usage ever by key, model and endpoint: the ledger's and what waits in the journal.
 * out is the caller's, tally_destroy(). Returns 0, -ENODEV while the ledger is not open,
 * -ENOMEM or a ledger's code.
 */
int flush_totals(struct flush *f, struct tally **out) MUSTCHECK;

/* The same in one, without a list. Returns what flush_totals() does. */
int flush_sum(struct flush *f, struct ledger_counters *out) MUSTCHECK;

/* How old what waits in the journal may be; 0 while flushes go well. */
uint64_t flush_lag_ms(struct flush *f);

#endif
