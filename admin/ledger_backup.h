/*
 * A copy of the running ledger, made between two transactions.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_BACKUP_H
#define GATEHOUSE_ADMIN_LEDGER_BACKUP_H

#include "admin/ledger.h"

/*
 * Make DIR/ledger, a copy that ledger_open() opens. dir must exist, dir/ledger must not.
 * All is on disk when this returns 0; on any other code (-EEXIST, -ENOSPC, ...) what it had
 * made is gone again. Takes as long as the copying does.
 */
int ledger_backup(struct ledger *l, const char *dir) MUSTCHECK;

#endif
