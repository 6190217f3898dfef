/*
 * Usage for scripts: JSON and CSV. Euros are a text in JSON, so that nobody reads them as a
 * float.
 */
#ifndef GATEHOUSE_ADMIN_CLI_USAGE_DATA_H
#define GATEHOUSE_ADMIN_CLI_USAGE_DATA_H

#include <stdio.h>

#include "admin/cli_usage_args.h"
#include "admin/tally.h"

/* One object with the question, the rows and their total, on one line. */
void cli_usage_print_json(
    FILE *out, const struct cli_usage_args *args, const struct tally *rows);

/*
 * A head line, then the rows (RFC 4180, but for its line ends). A name that begins like a
 * formula has an apostrophe in front.
 */
void cli_usage_print_csv(
    FILE *out, const struct cli_usage_args *args, const struct tally *rows);

#endif
