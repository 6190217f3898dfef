/*
 * Judging credentials; see gate.h.
 */
#include "worker/gate.h"

#include <openssl/crypto.h>

#include "common/clock.h"

/* How often a changed rule is read anew before the answer is no. */
enum { GATE_TRIES = 20 };

/* What follows "Bearer " in an Authorization value; empty when it is another scheme. */
static struct span
bearer(struct span value)
{
	static const struct span scheme = { "bearer", 6 };

	if (value.n <= scheme.n ||
	    !span_eq_nocase((struct span){ value.p, scheme.n }, scheme) ||
	    value.p[scheme.n] != ' ')
		return (struct span){ 0 };
	value.p += scheme.n;
	value.n -= scheme.n;
	while (value.n > 0 && value.p[0] == ' ') {
		value.p++;
		value.n--;
	}
	return value;
}

enum gate_identity
gate_secret(const struct http1_head *head, struct span *out)
{
	size_t n_auth = 0, n_key = 0;
	const struct http1_field *auth = http1_find(head, SPAN("authorization"), &n_auth);
	const struct http1_field *key = http1_find(head, SPAN("x-api-key"), &n_key);
	struct span secret = { 0 };

	if (n_auth > 1 || n_key > 1)
		return GATE_DOUBLED;
	if (auth != NULL)
		secret = bearer(auth->value);
	if (secret.n == 0 && key != NULL)
		secret = key->value;
	if (secret.n == 0)
		return GATE_MISSING;
	*out = secret;
	return GATE_KNOWN;
}

enum gate_identity
gate_identify(struct key_hasher *hasher, const struct keyring *ring, struct span secret,
    int64_t now_ms, struct keyring_entry *entry_out)
{
	uint8_t hash[KEY_HASH_BYTES];
	const struct key *key = &entry_out->key;
	int r;

	key_hasher_hash(hasher, secret.p, secret.n, hash);
	r = keyring_find(ring, hash, entry_out);
	OPENSSL_cleanse(hash, sizeof(hash));
	if (r != 0 || !key->enabled)
		return GATE_WRONG;
	if (key->expires_ms != 0 && now_ms >= key->expires_ms)
		return GATE_WRONG;
	if (entry_out->by_previous && key->previous_expires_ms != 0 &&
	    now_ms >= key->previous_expires_ms)
		return GATE_WRONG;
	return GATE_KNOWN;
}

static uint64_t
window_clock(void *arg)
{
	(void)arg;
	return clock_mono_ns();
}

static struct window_rule
rule_for(const struct rate_setting *rate, uint64_t limit, uint32_t tag)
{
	return (struct window_rule){
		.limit = limit < WINDOW_MAX_LIMIT ? (uint32_t)limit : WINDOW_MAX_LIMIT,
		.window_ms = rate->window_s * 1000,
		.tag = tag,
	};
}

/* The settings in force. Unreadable ones (seqbox.h says when) leave limits of 0: nobody is
 * let in unlimited. */
static struct settings
settings_now(const struct shared *sh)
{
	struct settings s;

	if (shared_get_settings(sh->published, &s) != 0)
		s = (struct settings){ .rate.window_s = 1, .ip_rate.window_s = 1 };
	return s;
}

bool
gate_admit_address(
    const struct shared *sh, const struct addr *client, struct window_state *state_out)
{
	struct addr unit;

	addr_limit_unit(client, &unit);
	for (int i = 0; i < GATE_TRIES; i++) {
		struct settings s = settings_now(sh);
		struct addrtab_place place;
		struct window_rule rule;
		int r;

		addrtab_find(
		    shared_addrtab(sh), &unit, s.ip_version, clock_mono_ms(), &place);
		rule = rule_for(&s.ip_rate, s.ip_rate.requests, place.tag);
		if (i > 0)
			window_heal(place.window, &rule, state_out);
		r = window_admit(place.window, &rule, window_clock, NULL, state_out);
		if (r != ERR_CHANGED)
			return r == 0;
	}
	return false;
}

/* The windows that a key's request has to pass: all keys', then its own if it has one.
 * Returns how many. */
static size_t
key_windows(
    const struct shared *sh, const struct keyring_entry *entry, struct window_use use[2])
{
	struct settings s = settings_now(sh);

	use[0] = (struct window_use){ .window = &sh->state->global,
		.rule =
		    rule_for(&s.rate, s.rate.requests, window_tag(0, s.rate_version)) };
	if (entry->key.rate_limit == KEY_NO_LIMIT)
		return 1;
	use[1] = (struct window_use){ .window = shared_key_window(sh, entry->slot),
		.rule = rule_for(&s.rate, (uint64_t)entry->key.rate_limit,
		    window_tag(entry->generation, s.rate_version)) };
	return 2;
}

bool
gate_admit_key(const struct shared *sh, const struct keyring_entry *entry,
    struct window_state *state_out)
{
	struct window_use use[2] = { 0 };
	size_t which = 0;

	for (int i = 0; i < GATE_TRIES; i++) {
		struct window_state refused = use[which].state;
		size_t n = key_windows(sh, entry, use);
		int r;

		if (i > 0)
			window_heal(use[which].window, &use[which].rule, &refused);
		r = window_admit_all(use, n, window_clock, NULL, &which);
		if (r == 0)
			which = n - 1;
		*state_out = use[which].state;
		if (r != ERR_CHANGED)
			return r == 0;
	}
	return false;
}

void
gate_look_at_key(const struct shared *sh, const struct keyring_entry *entry,
    struct window_state *state_out)
{
	struct window_use use[2];
	size_t n = key_windows(sh, entry, use);

	*state_out = (struct window_state){ 0 };
	/* Refused or changed: state says how full it is, which is all that is asked. */
	(void)(window_peek(use[n - 1].window, &use[n - 1].rule, window_clock, NULL,
		   state_out) == 0);
}
