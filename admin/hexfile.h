/*
 * What sessions.json and admin_tokens.json share: a small JSON object in a file of mode 0600
 * that is replaced whole, and hashes in it as lower-case hex. Runs in the admin process and
 * in the CLI.
 */
#ifndef GATEHOUSE_ADMIN_HEXFILE_H
#define GATEHOUSE_ADMIN_HEXFILE_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "common/err.h"

/* Write n bytes as 2n hex digits and a NUL. */
void hexfile_put(const uint8_t *bytes, size_t n, char *out);

/* Read exactly 2n hex digits; hex may be NULL. Returns 0 or ERR_SYNTAX. */
int hexfile_get(const char *hex, uint8_t *out, size_t n) MUSTCHECK;

/*
 * Read a JSON object of at most max bytes.
 * out  the caller's, json_decref().
 * Returns 0, -errno, ERR_TOO_LARGE or ERR_SYNTAX.
 */
int hexfile_load(const char *path, size_t max, json_t **out) MUSTCHECK;

/*
 * Replace the file, which keeps its owner; a new one is the folder's owner's. Returns 0 or
 * -errno (why): then nothing has changed.
 */
int hexfile_save(const char *path, const json_t *root, struct errmsg *why) MUSTCHECK;

#endif
