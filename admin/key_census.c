/* See key_census.h. */
#include "admin/key_census.h"

#include <stdlib.h>
#include <string.h>

static bool
is_fresh(const struct key_census *c, uint64_t version, int64_t now_ms)
{
	return c->counted && c->version == version && now_ms >= c->at_ms &&
	    now_ms - c->at_ms < KEY_CENSUS_MS;
}

void
key_census_take(struct key_census *c, const struct published *published, int64_t now_ms)
{
	const struct keyring *ring = shared_keyring(published);
	const uint64_t version = keyring_version(ring);
	uint32_t left = keyring_count(ring);

	if (is_fresh(c, version, now_ms))
		return;
	memset(c->n, 0, sizeof(c->n));
	for (uint32_t slot = 0; slot < published->max_keys && left > 0; slot++) {
		struct keyring_entry e;
		struct key_row row;

		if (keyring_slot(ring, slot, &e) != 0)
			continue;
		row = key_row_of(&e.key);
		c->n[key_status_at(&row, now_ms)]++;
		left--;
	}
	c->counted = true;
	c->version = version;
	c->at_ms = now_ms;
}
