/*
 * What makes each count enter once: usage and marks change in the same transaction,
 * and a count is what a cell has over its mark. Who dies before the commit has done
 * nothing, who dies after it finds the mark moved.
 */
#include "admin/ledger_usage.h"

#include <errno.h>

#include "admin/ledger_add.h"
#include "admin/ledger_marks.h"
#include "admin/ledger_store.h"

enum { HOURS_A_DAY = 24 };

/* A visitor's word that it has seen enough. */
enum { WALK_DONE = 1 };

struct delta {
	struct ledger_counters more; /* over the mark */
	struct ledger_counters mark; /* the new one */
	bool grew, went_back;
};

static void
delta_of(const struct ledger_counters *cell, const struct ledger_counters *mark,
    struct delta *out)
{
	*out = (struct delta){ 0 };
	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		int64_t now = cell->v[i] > 0 ? cell->v[i] : 0;

		out->mark.v[i] = now;
		if (now > mark->v[i]) {
			out->more.v[i] = now - mark->v[i];
			out->grew = true;
		} else if (now < mark->v[i]) {
			out->went_back = true;
		}
	}
}

static int
flush_cell(struct ledger *l, uint32_t hour, const struct ledger_cell *c,
    struct ledger_flush_stats *stats)
{
	const struct ledger_row_key where = { hour, c->key_id, c->model, c->endpoint };
	uint8_t b[LEDGER_MARK_BYTES];
	const struct span key = { (const char *)b, sizeof(b) };
	struct ledger_counters mark;
	struct delta d;
	int r;

	ledger_mark_encode(c->arena, c->cell, b);
	if ((r = ledger_counters_get(l, LEDGER_MARKS, key, &mark)) != 0)
		return r;
	delta_of(&c->counters, &mark, &d);
	if (!d.grew && !d.went_back)
		return 0;
	if (d.grew && (r = ledger_add_to_row(l, &where, &d.more)) != 0)
		return r;
	stats->changed++;
	stats->went_back += d.went_back;
	return ledger_counters_put(l, LEDGER_MARKS, key, &d.mark);
}

int
ledger_flush(struct ledger *l, uint32_t hour, const struct ledger_cell *cells, size_t n,
    struct ledger_flush_stats *stats)
{
	struct ledger_flush_stats s = { 0 };
	int r = ledger_begin(l);

	if (r != 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = flush_cell(l, hour, &cells[i], &s);
	if ((r = ledger_end(l, r)) != 0)
		return r;
	if (stats != NULL)
		*stats = s;
	return ledger_checkpoint_due(l);
}

/* A copy of the first key that a walk finds, for those who then write. */
struct found {
	struct ledger_key key;
	struct ledger_counters counters;
	bool any;
};

struct reading {
	uint32_t to_hour;
	ledger_row_fn fn;
	void *arg;
	int answer; /* the reader's, which may be any number */
};

static int
row_of(struct span key, struct span value, struct ledger_row *out)
{
	if (ledger_row_decode(key, &out->key) != 0 ||
	    ledger_counters_decode(value, &out->counters) != 0)
		return LEDGER_CORRUPT;
	return 0;
}

static int
read_row(struct span key, struct span value, void *arg)
{
	struct reading *reading = arg;
	struct ledger_row row;
	int r = row_of(key, value, &row);

	if (r != 0)
		return r;
	if (row.key.hour >= reading->to_hour)
		return WALK_DONE;
	reading->answer = reading->fn(&row, reading->arg);
	return reading->answer != 0 ? WALK_DONE : 0;
}

int
ledger_read(
    struct ledger *l, uint32_t from_hour, uint32_t to_hour, ledger_row_fn fn, void *arg)
{
	struct reading reading = { to_hour, fn, arg, 0 };
	struct ledger_key from;
	int r;

	ledger_row_first(from_hour, &from);
	r = ledger_walk(l, LEDGER_USAGE, ledger_key_span(&from), read_row, &reading);
	return r == WALK_DONE ? reading.answer : r;
}

static int
find_row(struct span key, struct span value, void *arg)
{
	struct found *f = arg;

	if (key.n > sizeof(f->key.b) || ledger_counters_decode(value, &f->counters) != 0)
		return LEDGER_CORRUPT;
	memcpy(f->key.b, key.p, key.n);
	f->key.n = key.n;
	f->any = true;
	return WALK_DONE;
}

/* The first row at or behind an hour. 0, -ENOENT or a code; *out points into f. */
static int
first_row(struct ledger *l, uint32_t hour, struct found *f, struct ledger_row_key *out)
{
	struct ledger_key from;
	int r;

	f->any = false;
	ledger_row_first(hour, &from);
	r = ledger_walk(l, LEDGER_USAGE, ledger_key_span(&from), find_row, f);
	if (r < 0)
		return r;
	if (!f->any)
		return -ENOENT;
	return ledger_row_decode(ledger_key_span(&f->key), out) == 0 ? 0 : LEDGER_CORRUPT;
}

/*
 * Fold one row, or step over a day that has nothing to fold.
 * *from: the hour from which nothing is folded yet; moved.
 * Returns 0, -ENOENT when nothing before limit is left, or a code.
 */
static int
fold_next(struct ledger *l, uint32_t *from, uint32_t limit, size_t *folded)
{
	struct ledger_row_key key;
	struct found f;
	int r = first_row(l, *from, &f, &key);

	if (r != 0)
		return r;
	if (key.hour >= limit)
		return -ENOENT;
	*from = key.hour;
	if (key.hour % HOURS_A_DAY == 0) {
		*from = key.hour + 1; /* the day's own rows lie here already */
		return 0;
	}
	key.hour -= key.hour % HOURS_A_DAY;
	if ((r = ledger_add_to_row(l, &key, &f.counters)) != 0)
		return r;
	++*folded;
	return ledger_del(l, LEDGER_USAGE, ledger_key_span(&f.key));
}

int
ledger_retain(struct ledger *l, uint32_t now_hour, uint32_t days, size_t max_rows,
    size_t *folded_out)
{
	uint32_t today = now_hour / HOURS_A_DAY;
	uint32_t from = 0;
	size_t folded = 0;
	int r;

	*folded_out = 0;
	if (days == 0 || days >= today)
		return 0;
	if ((r = ledger_begin(l)) != 0)
		return r;
	while (r == 0 && folded < max_rows)
		r = fold_next(l, &from, (today - days) * HOURS_A_DAY, &folded);
	r = ledger_end(l, r == -ENOENT ? 0 : r);
	if (r == 0)
		*folded_out = folded;
	return r;
}
