/*
 * `gatehouse usage` (CONTRACT section 1): what the ledger says, by key, model, endpoint,
 * hour or day, as a table, JSON or CSV; and `usage forget`. Money is printed as the
 * integers that it is.
 */
#ifndef GATEHOUSE_ADMIN_CLI_USAGE_H
#define GATEHOUSE_ADMIN_CLI_USAGE_H

#include "admin/cli_admin.h"

/* Run the command; argv[0] is "usage". Returns the exit status (enum cli_result). */
int cli_usage(int argc, char **argv, const struct cli_service *s);

#endif
