/*
 * The master as its predecessor has written it down; see handover.h. Every descriptor
 * is made sure of and set to end with the next execve(); every number is held to its
 * bounds. What does not fit refuses the whole.
 */
#include "master/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Which part could not be taken. */
static int
refuse(struct errmsg *why, const char *part, int r)
{
	if (why->text[0] == '\0')
		errmsg_set(why, "what is handed over makes no sense (%s): %s", part,
		    err_text(r));
	return r;
}

/* An open descriptor that ends with the next execve(). */
static int
take_fd(int fd, int *out)
{
	if (fd <= STDERR_FILENO)
		return ERR_SYNTAX;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -errno;
	*out = fd;
	return 0;
}

static int
take_listening(int fd, int *out)
{
	int on = 0;
	socklen_t len = sizeof(on);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == -1)
		return -errno;
	return on ? take_fd(fd, out) : ERR_SYNTAX;
}

static uint64_t
read_time(json_int_t ms)
{
	return ms < 0 ? STATE_NEVER : (uint64_t)ms;
}

/* --- children --- */

static int
read_place(json_t *v, struct place *p)
{
	json_int_t started, respawn, failures, phase;
	int pid, fd, r = 0;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "[i, I, I, I, I, i]", &pid, &started,
		&respawn, &failures, &phase, &fd) == -1 ||
	    pid < 0 || started < 0 || failures < 0 || failures > UINT32_MAX ||
	    phase < 0 || phase > UINT32_MAX)
		return ERR_SYNTAX;
	if (fd != -1) {
		r = take_fd(fd, &fd);
		if (r == 0)
			r = arena_inherit(fd, &p->arena);
	}
	p->pid = (pid_t)pid;
	p->started_ms = (uint64_t)started;
	p->respawn_ms = read_time(respawn);
	p->backoff.failures = (uint32_t)failures;
	p->seen_phase = (uint32_t)phase;
	return r;
}

static int
read_ending(json_t *v, struct ending *e)
{
	json_int_t due, patience;
	int begun, sent;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "[b, i, I, I]", &begun, &sent, &due,
		&patience) == -1 ||
	    sent < 0 || sent >= NSIG || due < 0 || patience < 0)
		return ERR_SYNTAX;
	*e = (struct ending){ .begun = begun != 0,
		.sent = sent,
		.due_ms = (uint64_t)due,
		.patience_ms = (uint64_t)patience };
	return 0;
}

static int
read_places(const json_t *list, struct generation *g, uint32_t workers)
{
	int r = json_array_size(list) == workers ? 0 : ERR_SYNTAX;

	for (uint32_t i = 0; i < workers && r == 0; i++) {
		r = read_place(json_array_get(list, i), &g->places[i]);
		g->alive += r == 0 && g->places[i].pid != 0;
	}
	return r;
}

static int
read_generation(struct master *m, json_t *v)
{
	struct generation *g;
	json_t *ending, *places;
	json_int_t number;
	int serving, status, fd, r;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:I, s:b, s:i, s:i, s:o, s:o}",
		"number", &number, "serving", &serving, "last_status", &status,
		"state_fd", &fd, "ending", &ending, "places", &places) == -1 ||
	    number <= 0)
		return ERR_SYNTAX;
	g = state_generation(m, (uint64_t)number);
	if (g->state != GENERATION_FREE ||
	    (serving != 0) != ((uint64_t)number == m->current))
		return ERR_SYNTAX;
	*g = (struct generation){ .number = (uint64_t)number,
		.state = serving ? GENERATION_SERVING : GENERATION_LEAVING,
		.last_status = status };
	r = fd != -1 ? take_fd(fd, &g->old_state_fd) : 0;
	if (r == 0)
		r = read_ending(ending, &g->ending);
	return r != 0 ? r : read_places(places, g, m->workers);
}

static int
read_generations(struct master *m, const json_t *list)
{
	int r = json_is_array(list) ? 0 : ERR_SYNTAX;
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
	{
		if (r == 0)
			r = read_generation(m, v);
	}
	if (r == 0 && state_generation(m, m->current)->state != GENERATION_SERVING)
		r = ERR_SYNTAX;
	return r;
}

static int
read_admin(struct master *m, const json_t *v)
{
	int r = read_place(json_object_get(v, "place"), &m->admin.place);

	return r != 0 ? r : read_ending(json_object_get(v, "ending"), &m->admin.ending);
}

