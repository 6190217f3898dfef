/*
 * A line is CR, LF or CRLF; an event ends with an empty one. What passes is emitted in
 * runs as long as can be: `pass` is the first byte that has not gone out yet, and it
 * moves only when something is left out or held.
 */
#include "worker/meter_events.h"

#include <stdlib.h>
#include <string.h>

#include "worker/meter_shape.h"

enum line_state {
	LINE_START, /* at the first byte of a line */
	LINE_NAME,
	LINE_DATA_START, /* behind `data:`, where one space is no part of the value */
	LINE_DATA,
	LINE_TYPE_START, /* the same of `event:` */
	LINE_TYPE,
	LINE_SKIP,
};

/* One call's input and where it goes. */
struct run {
	struct events *e;
	const struct events_ends *to;
	const char *end;
	const char *pass; /* not emitted yet, from here on */
	const char *mark; /* the judged event begins here, or before in hold */
	const char *from; /* the first byte of the event, if it is in this input */
};

void
events_init(struct events *e, bool drop, bool mend)
{
	memset(e, 0, sizeof(*e));
	e->drop = drop;
	e->mend = mend;
}

void
events_fini(struct events *e)
{
	free(e->hold);
	e->hold = NULL;
	e->hold_n = 0;
}

static void
emit_bytes(const struct run *r, const char *p, size_t n)
{
	if (n > 0)
		r->to->emit(r->to->emit_arg, (struct span){ p, n });
}

static void
feed_json(const struct run *r, struct span data)
{
	pick_feed(r->to->json, data, r->to->take, r->to->take_arg);
}

/* --- judging --- */

static bool
is_usage_only(const struct events *e, const struct pick *json)
{
	return !e->verdict.passes && e->verdict.choices_empty &&
	    e->verdict.usage_object && pick_is_complete(json);
}

/* Is it clear that the judged event, of n bytes so far, is no usage-only chunk? */
static bool
is_acquitted(const struct events *e, const struct pick *json, size_t n)
{
	return e->verdict.passes || n > EVENTS_HOLD_MAX ||
	    (pick_is_over(json) && !pick_is_complete(json));
}

/* The judged event passes: what was held of it goes out, the rest follows it. */
static void
judged_pass(struct run *r)
{
	emit_bytes(r, r->e->hold, r->e->hold_n);
	events_fini(r->e);
	r->e->judged = false;
}

/* The judged event is left out; it ends at to. */
static void
judged_drop(struct run *r, const char *to)
{
	if (r->e->hold == NULL)
		emit_bytes(r, r->pass, (size_t)(r->mark - r->pass));
	events_fini(r->e);
	r->e->judged = false;
	r->pass = to;
}

/* The input ends within the judged event: hold it, or let it pass. Without memory it
 * passes, for to spoil an answer would be worse than a chunk too many. */
static void
judged_hold(struct run *r)
{
	struct events *e = r->e;
	const size_t n = (size_t)(r->end - r->mark);

	if (!is_acquitted(e, r->to->json, e->hold_n + n) &&
	    (e->hold != NULL || (e->hold = malloc(EVENTS_HOLD_MAX)) != NULL)) {
		emit_bytes(r, r->pass, (size_t)(r->mark - r->pass));
		memcpy(e->hold + e->hold_n, r->mark, n);
		e->hold_n += n;
		r->pass = r->end;
	} else {
		judged_pass(r);
	}
}

/* --- mending --- */

/* The blank line from p on tears an error from its data, perhaps: hold it. */
static void
gap_hold(struct run *r, const char *p)
{
	emit_bytes(r, r->pass, (size_t)(p - r->pass));
	r->e->gap_text[0] = *p;
	r->e->gap = 1;
	r->e->name_held = 0;
	r->pass = p + 1;
}

/* The name of the next line is known, or that it is not `data`. */
static void
gap_settle(struct run *r, bool joined)
{
	struct events *e = r->e;

	if (!joined)
		emit_bytes(r, e->gap_text, e->gap);
	emit_bytes(r, e->name, e->name_held);
	e->gap = 0;
	e->name_held = 0;
}

/* --- events --- */

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/*
 * An event that passes ends before p. Of those like it that follow, all but the last can
 * be left unread (meter_shape.h). Returns where to read on.
 */
static const char *
pass_alike(const struct run *r, const char *p)
{
	const struct pick *json = r->to->json;
	struct shape s = {
		.from = r->from, .nest = json->nest_from, .rest = json->nest_to, .to = p
	};
	const char *last = p;

	if (s.from == NULL || s.rest == NULL || p == r->end || !shape_learn(&s))
		return p;
	for (const char *q = p; q != NULL; q = shape_match(&s, q, r->end)) {
		last = p;
		p = q;
	}
	return last;
}

/* The line at p is empty. */
static const char *
end_event(struct run *r, const char *p)
{
	struct events *e = r->e;
	const size_t n = e->hold_n + (size_t)(p + 1 - r->mark);
	const char *next = p + 1;

	if (e->gap > 0)
		gap_settle(r, false);
	if (e->judged && n <= EVENTS_HOLD_MAX && is_usage_only(e, r->to->json)) {
		judged_drop(r, p + 1);
		e->swallow = *p == '\r';
	} else {
		if (e->judged)
			judged_pass(r);
		if (e->mend && e->is_error && !e->has_data)
			gap_hold(r, p);
	}
	if (e->has_data && *p == '\n' && (!e->drop || e->verdict.passes) &&
	    !e->verdict.bound)
		next = pass_alike(r, next);
	if (e->has_data)
		pick_again(r->to->json);
	r->from = NULL;
	e->verdict = (struct events_verdict){ 0 };
	e->in_event = false;
	e->has_data = false;
	e->is_error = false;
	e->behind_cr = *p == '\r';
	return next;
}

