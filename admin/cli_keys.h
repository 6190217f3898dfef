/*
 * `gatehouse keys ...` (CONTRACT section 1): edits and lists the key file. Runs as a
 * short-lived process of its own; asks no questions. Never prints a hash, and a
 * secret only where it was just made.
 */
#ifndef GATEHOUSE_ADMIN_CLI_KEYS_H
#define GATEHOUSE_ADMIN_CLI_KEYS_H

#include <stdio.h>

#include <jansson.h>

#include "common/config.h"

/* What reload gives back; also the exit codes of CONTRACT section 1. */
enum cli_result {
	CLI_DONE = 0,
	CLI_REFUSED = 1,
	CLI_USAGE = 2,
	CLI_NOT_RUNNING = 3,
};

/* Where a command writes and whom it asks for a reload. Borrowed. */
struct cli_io {
	FILE *out; /* results */
	FILE *err; /* all else that is for people */
	/*
	 * Ask the running master to reload and wait for the outcome. Returns CLI_DONE
	 * (in force), CLI_REFUSED (and has said why) or CLI_NOT_RUNNING. NULL: none.
	 */
	int (*reload)(void *arg);
	void *reload_arg;
	/*
	 * Note in the audit what was done to a key; detail is taken over. What it has to
	 * say of a failure is its own. NULL: there is no audit.
	 */
	void (*audit)(void *arg, const char *action, const char *key_id, json_t *detail);
	void *audit_arg;
};

/*
 * Run one command. argv[0] is "keys", argv[1] the command; getopt may reorder it.
 * cfg  api_keys_file, api_keys and max_keys are looked at.
 * Returns the exit status. With no master running an edit is done all the same.
 */
int cli_keys(int argc, char **argv, const struct config *cfg, const struct cli_io *io);

#endif
