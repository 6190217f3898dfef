/*
 * What requests say of the model and of usage in streams. In JSON and in forms the last
 * of two fields of one name counts, as it does for those who run the models.
 */
#include "worker/meter.h"

#include "worker/meter_form.h"
#include "worker/meter_pick.h"

struct request_state {
	enum meter_format format;
	union {
		struct pick json;
		struct form form;
	} u;
};

_Static_assert(
    sizeof(struct request_state) <= sizeof(((struct meter_request *)NULL)->state),
    "a request's state has outgrown its place");

enum request_field {
	REQUEST_MODEL,
	REQUEST_STREAM_OPTIONS,
	REQUEST_INCLUDE_USAGE,
	REQUEST_BODY,
};

/* clang-format off */
static const struct pick_field stream_options_v[] = {
	{ { "include_usage", 13 }, REQUEST_INCLUDE_USAGE, NULL },
};
static const struct pick_fields stream_options = { stream_options_v, 1 };
static const struct pick_field request_v[] = {
	{ { "model", 5 }, REQUEST_MODEL, NULL },
	{ { "stream_options", 14 }, REQUEST_STREAM_OPTIONS, &stream_options },
};
static const struct pick_fields request_fields = { request_v, 2 };
static const struct pick_field request_root = { { "", 0 }, REQUEST_BODY, &request_fields };

enum { FORM_MODEL, FORM_INCLUDE_USAGE, FORM_NAMES };

/* vLLM's forms have no stream_options, but this */
static const struct span form_names[FORM_NAMES] = {
	[FORM_MODEL] = { "model", 5 },
	[FORM_INCLUDE_USAGE] = { "stream_include_usage", 20 },
};
/* what a form may call true */
static const char *const form_true[] = { "true", "1", "yes", "on", "t", "y" };
/* clang-format on */

static struct request_state *
state_of(struct meter_request *m)
{
	return (struct request_state *)(void *)m->state;
}

void
meter_request_init(struct meter_request *m, enum meter_format f, struct span boundary)
{
	struct request_state *s = state_of(m);

	m->model[0] = '\0';
	m->model_seen = false;
	m->include_usage = false;
	s->format = f;
	if (f == METER_JSON)
		pick_init(&s->u.json, &request_root);
	else if (f == METER_MULTIPART)
		form_init(&s->u.form, boundary, form_names, FORM_NAMES);
}

static void
set_model(struct meter_request *m, struct span model)
{
	if (model.n > METER_MODEL_MAX)
		model.n = 0;
	if (model.n > 0)
		memcpy(m->model, model.p, model.n);
	m->model[model.n] = '\0';
	m->model_seen = true;
}

/* A pick_take_fn. */
static void
take_json(void *arg, const struct pick_field *f, const struct pick_value *v)
{
	struct meter_request *m = arg;

	switch ((enum request_field)f->id) {
	case REQUEST_MODEL:
		set_model(m, v->type == PICK_STRING ? v->text : (struct span){ 0 });
		m->model_seen = v->type == PICK_STRING;
		break;
	case REQUEST_STREAM_OPTIONS:
		if (v->type != PICK_OBJECT_END)
			m->include_usage = false;
		break;
	case REQUEST_INCLUDE_USAGE: m->include_usage = v->type == PICK_TRUE; break;
	case REQUEST_BODY: break;
	}
}

static bool
is_true(struct span value)
{
	for (size_t i = 0; i < sizeof(form_true) / sizeof(form_true[0]); i++)
		if (span_eq_nocase(value, span_of(form_true[i])))
			return true;
	return false;
}

/* A form_take_fn. */
static void
take_form(void *arg, int field, struct span value, bool too_long)
{
	struct meter_request *m = arg;

	if (too_long || !text_is_plain(value))
		value.n = 0;
	if (field == FORM_MODEL)
		set_model(m, value);
	else
		m->include_usage = is_true(value);
}

void
meter_request_feed(struct meter_request *m, struct span data)
{
	struct request_state *s = state_of(m);

	if (s->format == METER_JSON)
		pick_feed(&s->u.json, data, take_json, m);
	else if (s->format == METER_MULTIPART)
		form_feed(&s->u.form, data, take_form, m);
}
