/*
 * Who is it, and may it now: shared memory and a clock in, a verdict out. Pure.
 */
#ifndef GATEHOUSE_WORKER_GATE_H
#define GATEHOUSE_WORKER_GATE_H

#include <stdint.h>

#include "common/keyring.h"
#include "common/span.h"
#include "worker/http1.h"

enum gate_identity {
	GATE_KNOWN,   /* a key that is valid now */
	GATE_MISSING, /* no key was presented */
	GATE_WRONG,   /* unknown, expired, disabled, or rotated away: one and the same */
	GATE_DOUBLED, /* two of the same credential header: ambiguous */
};

/*
 * The secret that a head presents: `Authorization: Bearer KEY` (RFC 6750 section
 * 2.1, scheme in any case), else `X-API-Key: KEY`. Borrowed from the head.
 * Returns GATE_KNOWN with *out set, GATE_MISSING or GATE_DOUBLED.
 */
enum gate_identity gate_secret(const struct http1_head *head, struct span *out);

/*
 * Whose secret is it, and is it valid at now_ms (wall clock)? entry_out is set on
 * GATE_KNOWN. A keyring that can't be read counts as GATE_WRONG.
 */
enum gate_identity gate_identify(const struct keyring *ring, struct span secret,
    int64_t now_ms, struct keyring_entry *entry_out);

#endif
