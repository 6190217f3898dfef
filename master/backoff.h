/*
 * How long to wait before a dead child gets a successor: the first at once, then
 * ever longer, so that a crash loop never burns the machine; from the beginning
 * again after a minute of health. Pure.
 */
#ifndef GATEHOUSE_MASTER_BACKOFF_H
#define GATEHOUSE_MASTER_BACKOFF_H

#include <stdint.h>

enum {
	BACKOFF_FIRST_MS = 250,
	BACKOFF_MAX_MS = 30000,
	BACKOFF_HEALTHY_MS = 60000,
};

/* One per child's place; zero-initialise. */
struct backoff {
	uint32_t failures; /* deaths in a row, none of them after a healthy life */
};

/* A child died after living lived_ms. Returns the ms to wait before its successor. */
uint64_t backoff_next(struct backoff *b, uint64_t lived_ms);

/* The same for one whose first successor has to wait, too: first_ms, then twice as long
 * each time. */
uint64_t backoff_next_from(struct backoff *b, uint64_t lived_ms, uint64_t first_ms);

#endif
