/*
 * What a line of usage has: the columns that it is counted by and its figures, for
 * cli_usage_*.c alone.
 */
#ifndef GATEHOUSE_ADMIN_CLI_USAGE_FIGURES_H
#define GATEHOUSE_ADMIN_CLI_USAGE_FIGURES_H

#include <stdbool.h>

#include "admin/cli_usage_args.h"
#include "admin/ledger_row.h"
#include "admin/zone.h"
#include "common/sb.h"

enum { CLI_USAGE_FIGURES = 10, CLI_USAGE_FIGURE_BYTES = 64 };

/* One figure of a row. */
struct cli_usage_figure {
	const char *title; /* in the table; NULL: not there */
	const char *name;  /* in JSON and CSV */
	void (*put)(struct sb *b, const struct ledger_counters *c);
	bool audio;  /* left out of a table without any */
	bool quoted; /* a text in JSON, so that nobody reads it as a float */
};

extern const struct cli_usage_figure cli_usage_figures[CLI_USAGE_FIGURES];

/* The column's name in JSON and CSV. */
const char *cli_usage_name(enum cli_usage_column c);

/* What a row has in a column; the text is in `text` or the row's. iso: as scripts want it. */
const char *cli_usage_value(const struct ledger_row_key *k, enum cli_usage_column c,
    bool iso, char text[ZONE_TEXT_BYTES]);

#endif
