/*
 * Generations of workers; see crew.h. Runs in the master. A slot's successor finds
 * the sockets of its slot where its predecessor had them; what a dead worker left in
 * the scoreboard is put right here, after waitpid, and nowhere else.
 */
#include "master/crew.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "master/child.h"
#include "master/settle.h"

enum {
	HAND_OVER_MS = 5000, /* a worker that is alive answers in a few ms */
	GIVEN_UP_MS = 5000   /* what waits may be a revoked key */
};

static struct scoreboard_row *
row_of(struct master *m, const struct generation *g, uint32_t slot)
{
	return shared_row(m->house.shared.state, g->number, slot);
}

static enum worker_phase
phase_of(struct master *m, const struct generation *g, uint32_t slot)
{
	return atomic_load_explicit(&row_of(m, g, slot)->phase, memory_order_acquire);
}

/* Tell the scoreboard who will fill a row. Its totals stay: they only grow. */
static void
row_take(struct scoreboard_row *row, uint64_t generation, uint64_t now_ms)
{
	atomic_store(&row->pid, 0);
	atomic_store(&row->generation, generation);
	atomic_store(&row->since_ms, now_ms);
	atomic_store(&row->refused_call, 0);
	atomic_store(&row->phase, WORKER_STARTING);
}

/* A dead worker has no connections and no streams, whatever it wrote last. */
static void
row_empty(struct scoreboard_row *row, uint64_t now_ms)
{
	atomic_store(&row->phase, WORKER_EMPTY);
	atomic_store(&row->pid, 0);
	atomic_store(&row->connections, 0);
	atomic_store(&row->requests_in_flight, 0);
	atomic_store(&row->stats.streams, 0);
	atomic_store(&row->since_ms, now_ms);
}

static void
place_after_death(struct place *p, uint64_t now_ms)
{
	p->pid = 0;
	p->seen_phase = WORKER_EMPTY;
	p->respawn_ms = now_ms + backoff_next(&p->backoff, now_ms - p->started_ms);
}

static void
spawn(struct master *m, struct generation *g, uint32_t slot, uint64_t now_ms)
{
	struct scoreboard_row *row = row_of(m, g, slot);
	struct place *p = &g->places[slot];
	pid_t pid;

	row_take(row, g->number, now_ms);
	p->started_ms = now_ms;
	p->respawn_ms = STATE_NEVER;
	pid = child_fork_worker(m, g, slot);
	m->status_dirty = true;
	if (pid < 0) {
		log_error(
		    "fork", "worker %u can't be forked: %s", slot + 1, err_text(pid));
		row_empty(row, now_ms);
		place_after_death(p, now_ms);
		return;
	}
	atomic_store(&row->pid, (uint32_t)pid);
	p->pid = pid;
	p->seen_phase = WORKER_STARTING;
	g->alive++;
	state_wake_at(
	    m, now_ms + STATE_POLL_MS); /* it will be ready soon: see step_phase() */
}

void
crew_start(struct master *m, uint64_t number, enum generation_state state,
    struct inputs *inputs, uint64_t now_ms)
{
	struct generation *g = state_generation(m, number);

	*g = (struct generation){ .number = number, .state = state, .inputs = *inputs };
	*inputs = (struct inputs){ 0 };
	inputs_drop_data(&g->inputs);
	settle_hand_over(m, g);
	for (uint32_t i = 0; i < m->workers;
	     i++) /* or the first would serve for the rest */
		row_take(row_of(m, g, i), number, now_ms);
	for (uint32_t i = 0; i < m->workers; i++)
		spawn(m, g, i, now_ms);
}

/* Which worker is pid? */
static struct generation *
find(struct master *m, pid_t pid, uint32_t *slot_out)
{
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++) {
		struct generation *g = &m->generations[i];

		for (uint32_t slot = 0; slot < m->workers; slot++) {
			if (g->places[slot].pid != pid)
				continue;
			*slot_out = slot;
			return g;
		}
	}
	return NULL;
}

static void
log_exit(const struct generation *g, uint32_t slot, pid_t pid, int status)
{
	const bool asked = g->state == GENERATION_LEAVING && g->ending.sent != 0;
	const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	const bool ours = WIFSIGNALED(status) && WTERMSIG(status) == g->ending.sent;
	const struct errmsg how = child_role_end_text(status, g->last_refused);

	log_write(asked && (clean || ours) ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
	    "child_exit", "worker %u of generation %llu (pid %d): %s%s", slot + 1,
	    (unsigned long long)g->number, (int)pid, how.text,
	    asked ? "" : ", unexpected");
}

bool
crew_on_exit(struct master *m, pid_t pid, int status, uint64_t now_ms)
{
	uint32_t slot = 0;
	struct generation *g = find(m, pid, &slot);

	if (g == NULL)
		return false;
	g->last_refused = atomic_load(&row_of(m, g, slot)->refused_call);
	log_exit(g, slot, pid, status);
	row_empty(row_of(m, g, slot), now_ms);
	place_after_death(&g->places[slot], now_ms);
	settle_after_death(&g->places[slot], slot);
	if (g->state == GENERATION_LEAVING)
		settle_retire(&g->places[slot]);
	g->last_status = status;
	g->alive--;
	m->status_dirty = true;
	return true;
}

/* A successor for the slot, if it is time. */
static void
step_respawn(struct master *m, struct generation *g, uint32_t slot, uint64_t now_ms)
{
	struct place *p = &g->places[slot];
	int r;

	if (now_ms < p->respawn_ms) {
		state_wake_at(m, p->respawn_ms);
		return;
	}
	if ((r = settle_renew(m, p)) != 0) {
		log_error("journal", "worker %u has no arena to count in: %s", slot + 1,
		    err_text(r));
		place_after_death(p, now_ms);
		return;
	}
	spawn(m, g, slot, now_ms);
	m->worker_restarts++;
	atomic_fetch_add(&m->house.shared.state->figures.worker_restarts, 1);
	if (p->pid != 0)
		log_info("respawn", "worker %u (pid %d)", slot + 1, (int)p->pid);
}

