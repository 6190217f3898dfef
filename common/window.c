/*
 * Strict sliding windows. Workers of all generations count in the same memory
 * at the same time, and each may be killed between any two instructions.
 *
 * A window is cut into 16 sixteenths; epoch e is the number of sixteenths since
 * the clock's zero. Cell e % 17 counts epoch e, so the 17 cells hold the current
 * epoch and the 16 before it, which cover any window that ends now. A cell is
 * one atomic word: used, tag, epoch, count. All accesses are sequentially
 * consistent. To admit:
 *   1 read the clock afresh -> e (once for the first tries of several windows)
 *   2 sum the cells of epochs e-16..e under our tag; at the limit: refuse (this spares a
 *     full window the rest; the proof below does without)
 *   3 add one to cell e by compare-and-swap, restarting it if what it counts is
 *     of an older epoch or tag
 *   4 sum again, with the own cell as the swap left it
 *   5 a cell is newer than e: take back, go to 1
 *   6 over the limit: take back, refuse; else admitted, at the time read in 1
 *
 * Never one too many. Take any limit+1 admissions whose times lie within one
 * window: their epochs lie within 17. Let L be the one whose swap (3) was last
 * in the single order of all accesses; all others' swaps lie before L's sum (4).
 * None of their cells can have been restarted for an epoch after L's unseen: 5
 * would have sent L back. None of their epochs is after L's: 5 again. None is
 * before eL-16. So L's sum held all limit+1, and L would have refused.
 * Full use. 3 orders those who want the last place: the first to swap sees
 * exactly the limit. Time is lost only by the cut into sixteenths: a place comes
 * free at most 1/16 window late. One killed between 3 and 6 costs one place for
 * one window.
 *
 * Numbers that come round. Epochs are compared as 28-bit serial numbers, which
 * at the shortest window of 1 s come round in 194 days. A cell left alone for
 * longer can look newer than it is. But a cell that we saw before reading the
 * clock can't truly be newer than that clock: so when it still seems to be, it
 * is emptied by a swap from exactly the value seen. It can also look current for
 * one window: that refuses, it never admits. Tags are compared the same way,
 * generation before version; an older tag never counts over a newer one, so a
 * worker that was held up between reading a rule and counting can't wipe out the
 * counts under the rule that came after. What seems newer than a rule that was
 * read after seeing it is emptied likewise (window_heal). To misjudge a living
 * count a process would have to stand still between 1 and 3 for 97 days.
 */
#include "common/window.h"

#include <errno.h>
#include <stdbool.h>

enum {
	COUNT_BITS = 24,
	EPOCH_BITS = 28,
	VERSION_BITS = 4,
	GENERATION_BITS = 7,
	TAG_BITS = VERSION_BITS + GENERATION_BITS,
	TRIES = 64, /* each means that time went on by a sixteenth, or a cell was emptied */
};

#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
#define EPOCH_MASK ((UINT64_C(1) << EPOCH_BITS) - 1)
#define TAG_MASK ((1U << TAG_BITS) - 1)
#define USED (UINT64_C(1) << 63)

_Static_assert(1 + TAG_BITS + EPOCH_BITS + COUNT_BITS == 64, "a cell is one word");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a dead process must hold no lock");
_Static_assert(sizeof(struct window) == 192, "three cache lines");
/* above the limit a cell holds at most one for each process, and one for each killed */
_Static_assert(WINDOW_MAX_LIMIT + 500000 < (1 << COUNT_BITS), "a count must not overflow");

/* One try: a rule at a time. */
struct
try {
	const struct window_rule *rule;
	uint64_t now_ns;
	uint64_t cell_ns; /* a sixteenth */
	uint64_t epoch;
};

/* The clock, and a reading of it for the first try; each further one reads it afresh. */
struct reading {
	window_clock_fn now;
	void *arg;
	uint64_t first_ns;
};

/* What is asked of a window. */
enum how {
	LOOK,         /* is there room? */
	COUNT,        /* steps 1 to 6 */
	COUNT_UNSEEN, /* without step 2, which was made just before: it only spares the full
	                 window an addition and a take-back */
};

/* How a cell stands to a try. */
enum relation {
	CELL_DEAD,       /* empty, or of an older tag or epoch */
	CELL_LIVE,       /* of the last 17 epochs */
	CELL_NEWER,      /* of an epoch to come */
	CELL_NEWER_RULE, /* of a newer tag */
};

