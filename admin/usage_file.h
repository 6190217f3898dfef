/*
 * The Python proxy's usage.json, read into records for the ledger. Pure but for the file.
 *
 * The proxy writes {"records": [{...}]}, one object a request, appended and never changed:
 *   timestamp      seconds since 1970, or ISO 8601 (also: time, ts)
 *   key_id
 *   model, endpoint          absent: `other`
 *   prompt_tokens            (input_tokens)
 *   completion_tokens        (output_tokens)
 *   total_tokens             (tokens); what it has over the two counts as prompt tokens
 *   audio_bytes
 *   cost_eur                 (cost), in euros; rounded to the billionth
 * Read too: the bare list, and an object of totals by key_id, each with `requests` and the
 * fields above, or `by_model` with an object of them for each model. Totals may grow: their
 * growth is new. Other fields are ignored. A count that is negative, fractional or absurd
 * counts as 0, for the proxy kept such; anything else that is not as above is a fault.
 */
#ifndef GATEHOUSE_ADMIN_USAGE_FILE_H
#define GATEHOUSE_ADMIN_USAGE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "admin/ledger_import.h"
#include "common/err.h"

#define USAGE_FILE_MAX ((size_t)512 * 1024 * 1024) /* bytes */

struct usage_file;

/*
 * Read path. now_ms: when totals without a time are taken to have been used.
 * why  on an error: file, entry and field.
 * Returns 0; ERR_SYNTAX (no JSON), ERR_INVALID (an entry), ERR_TOO_LARGE, -errno.
 */
int usage_file_load(const char *path, int64_t now_ms, struct usage_file **out,
    struct errmsg *why) MUSTCHECK;
/* Accepts NULL inside, leaves NULL. */
void usage_file_destroy(struct usage_file **f);

size_t usage_file_count(const struct usage_file *f);
/* The records, borrowed. Ids are the same whenever the same record is read, also when the
 * file has grown. */
const struct ledger_import *usage_file_records(const struct usage_file *f);
/* Counts that made no sense and were left out. */
size_t usage_file_odd(const struct usage_file *f);

#endif
