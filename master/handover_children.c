/* Children as a handover has them; see handover_children.h. Runs in the master. */
#include "master/handover_children.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "master/handover_take.h"

static uint64_t
read_time(json_int_t ms)
{
	return ms < 0 ? STATE_NEVER : (uint64_t)ms;
}

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
		r = handover_take_fd(fd, &fd);
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
	r = fd != -1 ? handover_take_fd(fd, &g->old_state_fd) : 0;
	if (r == 0)
		r = read_ending(ending, &g->ending);
	return r != 0 ? r : read_places(places, g, m->workers);
}

int
handover_read_generations(struct master *m, const json_t *list)
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

int
handover_read_admin(struct master *m, const json_t *v)
{
	int r = read_place(json_object_get(v, "place"), &m->admin.place);

	return r != 0 ? r : read_ending(json_object_get(v, "ending"), &m->admin.ending);
}

int
handover_read_upstream(struct upstream_process *u, json_t *v)
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
	if (!json_is_string(command) && !json_is_null(command))
		return ERR_SYNTAX;
	if (json_is_string(command) &&
	    (u->command = strdup(json_string_value(command))) == NULL)
		return -ENOMEM;
	return read_place(place, &u->place);
}
