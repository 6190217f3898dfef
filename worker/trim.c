/*
 * Counting down from the peak; see trim.h.
 */
#include "worker/trim.h"

enum { TRIM_MIN = 256 /* connections: some 4 MiB of TLS state */ };

bool
trim_is_due(struct trim *t, size_t most, size_t connections)
{
	const bool falling = connections < t->last;
	size_t left;
	bool due;

	t->last = connections;
	if (most > t->peak)
		t->peak = most;
	left = t->peak - connections;
	if (falling)
		due = left >= TRIM_MIN && connections <= t->peak / 2;
	else
		due = left >= TRIM_MIN || (t->leaving && left > 0);
	if (due)
		t->peak = connections;
	t->leaving = falling && (due || t->leaving);
	return due;
}
