/*
 * Judging credentials; see gate.h.
 */
#include "worker/gate.h"

#include <openssl/crypto.h>

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
gate_identify(const struct keyring *ring, struct span secret, int64_t now_ms,
    struct keyring_entry *entry_out)
{
	uint8_t hash[KEY_HASH_BYTES];
	const struct key *key = &entry_out->key;
	int r;

	key_hash(secret.p, secret.n, hash);
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
