/*
 * See enforce.h. Who waits notes how many enactments have begun; one with a higher number
 * began later, so it has read what was written before. The master is asked by a byte in a
 * pipe, once for all that wait for the same number, and again each second in case it was
 * lost (a master that executed another program meanwhile). The outcome is looked for in
 * shared memory every few ms while somebody waits, else not at all.
 */
#include "admin/enforce.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin.h"
#include "common/clock.h"

enum {
	ENFORCE_MAGIC = 0x656e666f,
	POLL_MS = 4,
	ASK_AGAIN_MS = 1000, /* no answer */
	TRY_AGAIN_MS = 200,  /* it was refused */
};

struct waiter {
	struct waiter *next;
	enum enforce_part part;
	uint64_t began; /* enact_started, noted after the file was written */
	uint64_t since_ms;
	enforce_fn done;
	void *arg;
};

struct enforce {
	uint32_t magic;
	struct enforce_options o;
	struct event *tick; /* pending while somebody waits */
	struct waiter *waiters;
	bool asked; /* the master was, since enact_started became asked_at */
	uint64_t asked_at;
	uint64_t asked_ms;
};

static uint64_t
started(const struct enforce *e)
{
	return atomic_load(&e->o.state->figures.enact_started);
}

/* A pipe that is full has bytes for the master, too; should they be lost, it is asked again. */
static void
ask(struct enforce *e, uint64_t now_ms)
{
	const char wish = ADMIN_WISH_ENACT;

	e->asked_at = started(e);
	while (write(e->o.ask_fd, &wish, 1) == -1 && errno == EINTR)
		continue;
	e->asked = true;
	e->asked_ms = now_ms;
}

static void
schedule(struct enforce *e)
{
	const struct timeval soon = { .tv_usec = POLL_MS * 1000 };

	/* It can only fail without memory for the timer's place, which is kept. */
	(void)event_add(e->tick, &soon);
}

/* Take w, which is at *at, out of the list and tell it. */
static void
tell(struct waiter **at, enum enforce_result result, const char *reason)
{
	struct waiter *w = *at;

	*at = w->next;
	w->done(result, reason, w->arg);
	free(w);
}

/* What e says of the file that w has written. */
static const struct shared_verdict *
verdict_on(const struct waiter *w, const struct shared_enacted *e)
{
	return w->part == ENFORCE_KEYS ? &e->keys : &e->settings;
}

/* Is there something to be told to w? */
static bool
is_over(const struct enforce *e, const struct waiter *w,
    const struct shared_enacted *seen, uint64_t now_ms, enum enforce_result *result_out)
{
	const uint64_t waited_ms = now_ms - w->since_ms;

	if (verdict_on(w, seen)->good > w->began) {
		*result_out = ENFORCE_DONE;
		return true;
	}
	if (seen->number > w->began) {
		*result_out = ENFORCE_REFUSED;
		return waited_ms >= e->o.patience_ms;
	}
	*result_out = ENFORCE_UNKNOWN;
	return waited_ms >= e->o.wait_ms;
}

/* The first in the list to whom something is to be told; tell() may add to its front. */
static struct waiter **
next_told(struct enforce *e, const struct shared_enacted *seen, uint64_t now_ms,
    enum enforce_result *result_out)
{
	for (struct waiter **at = &e->waiters; *at != NULL; at = &(*at)->next)
		if (is_over(e, *at, seen, now_ms, result_out))
			return at;
	return NULL;
}

/* Must the master be asked (again)? */
static bool
is_ask_due(const struct enforce *e, const struct shared_enacted *seen, uint64_t now_ms)
{
	const uint64_t waited_ms = now_ms - e->asked_ms;
	const bool refused = seen->number > e->asked_at;

	return waited_ms >= (refused ? TRY_AGAIN_MS : ASK_AGAIN_MS);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct enforce *e = arg;
	struct shared_enacted seen = { .number = 0 };
	const uint64_t now_ms = clock_mono_ms();
	enum enforce_result result;
	struct waiter **at;

	(void)fd;
	(void)what;
	if (e->magic != ENFORCE_MAGIC)
		abort();
	if (shared_get_enacted(e->o.state, &seen) != 0)
		seen =
		    (struct shared_enacted){ .number = 0 }; /* being written: look again */
	while ((at = next_told(e, &seen, now_ms, &result)) != NULL)
		tell(at, result,
		    result == ENFORCE_REFUSED ? verdict_on(*at, &seen)->reason.text : "");
	if (e->waiters == NULL)
		return;
	if (is_ask_due(e, &seen, now_ms))
		ask(e, now_ms);
	schedule(e);
}

int
enforce_create(
    struct event_base *base, const struct enforce_options *o, struct enforce **out)
{
	struct enforce *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return -ENOMEM;
	e->magic = ENFORCE_MAGIC;
	e->o = *o;
	e->tick = evtimer_new(base, on_tick, e);
	if (e->tick == NULL) {
		free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void
enforce_destroy(struct enforce **ep)
{
	struct enforce *e = *ep;

	if (e == NULL)
		return;
	while (e->waiters != NULL)
		tell(&e->waiters, ENFORCE_CANCELLED, "");
	event_free(e->tick);
	e->magic = 0;
	free(e);
	*ep = NULL;
}

int
enforce_wait(struct enforce *e, enum enforce_part part, enforce_fn done, void *arg)
{
	const uint64_t now_ms = clock_mono_ms();
	struct waiter *w = calloc(1, sizeof(*w));

	if (w != NULL)
		*w = (struct waiter){ e->waiters, part, started(e), now_ms, done, arg };
	/* One that was asked for and has not begun yet will read this change, too. */
	if (!e->asked || e->asked_at != started(e))
		ask(e, now_ms);
	if (w == NULL)
		return -ENOMEM;
	e->waiters = w;
	schedule(e);
	return 0;
}
