/*
 * The file FORMAT beside the ledger's tables: which version's they are, and that they have
 * all been made. It is read before any table is touched, so that a newer version's ledger is
 * left as it is, and a table that has gone is missed instead of made anew.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_FORMAT_H
#define GATEHOUSE_ADMIN_LEDGER_FORMAT_H

#include "common/err.h"

#define LEDGER_FORMAT_FILE "FORMAT"

/* The version in dir, 0 where there is no file. Returns 0, ERR_SYNTAX or -errno. */
int ledger_format_read(const char *dir, unsigned *out) MUSTCHECK;

/* Put version's number there, whole or not at all, on disk when this returns 0. 0 or -errno. */
int ledger_format_write(const char *dir, unsigned version) MUSTCHECK;

#endif
