/*
 * Times as headers spell them: RFC 9110's date, RFC 3339, Go's duration. Pure,
 * and cheap enough to be written on each answer: no printf, no libc calendar.
 */
#ifndef GATEHOUSE_WORKER_TIMETEXT_H
#define GATEHOUSE_WORKER_TIMETEXT_H

#include <stdint.h>

#include "common/sb.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). Milliseconds since 1970,
 * cut to the second; before 1970 or after 9999: the nearest that can be said. */
void timetext_http_date(struct sb *out, int64_t wall_ms);

/* "1994-11-06T08:49:37Z" (RFC 3339). As above. */
void timetext_rfc3339(struct sb *out, int64_t wall_ms);

/* A duration as Go writes it: "0s", "12ms", "1.5s", "6m0s", "1h0m0s". */
void timetext_go_duration(struct sb *out, uint64_t ms);

#endif