/* What the cells hold for a try. */
struct sum {
	enum relation worst; /* of all cells; if newer, cell and value say which */
	uint32_t cell;
	uint64_t value;
	uint64_t count;
	uint64_t newest_age; /* in epochs, of the newest cell that counts; 17: none does */
};

static uint32_t
value_tag(uint64_t v)
{
	return (uint32_t)(v >> (EPOCH_BITS + COUNT_BITS)) & TAG_MASK;
}

static uint64_t
value_make(uint32_t tag, uint64_t epoch, uint64_t count)
{
	return USED | (uint64_t)(tag & TAG_MASK) << (EPOCH_BITS + COUNT_BITS) |
	    (epoch & EPOCH_MASK) << COUNT_BITS | count;
}

/* Is serial number a after b, both of `bits` bits (RFC 1982)? */
static bool
serial_after(uint64_t a, uint64_t b, unsigned bits)
{
	const uint64_t ahead = (a - b) & ((UINT64_C(1) << bits) - 1);

	return ahead != 0 && ahead < UINT64_C(1) << (bits - 1);
}

/* Is tag a newer than b: by generation, then by version? */
static bool
tag_newer(uint32_t a, uint32_t b)
{
	if (a >> VERSION_BITS != b >> VERSION_BITS)
		return serial_after(a >> VERSION_BITS, b >> VERSION_BITS, GENERATION_BITS);
	return serial_after(a, b, VERSION_BITS);
}

uint32_t
window_tag(uint32_t generation, uint32_t version)
{
	return (generation << VERSION_BITS | (version & ((1U << VERSION_BITS) - 1))) &
	    TAG_MASK;
}

static enum relation
relate(uint64_t v, const struct try *t, uint64_t *age_out)
{
	if (v == 0)
		return CELL_DEAD;
	if (value_tag(v) != t->rule->tag)
		return tag_newer(value_tag(v), t->rule->tag) ? CELL_NEWER_RULE : CELL_DEAD;
	*age_out = (t->epoch - (v >> COUNT_BITS)) & EPOCH_MASK;
	if (*age_out < WINDOW_CELLS)
		return CELL_LIVE;
	return *age_out >> (EPOCH_BITS - 1) ? CELL_NEWER : CELL_DEAD;
}

static void
sum_value(struct sum *s, const struct try *t, uint32_t cell, uint64_t v)
{
	uint64_t age = 0;
	const enum relation r = relate(v, t, &age);

	if (r == CELL_LIVE) {
		s->count += v & COUNT_MASK;
		if ((v & COUNT_MASK) > 0 && age < s->newest_age)
			s->newest_age = age;
	} else if (r > s->worst) {
		s->worst = r;
		s->cell = cell;
		s->value = v;
	}
}

/* Sum all cells; with own_value not 0, the current epoch's cell is taken to hold that. */
static struct sum
sum_cells_of_all_kinds(struct window *w, const struct try *t, uint64_t own_value)
{
	struct sum s = { .worst = CELL_DEAD, .newest_age = WINDOW_CELLS };
	const uint32_t own = (uint32_t)(t->epoch % WINDOW_CELLS);

	for (uint32_t i = 0; i < WINDOW_CELLS; i++) {
		const uint64_t v = atomic_load(&w->cell[i]);

		if (i != own || own_value == 0) {
			sum_value(&s, t, i, v);
			continue;
		}
		sum_value(&s, t, i, own_value);
		if (v >> COUNT_BITS != own_value >> COUNT_BITS)
			sum_value(&s, t, i, v); /* restarted since: newer, never live */
	}
	return s;
}

/*
 * The same. Nearly always all cells are empty or of the try's tag and none is of an epoch
 * to come: then one subtraction tells a cell's age and whether it counts. Anything else
 * is left to sum_cells_of_all_kinds().
 */
