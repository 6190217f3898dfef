/*
 * Feeds answers to the meter in pieces. Each piece lies in memory of just its size, so
 * that a sanitizer sees each byte that is read too far, and is gone after the call.
 */
#ifndef GATEHOUSE_TESTS_UNIT_METER_DRIVE_H
#define GATEHOUSE_TESTS_UNIT_METER_DRIVE_H

#include <stdlib.h>
#include <string.h>

#include "worker/meter.h"

enum { DRIVE_OUT_MAX = 8 << 20 };

/* How an answer is to be read. */
struct meter_case {
	enum endpoint endpoint;
	enum meter_format format;
	bool drop;
	bool mend;
};

/* What came of it. out: static, good until the next run. */
struct meter_result {
	struct usage usage;
	bool usage_seen;
	bool nonsense;
	char model[METER_MODEL_MAX + 1];
	bool at_event_end; /* before the end was told */
	size_t emits;
	struct span out;
};

struct meter_drive {
	struct meter_answer m;
	char *out;
	size_t out_n;
	size_t emits;
};

static inline void
drive_emit(void *arg, struct span data)
{
	struct meter_drive *d = arg;

	if (data.n > DRIVE_OUT_MAX - d->out_n)
		abort();
	if (data.n > 0)
		memcpy(d->out + d->out_n, data.p, data.n);
	d->out_n += data.n;
	d->emits++;
}

static inline void
drive_begin(struct meter_drive *d, const struct meter_case *c)
{
	static char out[DRIVE_OUT_MAX];

	memset(d, 0x5a, sizeof(*d));
	d->out = out;
	d->out_n = 0;
	d->emits = 0;
	meter_answer_init(&d->m, c->endpoint, c->format, c->drop, c->mend);
}

static inline void
drive_feed(struct meter_drive *d, struct span data)
{
	char *copy = malloc(data.n > 0 ? data.n : 1);

	if (copy == NULL)
		abort();
	if (data.n > 0)
		memcpy(copy, data.p, data.n);
	meter_answer_feed(&d->m, (struct span){ copy, data.n }, drive_emit, d);
	free(copy);
}

static inline void
drive_end(struct meter_drive *d, struct meter_result *out)
{
	out->at_event_end = meter_answer_at_event_end(&d->m);
	meter_answer_end(&d->m, drive_emit, d);
	meter_answer_fini(&d->m);
	out->usage = d->m.usage;
	out->usage_seen = d->m.usage_seen;
	out->nonsense = d->m.nonsense;
	memcpy(out->model, d->m.model, sizeof(out->model));
	out->emits = d->emits;
	out->out = (struct span){ d->out, d->out_n };
}

/* Feed text cut at a and b (a <= b; there may be empty pieces). */
static inline void
drive_cut(const struct meter_case *c, struct span text, size_t a, size_t b,
    struct meter_result *out)
{
	struct meter_drive d;

	drive_begin(&d, c);
	drive_feed(&d, (struct span){ text.p, a });
	drive_feed(&d, (struct span){ text.p + a, b - a });
	drive_feed(&d, (struct span){ text.p + b, text.n - b });
	drive_end(&d, out);
}

/* Feed text in pieces of step bytes. */
static inline void
drive_steps(
    const struct meter_case *c, struct span text, size_t step, struct meter_result *out)
{
	struct meter_drive d;

	drive_begin(&d, c);
	for (size_t i = 0; i < text.n; i += step)
		drive_feed(&d,
		    (struct span){ text.p + i, text.n - i < step ? text.n - i : step });
	drive_end(&d, out);
}

#endif
