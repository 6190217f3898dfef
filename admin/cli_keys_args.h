/*
 * The command line of `gatehouse keys`: a table of commands with what each takes,
 * and its reading. No file is touched here.
 */
#ifndef GATEHOUSE_ADMIN_CLI_KEYS_ARGS_H
#define GATEHOUSE_ADMIN_CLI_KEYS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "admin/cli_keys.h"
#include "common/keyfile_edit.h"

enum cli_keys_verb {
	KEYS_CREATE,
	KEYS_LIST,
	KEYS_SHOW,
	KEYS_ROTATE,
	KEYS_REVOKE,
	KEYS_ENABLE,
	KEYS_SET,
	KEYS_DELETE,
};

struct cli_keys_args {
	enum cli_keys_verb verb;
	const char *id; /* NULL: none given; inside argv */
	struct keyfile_values values;
	int64_t grace_ms;
	bool json;
	bool help; /* nothing but the help is wanted, and it has been printed */
};

/*
 * Read the command line. now_ms is what --expires-days counts from.
 * Returns CLI_DONE, or CLI_USAGE after a line on io->err that does not repeat what
 * was given: it may be a secret in the wrong place.
 */
int cli_keys_args(int argc, char **argv, int64_t now_ms, const struct cli_io *io,
    struct cli_keys_args *out);

#endif
