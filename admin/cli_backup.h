/*
 * `gatehouse backup DIR`: a consistent copy of the ledger, flushed first, in DIR/ledger.
 * DATA_DIR has nothing else that is worth keeping and is no secret.
 */
#ifndef GATEHOUSE_ADMIN_CLI_BACKUP_H
#define GATEHOUSE_ADMIN_CLI_BACKUP_H

#include "admin/cli_admin.h"

/* Run the command; argv[0] is "backup". Returns the exit status (enum cli_result). */
int cli_backup(int argc, char **argv, const struct cli_service *s);

#endif
