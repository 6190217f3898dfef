/*
 * A short JSON string or word as it comes in pieces, decoded (RFC 8259 section 7). One
 * that is too long, or is not printable ASCII, is odd; of it nothing counts. Pure.
 */
#ifndef GATEHOUSE_WORKER_METER_TEXT_H
#define GATEHOUSE_WORKER_METER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/span.h"

enum { TEXT_MAX = 63 };

struct text {
	uint8_t n;
	uint8_t hex;   /* digits of \uXXXX that are missing */
	uint16_t code; /* of \uXXXX */
	bool escape;   /* behind a backslash */
	bool odd;
	char p[TEXT_MAX];
};

void text_begin(struct text *t);

/* Take bytes of a string. Returns its closing quote, or end. */
const char *text_read(struct text *t, const char *p, const char *end);

/* Take bytes as they are. */
void text_add(struct text *t, struct span bytes);

/* Is all of it printable ASCII, and no more than TEXT_MAX bytes? */
bool text_is_plain(struct span s);

/* What was taken; empty if it is odd. */
static inline struct span
text_span(const struct text *t)
{
	return (struct span){ t->p, t->odd ? 0 : t->n };
}

#endif