static struct sum
sum_cells(struct window *w, const struct try *t, uint64_t own_value)
{
	struct sum s = { .worst = CELL_DEAD, .newest_age = WINDOW_CELLS };
	const uint64_t tag = value_make(t->rule->tag, 0, 0) >> (EPOCH_BITS + COUNT_BITS);
	const uint32_t own = (uint32_t)(t->epoch % WINDOW_CELLS);
	uint64_t strange = 0;

	for (uint32_t i = 0; i < WINDOW_CELLS; i++) {
		uint64_t v = atomic_load(&w->cell[i]);
		uint64_t age, count;

		if (i == own && own_value != 0) {
			strange |= (v ^ own_value) >> COUNT_BITS;
			v = own_value;
		}
		if (v == 0)
			continue;
		age = (t->epoch - (v >> COUNT_BITS)) & EPOCH_MASK;
		strange |=
		    (v >> (EPOCH_BITS + COUNT_BITS) ^ tag) | age >> (EPOCH_BITS - 1);
		count = age < WINDOW_CELLS ? v & COUNT_MASK : 0;
		s.count += count;
		if (count > 0 && age < s.newest_age)
			s.newest_age = age;
	}
	return strange == 0 ? s : sum_cells_of_all_kinds(w, t, own_value);
}

/* Add one to the try's cell. Returns the value swapped in, or 0 if the cell is newer
 * than the try: then s says so. */
static uint64_t
add_one(struct window *w, const struct try *t, struct sum *s)
{
	const uint32_t i = (uint32_t)(t->epoch % WINDOW_CELLS);
	uint64_t v = atomic_load(&w->cell[i]);
	uint64_t next, age;

	do {
		const enum relation r = relate(v, t, &age);

		if (r == CELL_NEWER || r == CELL_NEWER_RULE) {
			*s = (struct sum){ .worst = r, .cell = i, .value = v };
			return 0;
		}
		/* live in this very cell means of this very epoch */
		next = r == CELL_LIVE ? v + 1 : value_make(t->rule->tag, t->epoch, 1);
	} while (!atomic_compare_exchange_weak(&w->cell[i], &v, next));
	return next;
}

/* Take one from the cell, if it still counts for the epoch and tag of value. */
static void
sub_one(struct window *w, uint32_t cell, uint64_t value)
{
	uint64_t v = atomic_load(&w->cell[cell]);

	do {
		if (v >> COUNT_BITS != value >> COUNT_BITS || (v & COUNT_MASK) == 0)
			return;
	} while (!atomic_compare_exchange_weak(&w->cell[cell], &v, v - 1));
}

static uint64_t
ms_until(const struct try *t, uint64_t epoch)
{
	const uint64_t at_ns = epoch * t->cell_ns;

	return at_ns > t->now_ns ? (at_ns - t->now_ns + 999999) / 1000000 : 0;
}

/* How long until enough of the oldest counts have left for one to be admitted. */
static uint64_t
retry_after_ms(struct window *w, const struct try *t, uint32_t limit)
{
	uint64_t left = sum_cells(w, t, 0).count;
	uint64_t ms = 0;

	if (limit == 0)
		return t->rule->window_ms;
	for (uint64_t e = t->epoch - 16; left >= limit && e != t->epoch + 1; e++) {
		const uint64_t v = atomic_load(&w->cell[e % WINDOW_CELLS]);
		uint64_t age = 0;

		if (relate(v, t, &age) != CELL_LIVE || age != t->epoch - e)
			continue;
		left -= (v & COUNT_MASK) < left ? (v & COUNT_MASK) : left;
		ms = ms_until(t, e + WINDOW_CELLS);
	}
	return ms > 0 ? ms : 1; /* the crowd has gone meanwhile */
}

static void
fill_state(
    struct window_state *out, const struct try *t, const struct sum *s, uint32_t limit)
{
	out->limit = limit;
	out->remaining = s->count < limit ? limit - (uint32_t)s->count : 0;
	out->retry_after_ms = 0;
	out->reset_ms = s->newest_age == WINDOW_CELLS
	    ? 0
	    : ms_until(t, t->epoch - s->newest_age + WINDOW_CELLS);
}

/* Steps 2 to 6 at one time. Returns 0, -EAGAIN, or ERR_CHANGED with *s saying which cell
 * is newer than the try. */
static int
try_admit(
    struct window *w, const struct try *t, enum how how, uint32_t limit, struct sum *s)
{
	uint64_t own = 0;