static int
read_upstream(struct upstream_process *u, json_t *v)
{
	json_t *place, *command;
	json_int_t kill_ms, restarts;
	int leaving, killed;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:o, s:o, s:b, s:b, s:I, s:I}",
		"place", &place, "command", &command, "leaving", &leaving, "killed",
		&killed, "kill_ms", &kill_ms, "restarts", &restarts) == -1 ||
	    kill_ms < 0 || restarts < 0)
		return ERR_SYNTAX;
	u->leaving = leaving != 0;
	u->killed = killed != 0;
	u->kill_ms = (uint64_t)kill_ms;
	u->restarts = (uint64_t)restarts;
	if (json_is_string(command) &&
	    (u->command = strdup(json_string_value(command))) == NULL)
		return -ENOMEM;
	return read_place(place, &u->place);
}

/* --- what the master holds --- */

static int
read_list(const json_t *list, struct strlist *out)
{
	int r = json_is_array(list) ? 0 : ERR_SYNTAX;
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
	{
		if (r == 0)
			r = json_is_string(v) ? strlist_add(out, json_string_value(v))
					      : ERR_SYNTAX;
	}
	return r;
}

static int
read_worker_sockets(const json_t *list, struct listeners *l, const struct config *running)
{
	const size_t n =
	    (running->n_listen + running->n_admin_listen) * (size_t)running->workers;
	int r = json_array_size(list) == n ? 0 : ERR_SYNTAX;

	l->worker = calloc(n + 1, sizeof(*l->worker));
	if (l->worker == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		json_int_t slot;
		int fd, admin_only, no_admin;

		if (json_unpack_ex(json_array_get(list, i), NULL, JSON_STRICT,
			"[i, I, b, b]", &fd, &slot, &admin_only, &no_admin) == -1 ||
		    slot != (json_int_t)(i % running->workers))
			return ERR_SYNTAX;
		l->worker[i].slot = (uint32_t)slot;
		l->worker[i].admin_only = admin_only != 0;
		l->worker[i].no_admin = no_admin != 0;
		r = take_listening(fd, &l->worker[i].fd);
		l->n_worker += r == 0;
	}
	return r;
}

static int
read_metrics_sockets(const json_t *list, struct listeners *l, const struct config *running)
{
	int r = json_array_size(list) == running->n_metrics_listen ? 0 : ERR_SYNTAX;

	l->metrics = calloc(running->n_metrics_listen + 1, sizeof(*l->metrics));
	if (l->metrics == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < running->n_metrics_listen && r == 0; i++) {
		r = take_listening(
		    (int)json_integer_value(json_array_get(list, i)), &l->metrics[i]);
		l->n_metrics += r == 0;
	}
	return r;
}

static int
read_listeners(const json_t *v, struct listeners *l, const struct config *running)
{
	int r = read_worker_sockets(json_object_get(v, "worker"), l, running);

	if (r == 0)
		r = read_metrics_sockets(json_object_get(v, "metrics"), l, running);
	if (r == 0)
		r = read_list(json_object_get(v, "listen_text"), &l->listen_text);
	if (r == 0)
		r = read_list(json_object_get(v, "admin_text"), &l->admin_text);
	if (r == 0)
		r = read_list(json_object_get(v, "metrics_text"), &l->metrics_text);
	if (r == 0 &&
	    (l->listen_text.n != running->n_listen ||
		l->admin_text.n != running->n_admin_listen ||
		l->metrics_text.n != running->n_metrics_listen))
		r = ERR_SYNTAX;
	return r;
}

/* The regions, or that they are of another layout, which the new one begins without. */
static int
read_regions(struct master *m, int published_fd, int state_fd)
{
	int r = take_fd(published_fd, &published_fd);

	if (r == 0)
		r = take_fd(state_fd, &state_fd);
	if (r != 0)
		return r;
	r = shared_inherit(published_fd, state_fd, &m->house.shared);
	if (r != ERR_STALE)
		return r;
	m->resumed.published_fd = published_fd;
	m->resumed.state_fd = state_fd;
	m->resumed.is_stale = true;
	return 0;
}

