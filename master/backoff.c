/* The pace of respawns; see backoff.h. Runs in the master. */
#include "master/backoff.h"

uint64_t
backoff_next(struct backoff *b, uint64_t lived_ms)
{
	uint64_t wait_ms = 0;

	if (lived_ms >= BACKOFF_HEALTHY_MS)
		b->failures = 0;
	if (b->failures > 0) {
		wait_ms = BACKOFF_FIRST_MS;
		for (uint32_t i = 1; i < b->failures && wait_ms < BACKOFF_MAX_MS; i++)
			wait_ms *= 2;
	}
	b->failures++;
	return wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS;
}
