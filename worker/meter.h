/*
 * The meter watches bodies pass and picks out `model`, `stream_options.include_usage`
 * and `usage`, byte by byte, across any split of the input, keeping nothing else and
 * allocating nothing (but the few bytes of an event that is being judged). Pure.
 * FACTS section 2 has all shapes. Only the top-level `usage` counts (and
 * `message.usage` in Anthropic's message_start); decoys inside content, tool
 * arguments, nested objects or escaped quotes change nothing.
 */
#ifndef GATEHOUSE_WORKER_METER_H
#define GATEHOUSE_WORKER_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/endpoint.h"
#include "common/span.h"
#include "common/usage.h"

enum {
	METER_MODEL_MAX = 63,
	METER_HOLD_MAX = 4096 /* bytes of an event that is judged */
};

enum meter_format {
	METER_NONE,      /* nothing to be read: text, srt, vtt, binary */
	METER_JSON,      /* one JSON document */
	METER_EVENTS,    /* text/event-stream */
	METER_MULTIPART, /* requests: a form; the field `model` is looked for */
};

/* The format a Content-Type value stands for (RFC 9110 section 8.3.1). boundary_out:
 * of multipart/form-data, borrowed; may be NULL. */
enum meter_format meter_format_of(struct span content_type, struct span *boundary_out);

struct meter_request {
	char model[METER_MODEL_MAX + 1]; /* "" until seen; too long or odd: "" */
	bool model_seen;    /* it is a string, or a form's field; the last one counts */
	bool include_usage; /* stream_options.include_usage is true at the top level, or
			     * stream_include_usage of a form is */
	/* the rest is the meter's own */
	_Alignas(8) unsigned char state[256];
};

/* boundary is copied (at most 70 bytes, RFC 2046 section 5.1.1). */
void meter_request_init(
    struct meter_request *m, enum meter_format f, struct span boundary);
void meter_request_feed(struct meter_request *m, struct span data);

struct meter_answer {
	struct usage usage; /* the last cumulative one; tokens and audio_ms only */
	bool usage_seen;    /* a count has been taken, or a duration */
	bool nonsense; /* a count was negative, fractional, not finite or absurd: not taken; or
			* the last one of cached tokens is more than the prompt's */
	char model[METER_MODEL_MAX + 1]; /* top-level "model" of the answer, "" if none */
	_Alignas(8) unsigned char state[512];
};

/*
 * Values are cumulative: the last one of each field holds, none are added up; one object
 * counts as a whole when it is closed. Names count as JSON means them, \u0075sage too.
 * endpoint  decides the shape of usage (chat, messages, transcriptions, ...).
 * drop_usage_chunk  METER_EVENTS: leave out the usage-only chunk (`choices: []` and
 *           usage), which the client had not asked for. An event is held only while it
 *           may be one: never over 4 KiB, and never one of messages.
 * mend      METER_EVENTS: join upstream's malformed error events (`event: error` with
 *           no data, then the data) into one.
 */
void meter_answer_init(struct meter_answer *m, enum endpoint endpoint,
    enum meter_format f, bool drop_usage_chunk, bool mend);
/* Free what an event that is still being judged holds. */
void meter_answer_fini(struct meter_answer *m);

/* Called with the bytes that go on to the client, in order: inside data, or up to
 * METER_HOLD_MAX bytes that are borrowed for the call. */
typedef void (*meter_emit_fn)(void *arg, struct span data);

/*
 * Read data; emit what passes. Without drop_usage_chunk and mend data is emitted as it
 * is, whole. usage is up to date before the bytes that say it are emitted.
 */
void meter_answer_feed(
    struct meter_answer *m, struct span data, meter_emit_fn emit, void *arg);

/* The body is complete: emit what is still held, take what a JSON document said. */
void meter_answer_end(struct meter_answer *m, meter_emit_fn emit, void *arg);

/* Does the stream stand between two events, so that a comment line may be put in? */
bool meter_answer_at_event_end(const struct meter_answer *m);

#endif
