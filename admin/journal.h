/*
 * The arenas in DATA_DIR/journal as their reader sees them: which there are, and what each
 * has more than the ledger knows of. Runs in the admin process, and in the CLI where none
 * runs. It writes nothing to an arena and removes one only when it is retired, its last
 * count is in the ledger, and its file says so.
 */
#ifndef GATEHOUSE_ADMIN_JOURNAL_H
#define GATEHOUSE_ADMIN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/ledger.h"
#include "admin/ledger_row.h"
#include "admin/tally.h"
#include "common/err.h"

#define JOURNAL_DIR "journal" /* in DATA_DIR */

struct journal;

/* data_dir is copied. Returns 0, -ENOMEM or -ENAMETOOLONG. */
int journal_create(const char *data_dir, struct journal **out) MUSTCHECK;
/* Accepts NULL inside, leaves NULL. The files stay. */
void journal_destroy(struct journal **j);

/*
 * Map the arenas that have come since the last time; one that can't be read is named once
 * in the log and left alone. A folder that does not exist has none. Returns 0 or -errno.
 */
int journal_scan(struct journal *j) MUSTCHECK;

/*
 * Read from the ledger how much of each arena it has, where that is not known yet; the
 * first time, delete the marks of arenas whose files are gone. What is not known is
 * neither flushed nor told by journal_unflushed(). Returns 0, -ENOMEM or a ledger's code.
 */
int journal_learn(struct journal *j, struct ledger *l) MUSTCHECK;
/* Take what was learnt as unknown, so that the next time it is all read together. */
void journal_unlearn(struct journal *j);

struct journal_flushed {
	size_t cells;     /* that had something new */
	size_t went_back; /* cells that power loss has set back */
};

/*
 * Bring the ledger's rows of hour up to the cells; each batch is one transaction, and one
 * batch holds what a second brings. Retired arenas are then removed with their marks.
 * totals  by key, model and endpoint: what went into the ledger is added; NULL: nowhere.
 * Returns 0, -ENOMEM or a ledger's code; it may be called again after any.
 */
int journal_flush(struct journal *j, struct ledger *l, uint32_t hour,
    struct tally *totals, struct journal_flushed *out) MUSTCHECK;

/*
 * Add what is not in the ledger yet to a tally, as rows of hour. Returns 0 or -ENOMEM.
 */
int journal_unflushed(struct journal *j, uint32_t hour, struct tally *to) MUSTCHECK;

/* Is there anything that the ledger does not have, or may not have? */
bool journal_is_ahead(struct journal *j);

struct journal_figures {
	uint64_t arenas;
	uint64_t cells_used, cells_free;
};
void journal_figures(const struct journal *j, struct journal_figures *out);

#endif
