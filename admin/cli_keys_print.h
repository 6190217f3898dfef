/*
 * Keys as tables for people and as JSON for scripts. Prints no hash, and a secret
 * only where it is given one.
 */
#ifndef GATEHOUSE_ADMIN_CLI_KEYS_PRINT_H
#define GATEHOUSE_ADMIN_CLI_KEYS_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "common/keyfile.h"

/* `active`, `disabled`, `expired` or `blocked` (a limit of 0), at now_ms. */
const char *cli_keys_state(const struct key *k, int64_t now_ms);

/* A table of n keys with a head line. Returns 0 or -ENOMEM. */
int cli_keys_print_table(
    FILE *out, const struct key *v, size_t n, int64_t now_ms) MUSTCHECK;

/* `{"file": ..., "keys": [...]}` on one line. Returns 0 or -ENOMEM. */
int cli_keys_print_json(
    FILE *out, const char *file, const struct key *v, size_t n, int64_t now_ms) MUSTCHECK;

/*
 * One key after an edit, for people or as one JSON object with `file`.
 * secret  printed as `key`; NULL: there is no new one.
 * Returns 0 or -ENOMEM.
 */
int cli_keys_print_one(FILE *out, const char *file, const struct key *k,
    const char *secret, int64_t now_ms) MUSTCHECK;
int cli_keys_print_one_json(FILE *out, const char *file, const struct key *k,
    const char *secret, int64_t now_ms) MUSTCHECK;

/* That a key has gone. Returns 0 or -ENOMEM. */
int cli_keys_print_deleted(
    FILE *out, const char *file, const char *id, bool json) MUSTCHECK;

#endif
