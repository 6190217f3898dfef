/*
 * From what is asked about usage to the rows that are shown: the same for the command line
 * and the API.
 */
#ifndef GATEHOUSE_ADMIN_CLI_USAGE_ROWS_H
#define GATEHOUSE_ADMIN_CLI_USAGE_ROWS_H

#include "admin/cli_usage_args.h"
#include "admin/tally.h"
#include "admin/usage_query.h"
#include "common/err.h"

/* What the ledger is to be asked. */
struct usage_query cli_usage_query(const struct cli_usage_args *args);

/*
 * Fold hours into days of the zone in use, if days are asked for, and sort in the order
 * asked for. *t may become another one. Returns 0 or -ENOMEM (*t is the caller's still).
 */
int cli_usage_arrange(const struct cli_usage_args *args, struct tally **t) MUSTCHECK;

#endif
