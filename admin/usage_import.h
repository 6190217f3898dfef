/*
 * The Python proxy's usage file into the ledger: by `gatehouse import`, and by itself once,
 * when the ledger is new.
 */
#ifndef GATEHOUSE_ADMIN_USAGE_IMPORT_H
#define GATEHOUSE_ADMIN_USAGE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/ledger.h"
#include "admin/ledger_import.h"
#include "common/err.h"

enum { USAGE_IMPORT_BATCH = 512 }; /* records in one transaction */

struct usage_imported {
	bool looked;    /* there was a file, and it was to be read */
	size_t records; /* in the file */
	size_t added;   /* new among them */
	size_t odd;     /* counts that were left out */
};

/*
 * Add n records, a batch at a time; who is killed in the middle imports again.
 * Returns 0 or a ledger's code; added_out is set in both cases.
 */
int usage_import_records(struct ledger *l, const struct ledger_import *v, size_t n,
    size_t *added_out) MUSTCHECK;

/*
 * USAGE_FILE at the first start: import path if the ledger was empty and this was not done
 * before; no file is no fault. A faulty file is tried again at the next start.
 * Returns 0 or a code; why then says file, entry and field.
 */
int usage_import_first(struct ledger *l, const char *path, struct usage_imported *out,
    struct errmsg *why) MUSTCHECK;

#endif
