/*
 * Who is it, and may it now: shared memory and a clock in, a verdict out. Pure.
 */
#ifndef GATEHOUSE_WORKER_GATE_H
#define GATEHOUSE_WORKER_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/keyring.h"
#include "common/shared.h"
#include "common/span.h"
#include "common/window.h"
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
enum gate_identity gate_identify(struct key_hasher *hasher, const struct keyring *ring,
    struct span secret, int64_t now_ms, struct keyring_entry *entry_out);

/*
 * Ask the client address's window (IPv6: its /64's), which counts one more if there is
 * room. Returns true if it may go on; state_out is what headers say of the window.
 */
bool gate_admit_address(
    const struct shared *sh, const struct addr *client, struct window_state *state_out);

/*
 * Ask the window of all keys together and this key's own; both are looked at before
 * either counts, so that what one refuses takes nothing from the other.
 * state_out  the key's window if it has one, else that of all keys; when refused, the
 *            one that refused.
 */
bool gate_admit_key(const struct shared *sh, const struct keyring_entry *entry,
    struct window_state *state_out);

/* What gate_admit_key would say of the key now, nothing counted. */
void gate_look_at_key(const struct shared *sh, const struct keyring_entry *entry,
    struct window_state *state_out);

#endif
