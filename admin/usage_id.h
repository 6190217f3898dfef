/*
 * Ids of imported records: a hash of what a record says and of how many like it stood
 * before it, so that two requests which look alike are two, and a file that has grown may
 * be read again. Pure.
 */
#ifndef GATEHOUSE_ADMIN_USAGE_ID_H
#define GATEHOUSE_ADMIN_USAGE_ID_H

#include <stddef.h>
#include <stdint.h>

#include "admin/ledger_import.h"
#include "common/err.h"

enum { USAGE_ID_BYTES = 33 }; /* a letter and a SHA-256 */

/* What makes a record the one that it is: all of a request, with its time; of a total,
 * whose it is. */
void usage_id_hash(const struct ledger_import *v, int64_t ms, uint8_t id[USAGE_ID_BYTES]);

/*
 * The n ids are hashes of what the n records say, in the file's order; make each its
 * own, and let the records point to theirs. Returns 0 or -ENOMEM.
 */
int usage_id_number(
    uint8_t (*ids)[USAGE_ID_BYTES], struct ledger_import *v, size_t n) MUSTCHECK;

#endif
