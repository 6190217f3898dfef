/*
 * Rolling; see roll.h. Runs in the master. While the new workers rise, both generations
 * share the inputs of the old one, which owns them; who stays in the end has them alone.
 * No stream is cut for this: it waits until there is a free place for a generation.
 */
#include "master/roll.h"

#include "common/log.h"
#include "master/crew.h"
#include "master/settle.h"

enum { PAUSE_MS = 60000 }; /* keys that alone fill an arena must not burn the machine */

int
roll_begin(struct master *m, uint64_t now_ms, struct errmsg *why)
{
	struct inputs shared = state_generation(m, m->current)->inputs;
	int r = settle_prepare(m, shared.config, why);

	if (r != 0)
		return r;
	crew_start(m, m->current + 1, GENERATION_RISING, &shared, now_ms);
	m->roll.rising = true;
	return 0;
}

static void
begin(struct master *m, uint64_t now_ms)
{
	struct errmsg why = { "" };

	m->roll.again_ms = now_ms + PAUSE_MS;
	if (roll_begin(m, now_ms, &why) != 0)
		log_error("journal", "three quarters full, and not renewed: %s", why.text);
	else
		log_info("journal", "three quarters full: a new generation takes over");
}

static void
commit(struct master *m, struct generation *g, uint64_t now_ms)
{
	state_generation(m, m->current)->inputs = (struct inputs){ 0 };
	m->roll.rising = false;
	crew_promote(m, g, now_ms);
}

static void
step_rising(struct master *m, uint64_t now_ms)
{
	struct generation *g = state_generation(m, m->current + 1);

	if (g->alive < m->workers) {
		log_error(
		    "roll", "a new worker ended before it was ready: the old ones stay");
		roll_abandon(m);
		crew_give_up(m, g, now_ms);
	} else if (crew_is_ready(m, g)) {
		commit(m, g, now_ms);
	}
}

void
roll_step(struct master *m, uint64_t now_ms)
{
	const struct generation *now = state_generation(m, m->current);

	if (m->roll.rising) {
		step_rising(m, now_ms);
		return;
	}
	if (m->phase != MASTER_READY || m->reload.step != RELOAD_IDLE ||
	    m->reload.task.wanted || m->upgrade.step != UPGRADE_IDLE ||
	    now_ms < m->roll.again_ms ||
	    state_generation(m, m->current + 1)->state != GENERATION_FREE)
		return;
	if (settle_is_crowded(m, now))
		begin(m, now_ms);
}

void
roll_abandon(struct master *m)
{
	if (!m->roll.rising)
		return;
	m->roll.rising = false;
	state_generation(m, m->current + 1)->inputs = (struct inputs){ 0 };
}
