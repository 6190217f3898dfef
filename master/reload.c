/*
 * The reload; see reload.h. Runs in the master. `started` is counted, and written to
 * RUN_DIR, before the first file is read: who notes it, changes a file and signals
 * knows that the reload whose `finished` passes it has seen the change.
 *
 * What refuses a reload changes nothing and costs one error line. What cancels one,
 * a new worker that dies before it serves, costs the new generation only.
 */
#include "master/reload.h"

#include <errno.h>
#include <unistd.h>

#include "common/log.h"
#include "master/admin_child.h"
#include "master/child.h"
#include "master/crew.h"
#include "master/expiry.h"
#include "master/figures.h"
#include "master/notify.h"
#include "master/publish.h"
#include "master/rights.h"
#include "master/settle.h"
#include "master/status.h"
#include "master/watch.h"

void
reload_request(struct master *m)
{
	m->reload.task.wanted = true;
}

/* The outcome, for the log and for who waits. */
static void
finish(struct master *m, enum task_result result, const struct errmsg *reason)
{
	struct reload *r = &m->reload;

	r->step = RELOAD_IDLE;
	task_finish(&r->task, "reload", result, reason);
	m->status_dirty = true;
	figures_on_reload(m, result);
	if (result == TASK_OK)
		expiry_request(m);
}

/* Name the settings that a reload can't change, and leave them as they are. */
static int
keep_restart(struct config *next, const struct config *running, bool *differs_out)
{
	struct strlist names = { 0 };
	struct errmsg list;

	*differs_out = config_differs(running, next, &names);
	list = inputs_join(&names);
	if (names.n > 0)
		log_warn("reload", "need a restart and stay as they are: %s", list.text);
	strlist_free(&names);
	return config_keep_restart(next, running);
}

static void
log_config_warnings(const struct config *cfg)
{
	for (size_t i = 0; i < cfg->warnings.n; i++)
		log_warn("config", "%s", cfg->warnings.v[i]);
}

/* Read and check everything into next. Returns 0, or a code with why set. */
static int
prepare(struct master *m, struct inputs *next, bool *differs_out, struct errmsg *why)
{
	const struct watch before = m->watch;
	struct strlist faults = { 0 };
	int r = config_load(m->config_file, environ, &next->config, &faults);

	if (r == 0)
		r = keep_restart(next->config, state_config(m), differs_out);
	if (r == 0) {
		watch_mark(m, next->config);
		r = inputs_load(next, m->house.shared.published, INPUTS_STRICT, &faults);
	}
	if (r != 0)
		*why = inputs_join(&faults);
	if (r != 0 && why->text[0] == '\0')
		errmsg_set(why, "%s", err_text(r));
	if (r != 0 && next->keys != NULL)
		m->watch = before; /* good keys that were not published: the watch will */
	strlist_free(&faults);
	return r;
}

/* Other certificates than the workers have? */
static bool
tls_differs(const struct tls_server *a, const struct tls_server *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return tls_server_fingerprint(a) != tls_server_fingerprint(b);
}

/* Another set of certificates that an https upstream is verified against? */
static bool
roots_differ(const struct tls_client *a, const struct tls_client *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return tls_client_fingerprint(a) != tls_client_fingerprint(b);
}

/* Make sure of the new workers' arenas, if there will be any, then publish. */
static int
secure(struct master *m, const struct inputs *next, bool renews, struct errmsg *why)
{
	int r = renews ? settle_prepare(m, next->config, why) : 0;

	return r != 0 ? r : publish_inputs(m, next, why);
}

/* No worker needs to be touched: the new configuration replaces the old in place. */
static void
adopt(struct master *m, struct inputs *next, uint64_t now_ms)
{
	struct inputs *now = &state_generation(m, m->current)->inputs;
	struct config *old = now->config;
	struct errmsg done;

	errmsg_set(
	    &done, "%zu keys, the settings and the models published", next->keys->n);
	if (config_admin_differs(old, next->config)) {
		admin_child_dismiss(m, now_ms);
		errmsg_set(&done,
		    "%zu keys, the settings and the models published, admin started anew",
		    next->keys->n);
	}
	now->config = next->config;
	next->config = old;
	finish(m, TASK_OK, &done);
}

