/*
 * What is done with the ledger when somebody asks: read it, forget a key. The same in the
 * admin process and in a CLI that has opened the ledger itself.
 */
#ifndef GATEHOUSE_ADMIN_USAGE_QUERY_H
#define GATEHOUSE_ADMIN_USAGE_QUERY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "admin/journal.h"
#include "admin/ledger.h"
#include "admin/tally.h"
#include "common/err.h"

struct usage_query {
	uint32_t from_hour, to_hour; /* since 1970; the second is not part of it */
	unsigned by;                 /* a mask of TALLY_BY() */
};

/*
 * Add up the ledger's rows, and as usage of this hour what waits in the journal.
 * out is the caller's, tally_destroy(). Returns 0, -ENOMEM or a ledger's code.
 */
int usage_query_run(struct ledger *l, struct journal *j, const struct usage_query *q,
    struct tally **out) MUSTCHECK;

/*
 * Fold a key's rows into `forgotten`, after that was noted in the audit.
 * uid: whose wish it is. Returns 0, ERR_INVALID (no such name can be forgotten), a
 * ledger's code.
 */
int usage_query_forget(
    struct ledger *l, const char *key_id, uid_t uid, size_t *rows_out) MUSTCHECK;

#endif
