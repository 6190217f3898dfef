/*
 * What answers say of usage, and the filter on their event streams. The shapes are
 * meter_usage.c's, the lines and events meter_events.c's.
 */
#include "worker/meter.h"

#include "worker/meter_events.h"
#include "worker/meter_pick.h"
#include "worker/meter_usage.h"

struct answer_state {
	enum meter_format format;
	struct pick json;
	struct usage_taker taker;
	struct events events;
};

_Static_assert(sizeof(struct answer_state) <= sizeof(((struct meter_answer *)NULL)->state),
    "an answer's state has outgrown its place");

static struct answer_state *
state_of(struct meter_answer *m)
{
	return (struct answer_state *)(void *)m->state;
}

void
meter_answer_init(struct meter_answer *m, enum endpoint endpoint, enum meter_format f,
    bool drop_usage_chunk, bool mend)
{
	struct answer_state *s = state_of(m);

	memset(m, 0, sizeof(*m) - sizeof(m->state));
	s->format = f;
	pick_init(&s->json, usage_fields(endpoint, f == METER_EVENTS));
	usage_taker_init(&s->taker, endpoint);
	/* no event of messages has choices */
	events_init(&s->events, drop_usage_chunk && endpoint != ENDPOINT_MESSAGES, mend);
}

void
meter_answer_fini(struct meter_answer *m)
{
	events_fini(&state_of(m)->events);
}

/* Look whether the event may be a usage-only chunk. */
static void
judge(struct events_verdict *verdict, int field, const struct pick_value *v)
{
	if (field == USAGE_FIELD_CHOICES) {
		if (v->type == PICK_ARRAY_EMPTY)
			verdict->choices_empty = true;
		else
			verdict->passes = true;
	} else if (field == USAGE_FIELD_USAGE) {
		if (v->type == PICK_OBJECT || v->type == PICK_OBJECT_END)
			verdict->usage_object = true;
		else
			verdict->passes = true;
	}
}

/* A pick_take_fn. */
static void
take_field(void *arg, const struct pick_field *f, const struct pick_value *v)
{
	struct meter_answer *m = arg;
	struct answer_state *s = state_of(m);

	if (f->id == USAGE_FIELD_MODEL) {
		if (v->type == PICK_STRING && v->text.n <= METER_MODEL_MAX) {
			if (v->text.n > 0)
				memcpy(m->model, v->text.p, v->text.n);
			m->model[v->text.n] = '\0';
		}
		return;
	}
	judge(&s->events.verdict, f->id, v);
	if (s->taker.messages &&
	    (f->id == USAGE_FIELD_USAGE || f->id == USAGE_FIELD_START_USAGE))
		s->events.verdict.bound = true;
	if (usage_taker_take(&s->taker, f, v))
		m->usage_seen = usage_taker_sum(&s->taker, &m->usage);
	m->nonsense = s->taker.nonsense || s->taker.odd_cached;
}

void
meter_answer_feed(struct meter_answer *m, struct span data, meter_emit_fn emit, void *arg)
{
	struct answer_state *s = state_of(m);
	const struct events_ends ends = { &s->json, take_field, m, emit, arg };

	if (data.n == 0)
		return;
	if (s->format == METER_EVENTS) {
		events_feed(&s->events, data, &ends);
		return;
	}
	if (s->format == METER_JSON)
		pick_feed(&s->json, data, take_field, m);
	emit(arg, data);
}

void
meter_answer_end(struct meter_answer *m, meter_emit_fn emit, void *arg)
{
	struct answer_state *s = state_of(m);
	const struct events_ends ends = { &s->json, take_field, m, emit, arg };

	if (s->format == METER_EVENTS)
		events_end(&s->events, &ends);
}

bool
meter_answer_at_event_end(const struct meter_answer *m)
{
	const struct answer_state *s = (const struct answer_state *)(const void *)m->state;

	return s->format == METER_EVENTS && events_at_end(&s->events);
}
