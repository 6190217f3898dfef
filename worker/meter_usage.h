/*
 * The shapes of usage in answers (FACTS section 2): which fields are looked for, what
 * they count, and how counts become a struct usage.
 *
 * Each count that is taken holds until a later one of the same field: values are
 * cumulative and are never added up. One object counts as a whole, when it is closed.
 */
#ifndef GATEHOUSE_WORKER_METER_USAGE_H
#define GATEHOUSE_WORKER_METER_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/endpoint.h"
#include "common/usage.h"
#include "worker/meter_pick.h"

/* Fields of answers. Those before USAGE_FIELD_COUNTS are numbers of a usage object. */
enum usage_field {
	USAGE_FIELD_PROMPT,        /* prompt_tokens: cached ones included */
	USAGE_FIELD_INPUT,         /* input_tokens: with them too, but not in messages */
	USAGE_FIELD_PROMPT_CACHED, /* prompt_tokens_details.cached_tokens */
	USAGE_FIELD_INPUT_CACHED,  /* input_tokens_details.cached_tokens */
	USAGE_FIELD_CACHE_READ,    /* messages: beside input_tokens */
	USAGE_FIELD_CACHE_WRITE,   /* messages: beside input_tokens */
	USAGE_FIELD_COMPLETION,
	USAGE_FIELD_OUTPUT,
	USAGE_FIELD_SECONDS,
	USAGE_FIELD_COUNTS,
	USAGE_FIELD_USAGE = USAGE_FIELD_COUNTS,
	USAGE_FIELD_START_USAGE, /* message.usage, of message_start */
	USAGE_FIELD_DURATION,    /* of transcriptions, a number or a string */
	USAGE_FIELD_TYPE,        /* of events of messages */
	USAGE_FIELD_MODEL,
	USAGE_FIELD_CHOICES,
	USAGE_FIELD_INSIDE, /* an object that only holds fields */
	USAGE_FIELD_ANSWER, /* the document */
};

/* A few counts and which of them are known. */
struct usage_counts {
	uint64_t v[USAGE_FIELD_COUNTS];
	uint32_t known; /* a bit each */
};

/* What has been taken so far. */
struct usage_taker {
	bool messages;    /* Anthropic's shape */
	bool start;       /* this event's type is message_start */
	bool start_waits; /* its message.usage is in now, the type has not been seen */
	bool nonsense;    /* a count was not taken */
	bool odd_cached; /* nor is the one of cached tokens that holds: it is too large */
	bool duration_known;
	uint64_t duration_ms;
	struct usage_counts now;  /* of the object that is being read */
	struct usage_counts last; /* what holds */
};

/* What is looked for in an answer of that endpoint, a whole one or an event. */
const struct pick_field *usage_fields(enum endpoint endpoint, bool event);

void usage_taker_init(struct usage_taker *t, enum endpoint endpoint);

/* Take a field of usage_fields() that was found. Returns whether usage may have changed:
 * then usage_taker_sum() says it. */
bool usage_taker_take(
    struct usage_taker *t, const struct pick_field *f, const struct pick_value *v);

/* What has been taken, normalised. Sets the counters of tokens and audio_ms of out only.
 * Returns whether anything has been taken. */
bool usage_taker_sum(struct usage_taker *t, struct usage *out);

#endif