/* The byte at p comes behind a carriage return. Returns what comes behind that line end. */
static const char *
finish_crlf(struct run *r, const char *p)
{
	struct events *e = r->e;
	const bool swallow = e->swallow;

	e->behind_cr = false;
	e->swallow = false;
	if (*p != '\n')
		return p;
	if (e->gap > 0) {
		e->gap_text[1] = *p;
		e->gap = 2;
	}
	if (swallow || e->gap > 0)
		r->pass = p + 1;
	return p + 1;
}

/* --- lines --- */

static bool
name_is(const struct events *e, struct span name)
{
	return span_eq((struct span){ e->name, e->name_n }, name);
}

static void
name_add(struct events *e, char c)
{
	e->name[e->name_n] = c;
	if (e->name_n < EVENTS_NAME_MAX) /* else it is too long for all that are known */
		e->name_n++;
}

/* A line of data begins: the next of an event is joined by a line feed. */
static void
begin_data(struct run *r)
{
	if (r->e->has_data)
		feed_json(r, SPAN("\n"));
	r->e->has_data = true;
	r->e->state = LINE_DATA_START;
}

static void
end_name(struct run *r)
{
	struct events *e = r->e;
	const bool is_data = name_is(e, SPAN("data"));

	if (e->gap > 0)
		gap_settle(r, is_data);
	if (is_data) {
		begin_data(r);
	} else if (name_is(e, SPAN("event"))) {
		e->is_error = false;
		e->state = LINE_TYPE_START;
	} else {
		e->state = LINE_SKIP;
	}
	e->name_n = 0;
}

static const char *
end_line(struct run *r, const char *p)
{
	struct events *e = r->e;

	if (e->state == LINE_TYPE)
		e->is_error = name_is(e, SPAN("error"));
	e->state = LINE_START;
	e->behind_cr = *p == '\r';
	return p + 1;
}

static const char *
begin_line(struct run *r, const char *p)
{
	struct events *e = r->e;

	if (is_line_end(*p))
		return end_event(r, p);
	if (*p == ':') { /* a comment is no part of an event */
		if (e->gap > 0)
			gap_settle(r, false);
		e->state = LINE_SKIP;
		return p + 1;
	}
	if (!e->in_event) {
		e->in_event = true;
		e->judged = e->drop && e->gap == 0;
		r->mark = p;
		r->from = p;
	}
	e->name_n = 0;
	e->state = LINE_NAME;
	return p;
}

static const char *
read_name(struct run *r, const char *p)
{
	struct events *e = r->e;
	const struct span data = SPAN("data");

	if (e->name_n == 0 && e->gap == 0 && r->end - p > 4 && memcmp(p, "data:", 5) == 0) {
		begin_data(r);
		return p + 5;
	}
	for (; p < r->end; p++) {
		if (*p == ':' || is_line_end(*p)) {
			end_name(r);
			return *p == ':' ? p + 1 : end_line(r, p);
		}
		name_add(e, *p);
		if (e->gap > 0 &&
		    (e->name_n > data.n || memcmp(e->name, data.p, e->name_n) != 0))
			gap_settle(r, false);
	}
	if (e->gap > 0) {
		e->name_held = e->name_n;
		r->pass = r->end;
	}
	return p;
}

static const char *
read_data(struct run *r, const char *p)
{
	const char *to = scan_either(p, r->end, '\n', '\r');

	if (to > p)
		feed_json(r, (struct span){ p, (size_t)(to - p) });
	return to < r->end ? end_line(r, to) : to;
}

static const char *
read_type(struct run *r, const char *p)
{
	for (; p < r->end; p++) {
		if (is_line_end(*p))
			return end_line(r, p);
		name_add(r->e, *p);
	}
	return p;
}

static const char *
read_space(struct run *r, enum line_state next, const char *p)
{
	r->e->state = next;
	return *p == ' ' ? p + 1 : p;
}

static const char *
read_some(struct run *r, const char *p)
{
	switch ((enum line_state)r->e->state) {
	case LINE_START: return begin_line(r, p);
	case LINE_NAME: return read_name(r, p);
	case LINE_DATA_START: return read_space(r, LINE_DATA, p);
	case LINE_DATA: return read_data(r, p);
	case LINE_TYPE_START: return read_space(r, LINE_TYPE, p);
	case LINE_TYPE: return read_type(r, p);
	case LINE_SKIP:
		p = scan_either(p, r->end, '\n', '\r');
		return p < r->end ? end_line(r, p) : p;
	}
	abort(); /* the state is none */
}

void
events_feed(struct events *e, struct span data, const struct events_ends *to)
{
	struct run r = { e, to, data.p + data.n, data.p, data.p, NULL };
	const char *p = data.p;

	while (p < r.end)
		p = e->behind_cr ? finish_crlf(&r, p) : read_some(&r, p);
	if (e->judged)
		judged_hold(&r);
	emit_bytes(&r, r.pass, (size_t)(r.end - r.pass));
}

void
events_end(struct events *e, const struct events_ends *to)
{
	struct run r = { .e = e, .to = to };

	if (e->gap > 0)
		gap_settle(&r, false);
	if (e->judged && !is_usage_only(e, to->json))
		judged_pass(&r);
	e->judged = false;
	events_fini(e);
}

bool
events_at_end(const struct events *e)
{
	return e->judged || (e->state == LINE_START && !e->in_event && e->gap == 0);
}
