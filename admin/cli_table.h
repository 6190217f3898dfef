/*
 * Tables and texts for people. What other people wrote (descriptions, ids) may hold control
 * characters: they become `?`, so that nobody's terminal is written to.
 */
#ifndef GATEHOUSE_ADMIN_CLI_TABLE_H
#define GATEHOUSE_ADMIN_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "common/err.h"

enum { CLI_TABLE_COLUMNS_MAX = 8 };

struct cli_table;

/* titles: of the columns, n of them, borrowed. Returns 0 or -ENOMEM. */
int cli_table_create(
    const char *const *titles, size_t n, struct cli_table **out) MUSTCHECK;

/* Add a row: a text (UTF-8) for each column, copied. Returns 0 or -ENOMEM. */
int cli_table_add(struct cli_table *t, const char *const *cells) MUSTCHECK;

/* Print it, columns aligned but for the last. Whether all could be written is in ferror(out). */
void cli_table_print(const struct cli_table *t, FILE *out);

/* Accepts NULL inside, leaves NULL. */
void cli_table_destroy(struct cli_table **t);

/* Print a text, control characters as `?`. */
void cli_text_print(FILE *out, const char *s);

#endif
