/*
 * A copy of the ledger for `gatehouse backup`, made in DATA_DIR where admin's user may
 * write; whoever asked for it takes it from there to where it wants it.
 */
#ifndef GATEHOUSE_ADMIN_USAGE_BACKUP_H
#define GATEHOUSE_ADMIN_USAGE_BACKUP_H

#include "admin/ledger.h"
#include "common/err.h"

#define USAGE_BACKUP_DIR "backup" /* in DATA_DIR; in it is `ledger` */

/*
 * Make DATA_DIR/backup/ledger, in place of one that was left behind. What is to be in it
 * has been flushed before. Returns 0 or a code; nothing is left then.
 */
int usage_backup_stage(struct ledger *l, const char *data_dir) MUSTCHECK;

/* Remove DATA_DIR/backup; none is no fault. Returns 0 or -errno. */
int usage_backup_unstage(const char *data_dir) MUSTCHECK;

/*
 * Copy DATA_DIR/backup/ledger to DIR/ledger with the rights of whoever runs this. DIR is
 * made if it is missing; DIR/ledger must not be there. All is on disk on 0; else what was
 * made is gone again. Returns 0 or -errno.
 */
int usage_backup_take(const char *data_dir, const char *dir) MUSTCHECK;

#endif
