/*
 * Counting down from the peak; see trim.h.
 */
#include "worker/trim.h"

enum { TRIM_MIN = 256 /* connections: some 4 MiB of TLS state */ };

bool
trim_is_due(struct trim *t, size_t most, size_t connections)
{
	const bool falling = connections < t->last;

	t->last = connections;
	if (most > t->peak)
		t->peak = most;
	if (t->peak - connections < TRIM_MIN || (falling && connections > t->peak / 2))
		return false;
	t->peak = connections;
	return true;
}