static void
begin(struct master *m, uint64_t now_ms)
{
	struct reload *r = &m->reload;
	const struct generation *g = state_generation(m, m->current);
	struct inputs next = { 0 };
	struct errmsg why = { "" };
	bool renews = false;
	int result;

	task_begin(&r->task);
	status_save(m); /* before anything is read */
	notify_reloading(m);
	result = prepare(m, &next, &renews, &why);
	renews = renews || tls_differs(g->inputs.tls, next.tls) ||
	    roots_differ(g->inputs.upstream_tls, next.upstream_tls);
	if (result == 0)
		result = secure(m, &next, renews, &why);
	if (result != 0) {
		finish(m, TASK_REFUSED, &why);
	} else if (renews) {
		log_config_warnings(next.config);
		r->next = next;
		next = (struct inputs){ 0 };
		r->step = RELOAD_ROOM;
	} else {
		adopt(m, &next, now_ms);
	}
	inputs_fini(&next);
	rights_lock();
}

static void
step_room(struct master *m, uint64_t now_ms)
{
	if (!crew_make_room(m, now_ms))
		return;
	crew_start(m, m->current + 1, GENERATION_RISING, &m->reload.next, now_ms);
	m->reload.step = RELOAD_RISING;
}

/* All new workers serve: they are the current ones now. */
static void
commit(struct master *m, struct generation *g, uint64_t now_ms)
{
	log_init("master", g->inputs.config->log_level, g->inputs.config->log_format);
	crew_promote(m, g, now_ms);
	admin_child_dismiss(m, now_ms);
	m->reload.step = RELOAD_HANDING_OVER;
}

/* The outcome is told when no connection to come can meet an old worker. */
static void
end_well(struct master *m)
{
	struct errmsg done;

	errmsg_set(&done, "generation %llu serves with %u keys",
	    (unsigned long long)m->current,
	    keyring_count(shared_keyring(m->house.shared.published)));
	finish(m, TASK_OK, &done);
}

static void
cancel(struct master *m, struct generation *g, uint64_t now_ms)
{
	const struct errmsg how = child_role_end_text(g->last_status, g->last_refused);
	struct errmsg why;

	errmsg_set(&why, "a new worker ended before it was ready: %s", how.text);
	crew_give_up(m, g, now_ms);
	finish(m, TASK_FAILED, &why);
}

static void
step_rising(struct master *m, uint64_t now_ms)
{
	struct generation *g = state_generation(m, m->current + 1);

	if (g->alive < m->workers)
		cancel(m, g, now_ms);
	else if (crew_is_ready(m, g))
		commit(m, g, now_ms);
}

void
reload_step(struct master *m, uint64_t now_ms)
{
	const bool may_begin = (m->phase == MASTER_STARTING || m->phase == MASTER_READY) &&
	    !m->roll.rising && m->upgrade.step == UPGRADE_IDLE;

	if (m->reload.step == RELOAD_IDLE && m->reload.task.wanted && may_begin)
		begin(m, now_ms);
	if (m->reload.step == RELOAD_ROOM)
		step_room(m, now_ms);
	if (m->reload.step == RELOAD_RISING)
		step_rising(m, now_ms);
	if (m->reload.step == RELOAD_HANDING_OVER && crew_is_alone(m, now_ms))
		end_well(m);
	if (m->reload.step == RELOAD_IDLE && m->reload.task.wanted)
		state_wake_at(m, now_ms + STATE_POLL_MS);
}

void
reload_abandon(struct master *m)
{
	const struct errmsg why = { "gatehouse stops" };
	struct reload *r = &m->reload;

	inputs_fini(&r->next);
	if (r->step == RELOAD_HANDING_OVER)
		end_well(m);
	else if (r->step != RELOAD_IDLE)
		finish(m, TASK_FAILED, &why);
	if (!r->task.wanted)
		return;
	task_begin(&r->task);
	finish(m, TASK_FAILED, &why);
}
