/*
 * The two clocks. Used at the edges of every process. clock_gettime() goes
 * through the vDSO: no system call, and with these two clocks and a valid
 * pointer it cannot fail.
 */
#include "common/clock.h"

#include <stdlib.h>
#include <time.h>

static struct timespec
clock_read(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		abort(); /* a machine without this clock is none we run on */
	return ts;
}

uint64_t
clock_mono_ns(void)
{
	const struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
clock_mono_ms(void)
{
	return clock_mono_ns() / 1000000u;
}

int64_t
clock_wall_ns(void)
{
	const struct timespec ts = clock_read(CLOCK_REALTIME);

	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
clock_wall_ms(void)
{
	return clock_wall_ns() / 1000000;
}
