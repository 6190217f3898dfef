/*
 * Usage as a table for people, as JSON and as CSV for scripts. Nothing is a float: euros are
 * billionths, seconds are thousandths, printed as decimals.
 */
#ifndef GATEHOUSE_ADMIN_CLI_USAGE_PRINT_H
#define GATEHOUSE_ADMIN_CLI_USAGE_PRINT_H

#include <stdio.h>

#include "admin/cli_usage_args.h"
#include "admin/tally.h"
#include "common/err.h"

/*
 * Print the rows of t, which are sorted. With a column `day` their hour is a day's number.
 * Returns 0 or -ENOMEM; whether all could be written is the caller's to look at.
 */
int cli_usage_print(
    FILE *out, const struct cli_usage_args *args, const struct tally *t) MUSTCHECK;

#endif
