/* The pace of respawns; see backoff.h. Runs in the master. */
#include "master/backoff.h"

/* first_ms doubled so many times, BACKOFF_MAX_MS at most. */
static uint64_t
doubled(uint64_t first_ms, uint32_t times)
{
	uint64_t wait_ms = first_ms;

	for (uint32_t i = 0; i < times && wait_ms < BACKOFF_MAX_MS; i++)
		wait_ms *= 2;
	return wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS;
}

/* Failures before this one. */
static uint32_t
count(struct backoff *b, uint64_t lived_ms)
{
	if (lived_ms >= BACKOFF_HEALTHY_MS)
		b->failures = 0;
	return b->failures++;
}

uint64_t
backoff_next(struct backoff *b, uint64_t lived_ms)
{
	const uint32_t before = count(b, lived_ms);

	return before == 0 ? 0 : doubled(BACKOFF_FIRST_MS, before - 1);
}

uint64_t
backoff_next_from(struct backoff *b, uint64_t lived_ms, uint64_t first_ms)
{
	return doubled(first_ms, count(b, lived_ms));
}