	if (how != COUNT_UNSEEN) {
		*s = sum_cells(w, t, 0);
		if (s->worst >= CELL_NEWER)
			return ERR_CHANGED;
		if (s->count >= limit)
			return -EAGAIN;
	}
	if (how == LOOK)
		return 0;
	if ((own = add_one(w, t, s)) == 0)
		return ERR_CHANGED;
	*s = sum_cells(w, t, own);
	if (s->worst < CELL_NEWER && s->count <= limit) {
		s->cell = (uint32_t)(t->epoch % WINDOW_CELLS);
		s->value = own;
		return 0;
	}
	sub_one(w, (uint32_t)(t->epoch % WINDOW_CELLS), own);
	return s->worst >= CELL_NEWER ? ERR_CHANGED : -EAGAIN;
}

static int
ask(struct window *w, const struct window_rule *rule, const struct reading *clock,
    enum how how, struct window_state *out)
{
	const uint32_t limit =
	    rule->limit < WINDOW_MAX_LIMIT ? rule->limit : WINDOW_MAX_LIMIT;
	struct try t = { .rule = rule, .cell_ns = (uint64_t)rule->window_ms * 62500 };
	struct sum s = { .worst = CELL_DEAD };
	int r = ERR_CHANGED;

	if (rule->window_ms == 0 || rule->tag > TAG_MASK)
		return -EINVAL;
	for (unsigned i = 0; r == ERR_CHANGED && i < TRIES; i++) {
		uint64_t age;

		t.now_ns = i == 0 ? clock->first_ns : clock->now(clock->arg);
		t.epoch = t.now_ns / t.cell_ns;
		/* seen before the clock was read and yet to come: its number came round
		 */
		if (s.worst == CELL_NEWER && relate(s.value, &t, &age) == CELL_NEWER)
			atomic_compare_exchange_strong(&w->cell[s.cell], &s.value, 0);
		r = try_admit(w, &t, how, limit, &s);
		if (r == ERR_CHANGED && s.worst == CELL_NEWER_RULE)
			break;
	}
	if (r == ERR_CHANGED && s.worst != CELL_NEWER_RULE)
		r = -EAGAIN; /* a clock that stands still or goes back: admit none */
	fill_state(out, &t, &s, limit);
	if (r == -EAGAIN)
		out->retry_after_ms = retry_after_ms(w, &t, limit);
	out->window = w;
	out->cell = s.cell;
	out->value = s.value;
	out->tag = rule->tag;
	return r;
}

int
window_admit(struct window *w, const struct window_rule *rule, window_clock_fn now,
    void *arg, struct window_state *out)
{
	const struct reading clock = { now, arg, now(arg) };

	return ask(w, rule, &clock, COUNT, out);
}

int
window_peek(struct window *w, const struct window_rule *rule, window_clock_fn now,
    void *arg, struct window_state *out)
{
	const struct reading clock = { now, arg, now(arg) };

	return ask(w, rule, &clock, LOOK, out);
}

void
window_take_back(struct window *w, const struct window_state *admitted)
{
	sub_one(w, admitted->cell, admitted->value);
}

void
window_heal(
    struct window *w, const struct window_rule *rule, const struct window_state *refused)
{
	uint64_t seen = refused->value;

	if (rule->tag == refused->tag && w == refused->window)
		atomic_compare_exchange_strong(&w->cell[refused->cell], &seen, 0);
}

void
window_sweep(struct window *w, uint32_t tag)
{
	for (uint32_t i = 0; i < WINDOW_CELLS; i++) {
		uint64_t v = atomic_load(&w->cell[i]);

		if (v != 0 && value_tag(v) != tag && !tag_newer(value_tag(v), tag))
			atomic_compare_exchange_strong(&w->cell[i], &v, 0);
	}
}

int
window_admit_all(
    struct window_use *use, size_t n, window_clock_fn now, void *arg, size_t *which_out)
{
	struct reading clock = { now, arg, now(arg) };
	int r = 0;

	for (size_t i = 0; n > 1 && i < n; i++) {
		struct window_use *u = &use[i];

		if ((r = ask(u->window, &u->rule, &clock, LOOK, &u->state)) != 0) {
			*which_out = i;
			return r;
		}
	}
	if (n > 1)
		clock.first_ns = now(arg);
	for (size_t i = 0; i < n; i++) {
		struct window_use *u = &use[i];

		r = ask(
		    u->window, &u->rule, &clock, n > 1 ? COUNT_UNSEEN : COUNT, &u->state);
		if (r != 0) {
			*which_out = i;
			while (i-- > 0)
				window_take_back(use[i].window, &use[i].state);
			return r;
		}
	}
	return 0;
}
