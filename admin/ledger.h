/*
 * The ledger: usage, marks, audit and imports in DATA_DIR/ledger, kept by Berkeley DB.
 * One process at a time opens it (the admin process; the CLI when none runs) and
 * one thread uses it; each commit is on disk when it returns. This header opens and
 * closes; ledger_usage.h, ledger_audit.h and ledger_backup.h say what is done with it.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_H
#define GATEHOUSE_ADMIN_LEDGER_H

#include <stdint.h>

#include "common/err.h"

/* What the ledger's functions return besides -errno and enum err_code. */
enum ledger_code {
	LEDGER_LOCKED = -5101,  /* another process has it open */
	LEDGER_CORRUPT = -5102, /* its files are damaged, or not what they should be */
	LEDGER_RECOVER =
	    -5103, /* Berkeley DB gave up (DB_RUNRECOVERY): leave the process */
	LEDGER_DISK_LOW = -5104, /* less free than min_free_bytes: nothing was written */
	LEDGER_CHAIN = -5105,    /* the audit's chain is broken */
};

/* Recovery on a full disk fails for good, so writing stops before. */
#define LEDGER_MIN_FREE (32ULL * 1024 * 1024)

enum { LEDGER_FORMAT = 1 }; /* of what lies in the tables; ledger_format.h */

struct ledger;

struct ledger_options {
	const char *data_dir;    /* must exist; copied */
	uint64_t min_free_bytes; /* LEDGER_MIN_FREE */
};

/*
 * Lock DATA_DIR/ledger.lock, repeat what a killed process had committed, open all
 * tables; what is missing is created.
 * Returns 0; LEDGER_LOCKED, LEDGER_DISK_LOW, LEDGER_CORRUPT, ERR_STALE (written by a
 * newer version), -errno: why says more, nothing is held.
 */
int ledger_open(
    const struct ledger_options *o, struct ledger **out, struct errmsg *why) MUSTCHECK;

/* Close; an open transaction is taken back. Accepts NULL inside, leaves NULL. */
void ledger_close(struct ledger **l);

/* Write all that is only in the log to the tables now, and let old logs go. */
int ledger_checkpoint(struct ledger *l) MUSTCHECK;

/* Berkeley DB's last message, for the log: it names files, pages and log positions, never what
 * lies in them. Empty if there was none; valid until the next call. */
const char *ledger_reason(const struct ledger *l);

/* A constant text for any result of the ledger's functions. */
const char *ledger_text(int r);

#endif
