/*
 * The master as its predecessor has written it down; see handover.h. Every descriptor
 * is made sure of and set to end with the next execve(); every number is held to its
 * bounds. What does not fit refuses the whole.
 */
#include "master/handover.h"

#include <errno.h>
#include <stdlib.h>

#include "master/handover_children.h"
#include "master/handover_house.h"
#include "master/handover_take.h"

/* Which part could not be taken. */
static int
refuse(struct errmsg *why, const char *part, int r)
{
	if (why->text[0] == '\0')
		errmsg_set(why, "what is handed over makes no sense (%s): %s", part,
		    err_text(r));
	return r;
}

static int
read_reload(struct task *to, json_t *v)
{
	json_int_t started, finished, wall_ms;
	const char *reason;
	int wanted, last;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:b, s:I, s:I, s:i, s:s, s:I}",
		"wanted", &wanted, "started", &started, "finished", &finished, "last",
		&last, "reason", &reason, "wall_ms", &wall_ms) == -1 ||
	    started < 0 || finished < 0 || last < TASK_NONE || last > TASK_FAILED)
		return ERR_SYNTAX;
	to->wanted = wanted != 0;
	to->started = (uint64_t)started;
	to->finished = (uint64_t)finished;
	to->last = (enum task_result)last;
	to->last_wall_ms = wall_ms;
	errmsg_set(&to->reason, "%s", reason);
	return 0;
}

static int
read_upgrade(struct task *to, json_t *v)
{
	json_int_t started, finished;
	int wanted;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:b, s:I, s:I}", "wanted", &wanted,
		"started", &started, "finished", &finished) == -1 ||
	    started < 0 || finished < 0)
		return ERR_SYNTAX;
	to->wanted = wanted != 0;
	to->started = (uint64_t)started;
	to->finished = (uint64_t)finished;
	return 0;
}

static int
read_counters(struct master *m, json_t *v)
{
	json_int_t current, workers, admin, wall_ms, tickets_ms;
	int ready;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:b, s:I, s:I, s:I, s:I, s:I}", "ready",
		&ready, "current", &current, "worker_restarts", &workers, "admin_restarts",
		&admin, "started_wall_ms", &wall_ms, "tickets_ms", &tickets_ms) == -1 ||
	    current <= 0 || workers < 0 || admin < 0 || tickets_ms < 0)
		return ERR_SYNTAX;
	m->phase = ready ? MASTER_READY : MASTER_STARTING;
	m->current = (uint64_t)current;
	m->worker_restarts = (uint64_t)workers;
	m->admin_restarts = (uint64_t)admin;
	m->started_wall_ms = wall_ms;
	m->tickets_ms = (uint64_t)tickets_ms;
	return 0;
}

/* The settings in force that need a restart; the slots depend on them. */
static int
read_settings(struct master *m, const json_t *list, struct config **running_out)
{
	struct strlist lines = { 0 };
	int r = handover_take_list(list, &lines);

	if (r == 0)
		r = config_restart_load(&lines, running_out);
	strlist_free(&lines);
	if (r != 0)
		return r;
	m->workers = (*running_out)->workers;
	return m->workers >= 1 && m->workers <= CONFIG_MAX_WORKERS &&
		(*running_out)->n_listen > 0
	    ? 0
	    : ERR_SYNTAX;
}

int
handover_read(
    struct master *m, const json_t *root, struct config **running_out, struct errmsg *why)
{
	const struct config *running;
	int r;

	*running_out = NULL;
#define PART(name) json_object_get(root, name)
	if ((r = read_settings(m, PART("settings"), running_out)) != 0)
		return refuse(why, "settings", r);
	running = *running_out;
	if ((r = read_counters(m, PART("counters"))) != 0 ||
	    (r = read_reload(&m->reload.task, PART("reload"))) != 0 ||
	    (r = read_upgrade(&m->upgrade.task, PART("upgrade"))) != 0)
		return refuse(why, "counters", r);
	if ((r = handover_read_house(m, PART("house"))) != 0)
		return refuse(why, "folders and memory", r);
	if ((r = handover_read_listeners(
		 PART("listeners"), &m->house.listeners, running)) != 0)
		return refuse(why, "sockets", r);
	if ((r = handover_read_journal(&m->journal, PART("journal"), m->workers)) != 0)
		return refuse(why, "journal", r);
	if ((r = handover_read_generations(m, PART("generations"))) != 0)
		return refuse(why, "workers", r);
	if ((r = handover_read_admin(m, PART("admin"))) != 0)
		return refuse(why, "admin", r);
	if ((r = handover_read_upstream(&m->upstream, PART("upstream"))) != 0)
		return refuse(why, "upstream", r);
#undef PART
	return 0;
}

void
handover_drop(struct master *m)
{
	struct premises *p = &m->house.premises;

	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		for (size_t slot = 0; slot < CONFIG_MAX_WORKERS; slot++)
			arena_close(&m->generations[i].places[slot].arena);
	for (size_t i = 0; i < CONFIG_MAX_WORKERS; i++)
		arena_close(&m->journal.next[i]);
	strlist_free(&m->journal.left);
	listen_close(&m->house.listeners);
	shared_destroy(&m->house.shared);
	free(m->upstream.command);
	free(p->data_dir);
	free(p->run_dir);
	m->upstream.command = NULL;
	p->data_dir = NULL;
	p->run_dir = NULL;
}
