/*
 * Normalising: cached tokens are taken out of prompt_tokens, Anthropic's stand apart
 * from the start. What is named twice counts by its first name: prompt_tokens before
 * input_tokens, seconds before duration.
 */
#include "worker/meter_usage.h"

#include <string.h>

#include "worker/meter_number.h"

/* --- where the fields stand --- */

/* clang-format off */
#define TEXT(literal) { literal, sizeof(literal) - 1 }
#define FIELDS(name, ...) \
	static const struct pick_field name##_v[] = { __VA_ARGS__ }; \
	static const struct pick_fields name = { name##_v, sizeof(name##_v) / sizeof(name##_v[0]) }

FIELDS(prompt_details,
	{ TEXT("cached_tokens"), USAGE_FIELD_PROMPT_CACHED, NULL },
);
FIELDS(input_details,
	{ TEXT("cached_tokens"), USAGE_FIELD_INPUT_CACHED, NULL },
);
/* OpenAI's names, old and new; seconds are a transcription's */
FIELDS(openai_counts,
	{ TEXT("prompt_tokens"), USAGE_FIELD_PROMPT, NULL },
	{ TEXT("completion_tokens"), USAGE_FIELD_COMPLETION, NULL },
	{ TEXT("prompt_tokens_details"), USAGE_FIELD_INSIDE, &prompt_details },
	{ TEXT("input_tokens"), USAGE_FIELD_INPUT, NULL },
	{ TEXT("output_tokens"), USAGE_FIELD_OUTPUT, NULL },
	{ TEXT("input_tokens_details"), USAGE_FIELD_INSIDE, &input_details },
	{ TEXT("seconds"), USAGE_FIELD_SECONDS, NULL },
);
FIELDS(anthropic_counts,
	{ TEXT("input_tokens"), USAGE_FIELD_INPUT, NULL },
	{ TEXT("output_tokens"), USAGE_FIELD_OUTPUT, NULL },
	{ TEXT("cache_read_input_tokens"), USAGE_FIELD_CACHE_READ, NULL },
	{ TEXT("cache_creation_input_tokens"), USAGE_FIELD_CACHE_WRITE, NULL },
);
FIELDS(openai_answer,
	{ TEXT("usage"), USAGE_FIELD_USAGE, &openai_counts },
	{ TEXT("model"), USAGE_FIELD_MODEL, NULL },
	{ TEXT("choices"), USAGE_FIELD_CHOICES, NULL },
);
FIELDS(audio_answer,
	{ TEXT("usage"), USAGE_FIELD_USAGE, &openai_counts },
	{ TEXT("duration"), USAGE_FIELD_DURATION, NULL },
	{ TEXT("model"), USAGE_FIELD_MODEL, NULL },
	{ TEXT("choices"), USAGE_FIELD_CHOICES, NULL },
);
FIELDS(messages_answer,
	{ TEXT("usage"), USAGE_FIELD_USAGE, &anthropic_counts },
	{ TEXT("model"), USAGE_FIELD_MODEL, NULL },
);
FIELDS(messages_start,
	{ TEXT("usage"), USAGE_FIELD_START_USAGE, &anthropic_counts },
	{ TEXT("model"), USAGE_FIELD_MODEL, NULL },
);
FIELDS(messages_event,
	{ TEXT("type"), USAGE_FIELD_TYPE, NULL },
	{ TEXT("message"), USAGE_FIELD_INSIDE, &messages_start },
	{ TEXT("usage"), USAGE_FIELD_USAGE, &anthropic_counts },
);
static const struct pick_field openai_root = { TEXT(""), USAGE_FIELD_ANSWER, &openai_answer };
static const struct pick_field audio_root = { TEXT(""), USAGE_FIELD_ANSWER, &audio_answer };
static const struct pick_field messages_root = { TEXT(""), USAGE_FIELD_ANSWER, &messages_answer };
static const struct pick_field messages_event_root = { TEXT(""), USAGE_FIELD_ANSWER, &messages_event };
/* clang-format on */

static bool
is_audio(enum endpoint endpoint)
{
	return endpoint == ENDPOINT_TRANSCRIPTIONS || endpoint == ENDPOINT_TRANSLATIONS;
}

const struct pick_field *
usage_fields(enum endpoint endpoint, bool event)
{
	if (endpoint == ENDPOINT_MESSAGES)
		return event ? &messages_event_root : &messages_root;
	return is_audio(endpoint) ? &audio_root : &openai_root;
}

/* --- taking --- */

static bool
is_known(const struct usage_counts *c, enum usage_field f)
{
	return (c->known >> f & 1) != 0;
}

static void
set(struct usage_counts *c, enum usage_field f, uint64_t value)
{
	c->v[f] = value;
	c->known |= UINT32_C(1) << f;
}

/* The first of the two that is known; 0 if none. */
static uint64_t
either(const struct usage_counts *c, enum usage_field a, enum usage_field b)
{
	if (is_known(c, a))
		return c->v[a];
	return is_known(c, b) ? c->v[b] : 0;
}

void
usage_taker_init(struct usage_taker *t, enum endpoint endpoint)
{
	memset(t, 0, sizeof(*t));
	t->messages = endpoint == ENDPOINT_MESSAGES;
}

/* A number within usage; the last of that name in the object counts. */
static void
take_count(struct usage_taker *t, enum usage_field f, const struct pick_value *v)
{
	uint64_t value;
	int r;

	t->now.known &= ~(UINT32_C(1) << f);
	if (v->type != PICK_NUMBER)
		return;
	if (f == USAGE_FIELD_SECONDS)
		r = meter_number_ms(v->text, USAGE_TOKENS_MAX, &value);
	else
		r = meter_number_whole(v->text, USAGE_TOKENS_MAX, &value);
	if (r == 0)
		set(&t->now, f, value);
	else
		t->nonsense = true;
}

static bool
take_duration(struct usage_taker *t, const struct pick_value *v)
{
	uint64_t ms;

	if (v->type != PICK_NUMBER && v->type != PICK_STRING)
		return false;
	if (meter_number_ms(v->text, USAGE_TOKENS_MAX, &ms) != 0) {
		t->nonsense = true;
		return false;
	}
	t->duration_known = true;
	t->duration_ms = ms;
	return true;
}

/* message_delta may repeat what message_start said of the input, or say 0 of all of it
 * because it does not know: that is not taken. */
static void
forget_unknown_input(struct usage_taker *t)
{
	const uint32_t input = UINT32_C(1) << USAGE_FIELD_INPUT |
	    UINT32_C(1) << USAGE_FIELD_CACHE_READ | UINT32_C(1) << USAGE_FIELD_CACHE_WRITE;
	uint64_t said = 0;

	for (unsigned f = 0; f < USAGE_FIELD_COUNTS; f++)
		if ((input & t->now.known) >> f & 1)
			said |= t->now.v[f];
	if (said == 0 && (t->last.known & input) != 0)
		t->now.known &= ~input;
}

/* The object is closed: its counts hold. Returns whether there were any. */
static bool
commit(struct usage_taker *t)
{
	bool any;

	if (t->messages)
		forget_unknown_input(t);
	any = t->now.known != 0;
	for (unsigned f = 0; f < USAGE_FIELD_COUNTS; f++)
		if (is_known(&t->now, (enum usage_field)f))
			set(&t->last, (enum usage_field)f, t->now.v[f]);
	t->now.known = 0;
	return any;
}

static bool
take_usage(struct usage_taker *t, enum usage_field f, const struct pick_value *v)
{
	if (v->type == PICK_OBJECT) {
		t->now.known = 0;
		t->start_waits = false;
	}
	if (v->type != PICK_OBJECT_END)
		return false;
	if (f == USAGE_FIELD_START_USAGE && !t->start) {
		t->start_waits = true;
		return false;
	}
	return commit(t);
}

static bool
take_type(struct usage_taker *t, const struct pick_value *v)
{
	t->start = v->type == PICK_STRING && span_eq(v->text, SPAN("message_start"));
	if (!t->start || !t->start_waits)
		return false;
	t->start_waits = false;
	return commit(t);
}

bool
usage_taker_take(
    struct usage_taker *t, const struct pick_field *f, const struct pick_value *v)
{
	const enum usage_field id = (enum usage_field)f->id;

	if (id == USAGE_FIELD_ANSWER) {
		t->start = false;
		t->start_waits = false;
		return false;
	}
	if (id < USAGE_FIELD_COUNTS) {
		take_count(t, id, v);
		return false;
	}
	if (id == USAGE_FIELD_USAGE || id == USAGE_FIELD_START_USAGE)
		return take_usage(t, id, v);
	if (id == USAGE_FIELD_TYPE)
		return take_type(t, v);
	return id == USAGE_FIELD_DURATION && take_duration(t, v);
}

/* --- normalising --- */

static void
sum_openai(struct usage_taker *t, struct usage *out)
{
	uint64_t prompt = either(&t->last, USAGE_FIELD_PROMPT, USAGE_FIELD_INPUT);
	uint64_t cached =
	    either(&t->last, USAGE_FIELD_PROMPT_CACHED, USAGE_FIELD_INPUT_CACHED);

	t->odd_cached = cached > prompt;
	if (t->odd_cached)
		cached = 0;
	out->v[USAGE_INPUT] = prompt - cached;
	out->v[USAGE_CACHE_READ] = cached;
	out->v[USAGE_OUTPUT] =
	    either(&t->last, USAGE_FIELD_COMPLETION, USAGE_FIELD_OUTPUT);
}

bool
usage_taker_sum(struct usage_taker *t, struct usage *out)
{
	if (t->messages) {
		out->v[USAGE_INPUT] = t->last.v[USAGE_FIELD_INPUT];
		out->v[USAGE_CACHE_READ] = t->last.v[USAGE_FIELD_CACHE_READ];
		out->v[USAGE_CACHE_WRITE] = t->last.v[USAGE_FIELD_CACHE_WRITE];
		out->v[USAGE_OUTPUT] = t->last.v[USAGE_FIELD_OUTPUT];
	} else {
		sum_openai(t, out);
	}
	out->v[USAGE_AUDIO_MS] = is_known(&t->last, USAGE_FIELD_SECONDS)
	    ? t->last.v[USAGE_FIELD_SECONDS]
	    : t->duration_ms;
	return t->last.known != 0 || t->duration_known;
}
