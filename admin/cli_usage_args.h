/*
 * The command line of `gatehouse usage`. Sets the process's time zone; touches no file
 * else.
 */
#ifndef GATEHOUSE_ADMIN_CLI_USAGE_ARGS_H
#define GATEHOUSE_ADMIN_CLI_USAGE_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

enum cli_usage_column {
	CLI_USAGE_HOUR,
	CLI_USAGE_DAY,
	CLI_USAGE_KEY,
	CLI_USAGE_MODEL,
	CLI_USAGE_ENDPOINT,
	CLI_USAGE_COLUMNS
};

enum cli_usage_format { CLI_USAGE_TABLE, CLI_USAGE_JSON, CLI_USAGE_CSV };

struct cli_usage_args {
	const char *forget; /* the key to forget; NULL: nothing is */
	uint32_t from_hour, to_hour;
	bool has_from, has_to;
	enum cli_usage_column by[CLI_USAGE_COLUMNS]; /* in the order asked for, each once */
	size_t n_by;
	enum cli_usage_format format;
	const char *zone;
	bool help; /* nothing but the help is wanted, and it has been printed */
};

/* `hour`, `day`, `key`, `model`, `endpoint`. */
const char *cli_usage_column_name(enum cli_usage_column c);

/* What is asked, as words; NULL: not said. */
struct cli_usage_words {
	const char *since, *until, *by, *format, *zone;
};

/*
 * Read the words into args; times are read in the zone, which becomes the process's.
 * Returns NULL, or what is wrong with the word whose name *field_out then is ("since"): to
 * be put behind it.
 */
const char *cli_usage_words_take(const struct cli_usage_words *w, int64_t now_ms,
    struct cli_usage_args *args, const char **field_out) MUSTCHECK;

/* Read the command line. Returns CLI_DONE, or CLI_USAGE after a line on err. */
int cli_usage_args(int argc, char **argv, int64_t now_ms, FILE *out, FILE *err,
    struct cli_usage_args *args);

#endif
