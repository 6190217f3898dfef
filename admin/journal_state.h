/*
 * The inside of the journal's reader, for admin/journal*.c alone.
 */
#ifndef GATEHOUSE_ADMIN_JOURNAL_STATE_H
#define GATEHOUSE_ADMIN_JOURNAL_STATE_H

#include <limits.h>

#include "admin/journal.h"
#include "admin/ledger_usage.h"
#include "common/arena.h"
#include "common/strlist.h"

enum { BATCH_CELLS = 1024 };

/* One arena that is mapped. */
struct known {
	struct arena *arena;
	char *path;
	struct ledger_counters *mark; /* of each cell; NULL: not learnt yet */
	bool retired;                 /* as seen before its cells were read */
	bool damaged; /* a cell made no sense: the file is left to people */
	bool unlinked;
};

/* A file that can't be read. */
struct fault {
	char *path;
	int code;       /* as it was named; 0: not yet */
	unsigned looks; /* that found another version's */
};

/* Cells on their way into the ledger. */
struct batch {
	size_t n;
	struct ledger_cell cells[BATCH_CELLS];
	struct arena_cell read[BATCH_CELLS]; /* what their names point to */
	struct ledger_counters *mark[BATCH_CELLS];
};

struct journal {
	char dir[PATH_MAX];
	struct known *v;
	size_t n, cap;
	struct fault *faults;
	size_t n_faults;
	struct strlist paths; /* of the last scan */
	int scanned;          /* its outcome */
	bool swept;           /* marks without a file have been looked for */
	bool unlink_failed;   /* and that was said */
	struct batch batch;
};

/* The last part of a path. */
const char *journal_file_name(const char *path);

#endif
