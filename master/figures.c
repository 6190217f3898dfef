/* See figures.h. Runs in the master, the only writer. */
#include "master/figures.h"

#include "common/tls.h"

static struct master_figures *
figures_of(struct master *m)
{
	return &m->house.shared.state->figures;
}

static void
put_expiry(struct master *m)
{
	const struct tls_server *tls = state_generation(m, m->current)->inputs.tls;
	const int64_t expiry = tls != NULL ? tls_server_expiry(tls) : 0;

	atomic_store(
	    &figures_of(m)->certificate_expiry_s, expiry > 0 ? (uint64_t)expiry : 0);
}

void
figures_start(struct master *m)
{
	atomic_store(&figures_of(m)->started_ms, (uint64_t)m->started_wall_ms);
	atomic_store(&figures_of(m)->last_reload_ok, 1);
	atomic_store(&figures_of(m)->last_reload_ms, (uint64_t)m->started_wall_ms);
	put_expiry(m);
}

void
figures_resume(struct master *m)
{
	atomic_store(&figures_of(m)->started_ms, (uint64_t)m->started_wall_ms);
	shared_put_reload_reason(m->house.shared.state, &m->reload.task.reason);
	put_expiry(m);
}

void
figures_on_reload(struct master *m, enum task_result result)
{
	struct master_figures *f = figures_of(m);
	_Atomic uint64_t *const by_result[] = {
		[TASK_NONE] = NULL,
		[TASK_OK] = &f->reloads_ok,
		[TASK_REFUSED] = &f->reloads_refused,
		[TASK_FAILED] = &f->reloads_failed,
	};

	if (by_result[result] != NULL)
		atomic_fetch_add(by_result[result], 1);
	atomic_store(&f->last_reload_ms, (uint64_t)m->reload.task.last_wall_ms);
	atomic_store(&f->last_reload_ok, result == TASK_OK);
	shared_put_reload_reason(m->house.shared.state, &m->reload.task.reason);
	put_expiry(m);
}
