/*
 * An event stream (the HTML standard, section 9.2.6) that comes in pieces: cuts it into
 * lines and events, hands the data on to be read, and filters the events. Pure.
 *
 * All bytes pass as they are but for two things, each to be asked for: an event that is
 * a usage-only chunk is left out whole, with its blank line, and the blank line that
 * tears upstream's error events in two is left out. An event is held back only while it
 * may be a usage-only chunk; a longer one than EVENTS_HOLD_MAX is none.
 */
#ifndef GATEHOUSE_WORKER_METER_EVENTS_H
#define GATEHOUSE_WORKER_METER_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/span.h"
#include "worker/meter.h"
#include "worker/meter_pick.h"

enum {
	EVENTS_HOLD_MAX = METER_HOLD_MAX,
	EVENTS_NAME_MAX = 7, /* bytes of a field's name, or event type, that are kept */
};

/* What the data of an event have shown. Whoever takes the fields sets these. */
struct events_verdict {
	bool choices_empty;
	bool usage_object;
	bool passes; /* something no usage-only chunk has */
	bool bound;  /* what counts of it depends on the events before it */
};

/* The fields are meter_events.c's but for verdict. */
struct events {
	struct events_verdict verdict;
	bool drop;
	bool mend;
	uint8_t state;
	bool behind_cr; /* a line feed now belongs to the line end before */
	bool swallow;   /* and goes the way of the event that was left out */
	bool in_event;  /* a line of an event, no comment, has begun */
	bool judged;    /* it may be a usage-only chunk: held from its first byte on */
	bool has_data;
	bool is_error;    /* event: error */
	uint8_t gap;      /* bytes of the blank line behind an error without data */
	char gap_text[2]; /* which is held until the next field's name is known */
	uint8_t name_n;
	uint8_t name_held; /* bytes of the name that came in earlier pieces, held with gap */
	char name[EVENTS_NAME_MAX + 1];
	char *hold; /* NULL or EVENTS_HOLD_MAX bytes */
	size_t hold_n;
};

/* What an event stream is connected to; all is borrowed. */
struct events_ends {
	struct pick *json; /* reads the data of each event */
	pick_take_fn take; /* is given its fields */
	void *take_arg;
	meter_emit_fn emit; /* is given what passes */
	void *emit_arg;
};

void events_init(struct events *e, bool drop, bool mend);
void events_fini(struct events *e);

/* Read data, of at least one byte. */
void events_feed(struct events *e, struct span data, const struct events_ends *to);

/* The stream has ended: emit what is held. */
void events_end(struct events *e, const struct events_ends *to);

/* Do the bytes that were emitted end between two events? */
bool events_at_end(const struct events *e);

#endif
