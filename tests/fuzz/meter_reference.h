/*
 * What worker/meter must find, worked out slowly and plainly: the whole body at once,
 * Jansson for what is JSON. Where the meter may see what a strict parser refuses (bodies
 * that are malformed, names that stand twice, numbers with a point), `unsure` is set and
 * nothing is claimed.
 */
#ifndef GATEHOUSE_TESTS_FUZZ_METER_REFERENCE_H
#define GATEHOUSE_TESTS_FUZZ_METER_REFERENCE_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/meter_drive.h"

enum { REFERENCE_CHUNK_MAX = 4096, REFERENCE_NAMES = 9 };

/* Each count by its name; FIELD names an object that it stands in. */
struct reference {
	const struct meter_case *c;
	bool unsure;
	bool nonsense;
	bool seen;
	json_int_t last[REFERENCE_NAMES]; /* -1: not known */
	json_int_t duration_ms;           /* -1: not known */
	char model[METER_MODEL_MAX + 1];
	char *out;
	size_t out_n;
};

/* clang-format off */
static const struct {
	const char *in, *name;
} reference_names[REFERENCE_NAMES] = {
	{ NULL, "prompt_tokens" }, { NULL, "input_tokens" },
	{ "prompt_tokens_details", "cached_tokens" }, { "input_tokens_details", "cached_tokens" },
	{ NULL, "cache_read_input_tokens" }, { NULL, "cache_creation_input_tokens" },
	{ NULL, "completion_tokens" }, { NULL, "output_tokens" }, { NULL, "seconds" },
};
/* clang-format on */

static inline bool
reference_is_messages(const struct reference *r)
{
	return r->c->endpoint == ENDPOINT_MESSAGES;
}

static inline bool
reference_wants(const struct reference *r, int name)
{
	const bool anthropic = name == 1 || name == 4 || name == 5 || name == 7;

	if (reference_is_messages(r))
		return anthropic;
	return name != 4 && name != 5;
}

/* A count; -1 if it is not taken. */
static inline json_int_t
reference_count(struct reference *r, const json_t *v, json_int_t max)
{
	r->unsure = r->unsure || json_is_real(v);
	if (!json_is_integer(v))
		return -1;
	if (json_integer_value(v) >= 0 && json_integer_value(v) <= max)
		return json_integer_value(v);
	r->nonsense = true;
	return -1;
}

static inline void
reference_usage(struct reference *r, const json_t *usage)
{
	json_int_t now[REFERENCE_NAMES], said = 0;
	bool known = false, any = false;

	for (int i = 0; i < REFERENCE_NAMES; i++) {
		const json_t *in = reference_names[i].in == NULL
		    ? usage
		    : json_object_get(usage, reference_names[i].in);

		now[i] = -1;
		if (reference_wants(r, i))
			now[i] = reference_count(r,
			    json_object_get(in, reference_names[i].name),
			    i == 8 ? 1000000 : 1000000000);
		if (i == 1 || i == 4 || i == 5) {
			said |= now[i] > 0 ? now[i] : 0;
			known = known || r->last[i] >= 0;
		}
	}
	for (int i = 0; i < REFERENCE_NAMES; i++) {
		if (reference_is_messages(r) && i != 7 && said == 0 && known)
			continue; /* no event is taken to say that there was no input after all */
		if (now[i] >= 0) {
			r->last[i] = i == 8 ? now[i] * 1000 : now[i];
			any = true;
		}
	}
	r->seen = r->seen || any;
}

/* Do the counts that hold in the end say that more was cached than there was? */
static inline void
reference_cached(struct reference *r)
{
	const json_int_t prompt = r->last[0] >= 0 ? r->last[0] : r->last[1];
	const json_int_t cached = r->last[2] >= 0 ? r->last[2] : r->last[3];

	if (!reference_is_messages(r) && cached > (prompt > 0 ? prompt : 0))
		r->nonsense = true;
}

