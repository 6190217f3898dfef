/* Stopping in order; see stop.h. Runs in the master. */
#include "master/stop.h"

#include "common/log.h"
#include "master/admin_child.h"
#include "master/crew.h"
#include "master/reload.h"
#include "master/roll.h"
#include "master/upgrade.h"
#include "master/upstream_process.h"

/* Workers that an older program has forked look into a region of their own. */
static void
tell_old(const struct generation *g)
{
	int r = g->old_state_fd != 0 ? shared_tell_draining(g->old_state_fd) : 0;

	if (r != 0)
		log_warn("drain", "generation %llu does not know that it is for good: %s",
		    (unsigned long long)g->number, err_text(r));
}

static void
begin(struct master *m, uint64_t now_ms)
{
	const uint32_t patience_ms = state_config(m)->drain_timeout_ms;

	m->phase = MASTER_DRAINING;
	m->status_dirty = true;
	atomic_store(&m->house.shared.state->draining, 1);
	reload_abandon(m);
	upgrade_abandon(m);
	roll_abandon(m);
	listen_drop_worker(&m->house.listeners); /* or the kernel would go on accepting */
	log_info("drain", "%u workers finish what is in flight, for %u ms at most",
	    crew_alive(m), patience_ms);
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++) {
		tell_old(&m->generations[i]);
		crew_dismiss(m, &m->generations[i], now_ms, patience_ms);
	}
}

void
stop_request(struct master *m, bool quit, uint64_t now_ms)
{
	const bool again = state_is_stopping(m);

	if (!again)
		begin(m, now_ms);
	if (!again && !quit)
		return;
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		crew_hurry(&m->generations[i], now_ms);
	upstream_process_hurry(m, now_ms);
}

void
stop_step(struct master *m, uint64_t now_ms)
{
	if (m->phase == MASTER_DRAINING && crew_alive(m) == 0) {
		m->phase = MASTER_CLOSING;
		admin_child_dismiss(m, now_ms);
		upstream_process_step(m, now_ms); /* SIGINT, now that nobody needs it */
	}
	if (m->phase == MASTER_CLOSING && m->admin.place.pid == 0 &&
	    m->upstream.place.pid == 0)
		m->phase = MASTER_GONE;
}
