/*
 * A record goes to the ledger at once, in the loop's thread, which alone uses it; when that
 * fails it waits in order, with the time at which it was noted, and no later record
 * overtakes it.
 */
#include "admin/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "admin/ledger_audit.h"
#include "common/clock.h"
#include "common/log.h"

enum {
	AUDIT_MAGIC = 0x61756474,
	AUDIT_WAITING_MAX = 1000,
	AUDIT_WAITING_BYTES = 1024 * 1024,
	AUDIT_LINES = 1
};

struct waiting {
	STAILQ_ENTRY(waiting) link;
	int64_t at_ms;
	char *text;
	size_t n;
};

struct audit {
	uint32_t magic;
	struct flush *flush;
	struct event *timer;
	STAILQ_HEAD(waiting_list, waiting) waiting;
	size_t n_waiting, waiting_bytes;
	uint64_t lost; /* not yet told in a record */
	struct log_limit faults;
};

static int
append(struct audit *a, int64_t at_ms, const char *text, size_t n)
{
	struct ledger *l = flush_ledger(a->flush);

	if (l == NULL)
		return -ENODEV;
	return ledger_audit_append(l, at_ms, (struct span){ text, n }, NULL);
}

static void
drop_first(struct audit *a)
{
	struct waiting *w = STAILQ_FIRST(&a->waiting);

	STAILQ_REMOVE_HEAD(&a->waiting, link);
	a->n_waiting--;
	a->waiting_bytes -= w->n;
	free(w->text);
	free(w);
}

/* Say in the audit itself how many records it lacks. */
static void
tell_lost(struct audit *a)
{
	const struct audit_actor us = { AUDIT_SYSTEM, NULL, NULL };
	json_t *detail = json_pack("{s:I}", "records", (json_int_t)a->lost);
	char *text = NULL;
	size_t n;

	if (detail != NULL &&
	    audit_record_text(&us, "audit.lost", NULL, detail, &text, &n) == 0 &&
	    append(a, clock_wall_ms(), text, n) == 0)
		a->lost = 0;
	free(text);
	json_decref(detail);
}

/* Write what waits, as far as it goes. */
static void
write_waiting(struct audit *a)
{
	int r = 0;

	while (r == 0 && !STAILQ_EMPTY(&a->waiting)) {
		const struct waiting *w = STAILQ_FIRST(&a->waiting);

		r = append(a, w->at_ms, w->text, w->n);
		if (r == 0)
			drop_first(a);
	}
	if (r == 0 && a->lost > 0)
		tell_lost(a);
}

static bool
is_behind(const struct audit *a)
{
	return !STAILQ_EMPTY(&a->waiting) || a->lost > 0;
}

static void
arm(struct audit *a)
{
	const struct timeval second = { .tv_sec = 1 };

	if (is_behind(a) && evtimer_add(a->timer, &second) != 0)
		log_error("audit", "no timer for the records that wait: no memory");
}

static void
on_timer(evutil_socket_t none, short what, void *arg)
{
	struct audit *a = arg;

	(void)none;
	(void)what;
	if (a->magic != AUDIT_MAGIC)
		abort();
	write_waiting(a);
	arm(a);
}

static void
lose(struct audit *a)
{
	a->lost++;
	log_write_limited(&a->faults, AUDIT_LINES, clock_mono_ms(), LOG_LEVEL_ERROR,
	    "audit", "a record of the audit is lost: too many wait for the ledger");
}

/* Keep a record for later; text is taken over. */
static void
hold(struct audit *a, int64_t at_ms, char *text, size_t n)
{
	struct waiting *w = NULL;

	if (a->n_waiting < AUDIT_WAITING_MAX && a->waiting_bytes + n <= AUDIT_WAITING_BYTES)
		w = malloc(sizeof(*w));
	if (w == NULL) {
		free(text);
		lose(a);
	} else {
		*w = (struct waiting){ .at_ms = at_ms, .text = text, .n = n };
		STAILQ_INSERT_TAIL(&a->waiting, w, link);
		a->n_waiting++;
		a->waiting_bytes += n;
	}
	arm(a);
}

int
audit_create(struct event_base *base, struct flush *flush, struct audit **out)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	a->magic = AUDIT_MAGIC;
	a->flush = flush;
	STAILQ_INIT(&a->waiting);
	a->timer = evtimer_new(base, on_timer, a);
	if (a->timer == NULL) {
		free(a);
		return -ENOMEM;
	}
	*out = a;
	return 0;
}

void
audit_destroy(struct audit **ap)
{
	struct audit *a = *ap;

	if (a == NULL)
		return;
	write_waiting(a);
	if (is_behind(a))
		log_error("audit",
		    "admin leaves and %zu records of the audit can't be written",
		    a->n_waiting + (size_t)a->lost);
	while (!STAILQ_EMPTY(&a->waiting))
		drop_first(a);
	event_free(a->timer);
	a->magic = 0;
	free(a);
	*ap = NULL;
}

void
audit_note(struct audit *a, const struct audit_actor *who, const char *action,
    const char *target, json_t *detail)
{
	const int64_t now_ms = clock_wall_ms();
	char *text = NULL;
	size_t n = 0;
	int r = audit_record_text(who, action, target, detail, &text, &n);

	json_decref(detail);
	if (r != 0) {
		lose(a);
		arm(a);
		return;
	}
	write_waiting(a); /* a record that came before comes first */
	if (!is_behind(a) && append(a, now_ms, text, n) == 0)
		free(text);
	else
		hold(a, now_ms, text, n);
}
