/*
 * RUN_DIR/status as JSON; see status.h. Runs in the master. It holds names, numbers
 * and paths, and of the configuration only what the CLI needs to act on the same
 * files: never a secret.
 */
#include "master/status.h"

#include <limits.h>
#include <unistd.h>
#include <jansson.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/rundir.h"
#include "common/version.h"
#include "master/upstream_process.h"

const char *
status_phase_name(uint32_t phase)
{
	switch ((enum worker_phase)phase) {
	case WORKER_EMPTY: return "empty";
	case WORKER_STARTING: return "starting";
	case WORKER_READY: return "ready";
	case WORKER_DRAINING: return "draining";
	}
	return "unknown";
}

static const char *
state_name(const struct master *m)
{
	if (state_is_stopping(m))
		return "draining";
	return m->phase == MASTER_READY ? "ready" : "starting";
}

/* Addresses with the scheme that the configuration in force gives them; addr NULL: none. */
static json_t *
addresses(const struct strlist *texts, const struct listen_addr *addr)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts->n; i++) {
		const char *scheme = "";

		if (addr != NULL)
			scheme = addr[i].scheme == LISTEN_HTTPS ? "https://" : "http://";
		(void)json_array_append_new(
		    list, json_sprintf("%s%s", scheme, texts->v[i]));
	}
	return list;
}

/* One object for each worker that lives. */
static json_t *
processes(const struct master *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++) {
		const struct generation *g = &m->generations[i];

		for (uint32_t slot = 0; g->alive > 0 && slot < m->workers; slot++) {
			const struct place *p = &g->places[slot];

			if (p->pid == 0)
				continue;
			(void)json_array_append_new(list,
			    json_pack("{s:I, s:I, s:i, s:s}", "generation",
				(json_int_t)g->number, "slot", (json_int_t)slot, "pid",
				(int)p->pid, "phase", status_phase_name(p->seen_phase)));
		}
	}
	return list;
}

/* How the last one of its kind went. */
static json_t *
outcome(const struct task *t)
{
	if (t->last == TASK_NONE)
		return json_null();
	return json_pack("{s:s, s:s, s:f}", "result", task_result_name(t->last), "reason",
	    t->reason.text, "time", (double)t->last_wall_ms / 1000);
}

/* A path as a process in another folder would write it; NULL stays null. */
static json_t *
absolute(const char *path)
{
	char cwd[PATH_MAX];

	if (path == NULL)
		return json_null();
	if (path[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
		return json_string(path);
	return json_sprintf("%s/%s", cwd, path);
}

/* What the CLI needs of the configuration in force. */
static json_t *
settings_for_cli(const struct config *cfg)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:I}", "config_file",
	    absolute(cfg->file), "api_keys_file", absolute(cfg->api_keys_file),
	    "settings_file", absolute(cfg->settings_file), "data_dir",
	    absolute(cfg->data_dir), "run_dir", absolute(cfg->run_dir), "max_keys",
	    (json_int_t)cfg->max_keys, "strict_keys", (int)cfg->strict_keys,
	    "drain_timeout_ms", (json_int_t)cfg->drain_timeout_ms);
}

/* UPSTREAM_COMMAND's process; null where there is none. */
static json_t *
upstream(struct master *m)
{
	const struct upstream_process *u = &m->upstream;

	if (state_config(m)->upstream_command == NULL && u->place.pid == 0)
		return json_null();
	return json_pack("{s:i, s:s, s:I}", "pid", (int)u->place.pid, "state",
	    upstream_process_state(m), "restarts", (json_int_t)u->restarts);
}

/* The whole object; NULL when memory is short. */
static json_t *
build(struct master *m)
{
	const struct config *cfg = state_config(m);
	const struct listeners *l = &m->house.listeners;
	const struct task *reload = &m->reload.task, *upgrade = &m->upgrade.task;
	json_t *root = json_pack("{s:i, s:s, s:s, s:f, s:I, s:I, s:i, s:i, s:I, s:I, s:I}",
	    "pid", (int)m->pid, "state", state_name(m), "version", GATEHOUSE_VERSION,
	    "started", (double)m->started_wall_ms / 1000, "generation",
	    (json_int_t)m->current, "workers", (json_int_t)m->workers, "admin_pid",
	    (int)m->admin.place.pid, "state_fd", m->house.shared.state_fd,
	    "worker_restarts", (json_int_t)m->worker_restarts, "admin_restarts",
	    (json_int_t)m->admin_restarts, "keys",
	    (json_int_t)keyring_count(shared_keyring(m->house.shared.published)));
	json_t *upgrades = json_pack("{s:s, s:I, s:I, s:o}", "executable", m->exe,
	    "upgrades_started", (json_int_t)upgrade->started, "upgrades_finished",
	    (json_int_t)upgrade->finished, "last_upgrade", outcome(upgrade));
	json_t *more = json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
	    "upstream_process", upstream(m), "reloads_started",
	    (json_int_t)reload->started, "reloads_finished", (json_int_t)reload->finished,
	    "last_reload", outcome(reload), "listen",
	    addresses(&l->listen_text, cfg->listen), "admin_listen",
	    addresses(&l->admin_text, cfg->admin_listen), "metrics_listen",
	    addresses(&l->metrics_text, NULL), "processes", processes(m));
	json_t *settings = settings_for_cli(cfg);

	if (root == NULL || json_object_update(root, more) == -1 ||
	    json_object_update(root, settings) == -1 ||
	    json_object_update(root, upgrades) == -1) {
		json_decref(root);
		root = NULL;
	}
	json_decref(more);
	json_decref(settings);
	json_decref(upgrades);
	return root;
}

void
status_save(struct master *m)
{
	json_t *status = build(m);
	int r = status != NULL ? rundir_save_status(m->house.premises.run_dir, status)
			       : ERR_INVALID;

	json_decref(status);
	m->status_dirty = false;
	if (r != 0 && !m->status_failing)
		log_error("status", "%s/%s can't be written: %s",
		    m->house.premises.run_dir, RUNDIR_STATUS_FILE, err_text(r));
	m->status_failing = r != 0;
}
