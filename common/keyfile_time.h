/*
 * Times as they stand in key files and on command lines: ISO 8601 text to ms
 * since 1970 and back. UTC only, no locale, no time zone files.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_TIME_H
#define GATEHOUSE_COMMON_KEYFILE_TIME_H

#include <stdint.h>

#include "common/err.h"
#include "common/span.h"

#define KEYFILE_TIME_TEXT_BYTES 40
#define KEYFILE_TIME_MAX_MS INT64_C(253402300799999) /* the last ms of the year 9999 */

/*
 * Parse ISO 8601 (extended format, RFC 3339 and what Python writes):
 * `2027-01-31`, `2027-01-31T12:00`, `2027-01-31 12:00:00.123456`, each with `Z`,
 * `+02:00`, `+0200`, `+02` or no zone, which means UTC. Fractions are cut to ms.
 * ms_out  ms since 1970; 1 to KEYFILE_TIME_MAX_MS on 0, else untouched.
 * Returns 0 or ERR_SYNTAX (also for a date that does not exist, or not after 1970).
 */
int keyfile_time_parse(struct span text, int64_t *ms_out) MUSTCHECK;

/* Write ms (0 to KEYFILE_TIME_MAX_MS) as `2027-01-31T12:00:00Z`, NUL-terminated. */
void keyfile_time_format(int64_t ms, char out[KEYFILE_TIME_TEXT_BYTES]);

#endif