/* Notice what the worker says of itself; one that never gets ready is replaced. */
static void
step_phase(struct master *m, struct generation *g, uint32_t slot, uint64_t now_ms)
{
	struct place *p = &g->places[slot];
	const enum worker_phase phase = phase_of(m, g, slot);

	if ((uint32_t)phase != p->seen_phase) {
		p->seen_phase = phase;
		m->status_dirty = true;
	}
	if (phase != WORKER_STARTING)
		return;
	state_wake_at(m, now_ms + STATE_POLL_MS);
	if (now_ms - p->started_ms < STATE_READY_MS)
		return;
	log_error("stuck", "worker %u (pid %d) is not ready after %d s: killed", slot + 1,
	    (int)p->pid, STATE_READY_MS / 1000);
	(void)kill(p->pid, SIGKILL);
	p->started_ms = now_ms; /* once is enough: waitpid follows */
}

static void
signal_all(const struct master *m, const struct generation *g, int sig)
{
	for (uint32_t i = 0; i < m->workers; i++)
		if (g->places[i].pid != 0)
			(void)kill(g->places[i].pid, sig);
}

/* Signals that are due to a leaving generation; its place is free once all are gone. */
static void
step_ending(struct master *m, struct generation *g, uint64_t now_ms)
{
	const int sig = ending_due(&g->ending, now_ms);

	if (sig != 0)
		signal_all(m, g, sig);
	if (sig == SIGKILL && g->alive > 0)
		log_warn("drain", "generation %llu does not leave: %u workers killed",
		    (unsigned long long)g->number, g->alive);
	state_wake_at(m, ending_next_ms(&g->ending));
	if (g->alive > 0)
		return;
	for (uint32_t i = 0; i < m->workers; i++)
		settle_retire(&g->places[i]);
	if (g->number != m->current) /* the last one's configuration is needed to the end */
		inputs_fini(&g->inputs);
	if (g->old_state_fd != 0)
		close(g->old_state_fd);
	g->old_state_fd = 0;
	g->state = GENERATION_FREE;
	m->status_dirty = true;
}

void
crew_step(struct master *m, uint64_t now_ms)
{
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++) {
		struct generation *g = &m->generations[i];

		if (g->state == GENERATION_FREE)
			continue;
		for (uint32_t slot = 0; slot < m->workers; slot++) {
			if (g->places[slot].pid != 0)
				step_phase(m, g, slot, now_ms);
			else if (g->state == GENERATION_SERVING)
				step_respawn(m, g, slot, now_ms);
		}
		if (g->state == GENERATION_LEAVING)
			step_ending(m, g, now_ms);
	}
}

bool
crew_is_ready(struct master *m, const struct generation *g)
{
	for (uint32_t slot = 0; slot < m->workers; slot++)
		if (g->places[slot].pid == 0 || phase_of(m, g, slot) != WORKER_READY)
			return false;
	return true;
}

void
crew_promote(struct master *m, struct generation *g, uint64_t now_ms)
{
	struct generation *old = state_generation(m, m->current);

	m->current = g->number;
	m->promoted_ms = now_ms;
	g->state = GENERATION_SERVING;
	m->status_dirty = true;
	crew_dismiss(m, old, now_ms, g->inputs.config->reload_drain_timeout_ms);
}

/* May one of g's workers, which have been told to leave, not have heard of it? */
static bool
may_accept(struct master *m, const struct generation *g)
{
	for (uint32_t slot = 0; slot < m->workers; slot++)
		if (g->places[slot].pid != 0 && phase_of(m, g, slot) != WORKER_DRAINING)
			return true;
	return false;
}

bool
crew_is_alone(struct master *m, uint64_t now_ms)
{
	if (now_ms - m->promoted_ms >= HAND_OVER_MS)
		return true;
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++) {
		const struct generation *g = &m->generations[i];

		if (g->state != GENERATION_LEAVING || g->old_state_fd != 0 ||
		    !may_accept(m, g))
			continue;
		state_wake_at(m, now_ms + STATE_POLL_MS);
		return false;
	}
	return true;
}

void
crew_dismiss(struct master *m, struct generation *g, uint64_t now_ms, uint64_t patience_ms)
{
	if (g->state == GENERATION_FREE)
		return;
	if (g->state == GENERATION_LEAVING && g->ending.sent == SIGTERM)
		signal_all(m, g, SIGTERM); /* it left for a successor, now it is for good */
	g->state = GENERATION_LEAVING;
	ending_begin(&g->ending, now_ms, patience_ms);
	state_wake_at(m, now_ms);
}

void
crew_give_up(struct master *m, struct generation *g, uint64_t now_ms)
{
	crew_dismiss(m, g, now_ms, state_config(m)->drain_timeout_ms);
}

bool
crew_make_room(struct master *m, uint64_t now_ms)
{
	struct generation *g = state_generation(m, m->current + 1);

	if (g->state == GENERATION_FREE)
		return true;
	if (g->number <= m->current)
		crew_hurry(g, now_ms);
	else
		ending_begin(&g->ending, now_ms, GIVEN_UP_MS);
	state_wake_at(m, ending_next_ms(&g->ending));
	return false;
}

void
crew_hurry(struct generation *g, uint64_t now_ms)
{
	if (g->state == GENERATION_LEAVING)
		ending_hurry(&g->ending, now_ms);
}

uint32_t
crew_alive(const struct master *m)
{
	uint32_t n = 0;

	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		n += m->generations[i].alive;
	return n;
}