static int
read_premises(struct premises *p, const json_t *v)
{
	const char *data_dir = json_string_value(json_object_get(v, "data_dir"));
	const char *run_dir = json_string_value(json_object_get(v, "run_dir"));
	int fds[4];
	int r;

	if (data_dir == NULL || run_dir == NULL ||
	    json_unpack((json_t *)(uintptr_t)v, "{s:i, s:i, s:i, s:i}", "data_lock",
		&fds[0], "pid_lock", &fds[1], "admin_fd", &fds[2], "admin_node",
		&fds[3]) == -1)
		return ERR_SYNTAX;
	if ((r = take_fd(fds[0], &p->data_lock)) != 0 ||
	    (r = take_fd(fds[1], &p->pid_lock)) != 0 ||
	    (r = take_listening(fds[2], &p->admin_fd)) != 0 ||
	    (r = take_fd(fds[3], &p->admin_node)) != 0)
		return r;
	return premises_resume(p, data_dir, run_dir);
}

static int
read_house(struct master *m, json_t *v)
{
	struct house *h = &m->house;
	int published, state, pipe_out, pipe_in;
	int r;

	if (json_unpack(v, "{s:i, s:i, s:[i, i]}", "published_fd", &published, "state_fd",
		&state, "reload_pipe", &pipe_out, &pipe_in) == -1)
		return ERR_SYNTAX;
	if ((r = take_fd(pipe_out, &h->reload_pipe[0])) != 0 ||
	    (r = take_fd(pipe_in, &h->reload_pipe[1])) != 0 ||
	    (r = read_premises(&h->premises, v)) != 0)
		return r;
	return read_regions(m, published, state);
}

static int
read_journal(struct journal *j, const json_t *v, uint32_t workers)
{
	const json_t *next = json_object_get(v, "next");
	const json_int_t n_slots = json_integer_value(json_object_get(v, "next_slots"));
	const size_t n = json_array_size(next);
	int r = read_list(json_object_get(v, "left"), &j->left);

	if (r == 0 &&
	    (n_slots < 0 || n_slots > ARENA_MAX_SLOTS || n != (n_slots > 0 ? workers : 0)))
		r = ERR_SYNTAX;
	for (size_t i = 0; i < n && r == 0; i++) {
		int fd = -1;

		r = take_fd((int)json_integer_value(json_array_get(next, i)), &fd);
		if (r == 0)
			r = arena_inherit(fd, &j->next[i]);
	}
	if (r == 0)
		j->next_slots = (uint32_t)n_slots;
	return r;
}

/* --- numbers --- */

static int
read_reload(struct reload *to, json_t *v)
{
	json_int_t started, finished, wall_ms;
	const char *reason;
	int wanted, last;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:b, s:I, s:I, s:i, s:s, s:I}",
		"wanted", &wanted, "started", &started, "finished", &finished, "last",
		&last, "reason", &reason, "wall_ms", &wall_ms) == -1 ||
	    started < 0 || finished < 0 || last < RELOAD_NONE || last > RELOAD_FAILED)
		return ERR_SYNTAX;
	to->wanted = wanted != 0;
	to->started = (uint64_t)started;
	to->finished = (uint64_t)finished;
	to->last = (enum reload_result)last;
	to->last_wall_ms = wall_ms;
	errmsg_set(&to->reason, "%s", reason);
	return 0;
}

static int
read_upgrade(struct upgrade *to, json_t *v)
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

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:I, s:I, s:I, s:I, s:I}", "current",
		&current, "worker_restarts", &workers, "admin_restarts", &admin,
		"started_wall_ms", &wall_ms, "tickets_ms", &tickets_ms) == -1 ||
	    current <= 0 || workers < 0 || admin < 0 || tickets_ms < 0)
		return ERR_SYNTAX;
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
	int r = read_list(list, &lines);

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
	    (r = read_reload(&m->reload, PART("reload"))) != 0 ||
	    (r = read_upgrade(&m->upgrade, PART("upgrade"))) != 0)
		return refuse(why, "counters", r);
	if ((r = read_house(m, PART("house"))) != 0)
		return refuse(why, "folders and memory", r);
	if ((r = read_listeners(PART("listeners"), &m->house.listeners, running)) != 0)
		return refuse(why, "sockets", r);
	if ((r = read_journal(&m->journal, PART("journal"), m->workers)) != 0)
		return refuse(why, "journal", r);
	if ((r = read_generations(m, PART("generations"))) != 0)
		return refuse(why, "workers", r);
	if ((r = read_admin(m, PART("admin"))) != 0)
		return refuse(why, "admin", r);
	if ((r = read_upstream(&m->upstream, PART("upstream"))) != 0)
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