static inline void
reference_model(struct reference *r, const json_t *model)
{
	const size_t n = json_string_length(model);

	if (!json_is_string(model) || n > METER_MODEL_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		if (json_string_value(model)[i] < ' ' || json_string_value(model)[i] > '~')
			return;
	memcpy(r->model, json_string_value(model), n + 1);
}

static inline void
reference_duration(struct reference *r, const json_t *duration)
{
	json_int_t s;

	r->unsure = r->unsure || json_is_string(duration);
	s = reference_count(r, duration, 1000000);
	if (s < 0)
		return;
	r->duration_ms = s * 1000;
	r->seen = true;
}

static inline void
reference_document(struct reference *r, const json_t *root)
{
	const bool events = r->c->format == METER_EVENTS;
	const json_t *message = json_object_get(root, "message");
	const json_t *type = json_object_get(root, "type");

	if (!json_is_object(root))
		return;
	if (json_is_object(json_object_get(root, "usage"))) {
		/* which of the two is the last is not worked out here */
		r->unsure = r->unsure || json_object_get(message, "usage") != NULL;
		reference_usage(r, json_object_get(root, "usage"));
	}
	if (r->c->endpoint == ENDPOINT_TRANSCRIPTIONS)
		reference_duration(r, json_object_get(root, "duration"));
	if (!reference_is_messages(r) || !events) {
		reference_model(r, json_object_get(root, "model"));
		return;
	}
	if (!json_is_object(message))
		return;
	reference_model(r, json_object_get(message, "model"));
	if (json_is_string(type) && strcmp(json_string_value(type), "message_start") == 0 &&
	    json_is_object(json_object_get(message, "usage")))
		reference_usage(r, json_object_get(message, "usage"));
	else if (json_is_object(json_object_get(message, "usage"))) {
		/* its numbers are not counted, but looked at */
		r->unsure = true;
	}
}

/* Parse text; NULL if it is no JSON. (Jansson passes over a NUL behind a number.) */
static inline json_t *
reference_parse(struct span text)
{
	json_error_t e;

	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		return NULL;
	return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &e);
}

/* Parse text and take what it says. usage_only_out: it is a usage-only chunk. */
static inline void
reference_text(struct reference *r, struct span text, bool *usage_only_out)
{
	json_t *root = reference_parse(text);
	const json_t *choices = json_object_get(root, "choices");

	*usage_only_out = json_is_array(choices) && json_array_size(choices) == 0 &&
	    json_is_object(json_object_get(root, "usage"));
	if (root == NULL) {
		size_t i = 0;

		while (i < text.n && strchr(" \t\r\n", text.p[i]) != NULL &&
		    text.p[i] != '\0')
			i++;
		r->unsure = r->unsure || (i < text.n && text.p[i] == '{');
	} else {
		reference_document(r, root);
	}
	json_decref(root);
}

/* --- event streams --- */

/* A line without its end, and with it. */
struct reference_line {
	struct span text;
	struct span all;
};

static inline struct reference_line
reference_next_line(struct span *rest)
{
	struct reference_line l = { { rest->p, 0 }, { rest->p, 0 } };

	while (
	    l.text.n < rest->n && rest->p[l.text.n] != '\n' && rest->p[l.text.n] != '\r')
		l.text.n++;
	l.all.n = l.text.n;
	if (l.all.n < rest->n)
		l.all.n +=
		    rest->n - l.all.n > 1 && memcmp(rest->p + l.all.n, "\r\n", 2) == 0 ? 2
										       : 1;
	rest->p += l.all.n;
	rest->n -= l.all.n;
	return l;
}

/* The value of a line if its field has that name. */
static inline bool
reference_field(struct span line, const char *name, struct span *value_out)
{
	const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
	const size_t n = colon != NULL ? (size_t)(colon - line.p) : line.n;

	if (!span_eq((struct span){ line.p, n }, span_of(name)))
		return false;
	*value_out = (struct span){ line.p + n, line.n - n };
	for (int i = 0; i < 2; i++) /* the colon, then a space */
		if (value_out->n > 0 && value_out->p[0] == ": "[i]) {
			value_out->p++;
			value_out->n--;
		}
	return true;
}

static inline void
reference_emit(struct reference *r, struct span s)
{
	if (s.n > 0)
		memcpy(r->out + r->out_n, s.p, s.n);
	r->out_n += s.n;
}

/* What is known of an event while its lines are read. */
struct reference_event {
	const char *from;
	bool begun, has_data, is_error, behind_error;
	char *data;
	size_t data_n;
};

static inline void
reference_add_line(struct reference_event *ev, struct span line)
{
	struct span value = { 0 };

	if (reference_field(line, "data", &value)) {
		if (ev->has_data)
			ev->data[ev->data_n++] = '\n';
		ev->has_data = true;
		if (value.n > 0)
			memcpy(ev->data + ev->data_n, value.p, value.n);
		ev->data_n += value.n;
	} else if (reference_field(line, "event", &value)) {
		ev->is_error = span_eq(value, SPAN("error"));
	}
}

