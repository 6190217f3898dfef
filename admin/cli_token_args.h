/* The command line of `gatehouse admin-token`. No file is touched here. */
#ifndef GATEHOUSE_ADMIN_CLI_TOKEN_ARGS_H
#define GATEHOUSE_ADMIN_CLI_TOKEN_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum cli_token_verb { CLI_TOKEN_CREATE, CLI_TOKEN_LIST, CLI_TOKEN_REVOKE };

struct cli_token_args {
	enum cli_token_verb verb;
	const char *name;   /* of a token to create */
	unsigned scopes;    /* enum api_scope, or-ed */
	int64_t expires_ms; /* 0: never */
	const char *id;     /* of the token to revoke, or its name */
	bool json;
	bool help; /* nothing but the help is wanted, and it has been printed */
};

/*
 * Read the command line. now_ms is what --expires-days counts from.
 * Returns CLI_DONE, or CLI_USAGE after a line on err that does not repeat what was given.
 */
int cli_token_args(int argc, char **argv, int64_t now_ms, FILE *out, FILE *err,
    struct cli_token_args *args);

#endif
