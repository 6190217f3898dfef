/*
 * The two clocks. Windows and time-outs use the monotonic one; expiry, hours
 * and prices use UTC. Pure functions take times as arguments; only those at the
 * edges call these.
 */
#ifndef GATEHOUSE_COMMON_CLOCK_H
#define GATEHOUSE_COMMON_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. Never fails. */
uint64_t clock_mono_ns(void);
/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t clock_mono_ms(void);
/* Nanoseconds since 1970, UTC. */
int64_t clock_wall_ns(void);
/* Milliseconds since 1970, UTC. */
int64_t clock_wall_ms(void);

#endif
