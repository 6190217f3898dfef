/*
 * Numbers as JSON spells them (RFC 8259 section 6), to whole counts: in integers only,
 * so that nothing is rounded that was not meant to be. Pure.
 */
#ifndef GATEHOUSE_WORKER_METER_NUMBER_H
#define GATEHOUSE_WORKER_METER_NUMBER_H

#include <stdint.h>

#include "common/err.h"
#include "common/span.h"

/* A whole number of at most max: 12, 12.0 and 12e1 are, 1.5 and -1 are not.
 * Returns 0, or ERR_INVALID for what is negative, fractional, above max or no number
 * (NaN and Infinity among it). */
int meter_number_whole(struct span text, uint64_t max, uint64_t *out) MUSTCHECK;

/* Seconds, to the nearest millisecond, half up. max_ms: of the result. Returns 0, or
 * ERR_INVALID for what is negative, above max_ms or no number. */
int meter_number_ms(struct span text, uint64_t max_ms, uint64_t *ms_out) MUSTCHECK;

#endif