/* The event ends before `to`, with a blank line or with the stream (blank.n is 0). */
static inline void
reference_end_event(struct reference *r, struct reference_event *ev, const char *to,
    struct span blank, struct span rest)
{
	const size_t n = (size_t)(to - ev->from);
	const struct span bytes = { ev->from, n };
	struct span ignored;
	bool usage_only = false;
	bool joined = false;

	if (ev->has_data)
		reference_text(r, (struct span){ ev->data, ev->data_n }, &usage_only);
	if (r->c->drop && usage_only && !ev->behind_error && !reference_is_messages(r) &&
	    n + (blank.n > 0) <= REFERENCE_CHUNK_MAX) {
		memset(ev, 0, offsetof(struct reference_event, data));
		ev->data_n = 0;
		return;
	}
	reference_emit(r, bytes);
	if (r->c->mend && ev->is_error && !ev->has_data && blank.n > 0) {
		const struct reference_line next = reference_next_line(&rest);

		/* a name that is cut off is none yet */
		joined = reference_field(next.text, "data", &ignored) &&
		    (next.text.n > 4 || next.all.n > next.text.n);
	}
	if (!joined)
		reference_emit(r, blank);
	joined = r->c->mend && ev->is_error && !ev->has_data;
	memset(ev, 0, offsetof(struct reference_event, data));
	ev->data_n = 0;
	ev->behind_error = joined;
}

static inline void
reference_events(struct reference *r, struct span text)
{
	struct reference_event ev = { .data = malloc(text.n + 1) };
	struct span rest = text;

	if (ev.data == NULL)
		abort();
	while (rest.n > 0) {
		const struct reference_line l = reference_next_line(&rest);

		if (l.text.n > 0 && l.text.p[0] == ':') { /* no part of an event */
			if (!ev.begun) {
				reference_emit(r, l.all);
				ev.behind_error = false;
			}
		} else if (l.text.n > 0) {
			if (!ev.begun)
				ev.from = l.text.p;
			ev.begun = true;
			reference_add_line(&ev, l.text);
		} else if (ev.begun) {
			reference_end_event(r, &ev, l.text.p, l.all, rest);
		} else {
			reference_emit(r, l.all);
			ev.behind_error = false;
		}
	}
	if (ev.begun)
		reference_end_event(r, &ev, text.p + text.n, (struct span){ 0 }, rest);
	free(ev.data);
}

/* --- the whole --- */

static inline uint64_t
reference_known(json_int_t a, json_int_t b)
{
	if (a >= 0)
		return (uint64_t)a;
	return b >= 0 ? (uint64_t)b : 0;
}

static inline void
reference_sum(const struct reference *r, struct usage *u)
{
	const uint64_t prompt = reference_known(r->last[0], r->last[1]);
	uint64_t cached = reference_known(r->last[2], r->last[3]);

	memset(u, 0, sizeof(*u));
	if (reference_is_messages(r)) {
		u->v[USAGE_INPUT] = reference_known(r->last[1], 0);
		u->v[USAGE_CACHE_READ] = reference_known(r->last[4], 0);
		u->v[USAGE_CACHE_WRITE] = reference_known(r->last[5], 0);
		u->v[USAGE_OUTPUT] = reference_known(r->last[7], 0);
		return;
	}
	if (cached > prompt)
		cached = 0;
	u->v[USAGE_INPUT] = prompt - cached;
	u->v[USAGE_CACHE_READ] = cached;
	u->v[USAGE_OUTPUT] = reference_known(r->last[6], r->last[7]);
	u->v[USAGE_AUDIO_MS] = reference_known(r->last[8], r->duration_ms);
}

/* Work out text. out: room for text.n bytes. */
static inline void
reference_run(struct reference *r, const struct meter_case *c, struct span text, char *out)
{
	bool ignored;

	memset(r, 0, sizeof(*r));
	r->c = c;
	r->out = out;
	r->duration_ms = -1;
	for (int i = 0; i < REFERENCE_NAMES; i++)
		r->last[i] = -1;
	if (c->format == METER_EVENTS) {
		reference_events(r, text);
	} else {
		reference_emit(r, text);
		if (c->format == METER_JSON)
			reference_text(r, text, &ignored);
	}
	reference_cached(r);
}

#endif
