/*
 * How many keys in force are active, revoked and expired: counted anew when other keys are
 * published, and now and then because keys expire. For what is asked each second. Runs in
 * the admin process.
 */
#ifndef GATEHOUSE_ADMIN_KEY_CENSUS_H
#define GATEHOUSE_ADMIN_KEY_CENSUS_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/key_json.h"
#include "common/shared.h"

enum { KEY_CENSUS_MS = 10000 };

/* Zero-filled it has counted nothing yet. */
struct key_census {
	bool counted;
	uint64_t version; /* of the keyring */
	int64_t at_ms;
	size_t n[KEY_STATUSES];
};

/* Bring it up to date; now_ms: wall clock. */
void key_census_take(
    struct key_census *c, const struct published *published, int64_t now_ms);

#endif
