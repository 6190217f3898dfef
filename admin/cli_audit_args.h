/*
 * The command line of `gatehouse audit`. Times without a zone are UTC, as all times of the
 * audit are.
 */
#ifndef GATEHOUSE_ADMIN_CLI_AUDIT_ARGS_H
#define GATEHOUSE_ADMIN_CLI_AUDIT_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct cli_audit_args {
	bool verify;
	bool json;
	bool help; /* nothing but the help is wanted, and it has been printed */
	int64_t since_ms, until_ms; /* [since, until) */
};

/* Read the command line. Returns CLI_DONE, or CLI_USAGE after a line on err. */
int cli_audit_args(int argc, char **argv, int64_t now_ms, FILE *out, FILE *err,
    struct cli_audit_args *args);

#endif
