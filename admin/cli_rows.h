/*
 * The workers' counters as `gatehouse status` shows them, asked of the running admin
 * process (rows_api.h).
 */
#ifndef GATEHOUSE_ADMIN_CLI_ROWS_H
#define GATEHOUSE_ADMIN_CLI_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { CLI_ROWS_MAX = 1024 }; /* rows of the scoreboard */

struct cli_row {
	uint64_t generation, slot;
	uint64_t connections, in_flight, requests;
};

struct cli_rows {
	size_t n;
	struct cli_row v[CLI_ROWS_MAX];
};

/* Ask, for a few seconds at most. Whom admin can't be asked about is not in out. */
void cli_rows_ask(const char *run_dir, struct cli_rows *out);

/* The row of a generation's slot, NULL if there is none. */
const struct cli_row *cli_rows_find(
    const struct cli_rows *rows, uint64_t generation, uint64_t slot);

#endif
