/* What the master holds, as a handover has it; see handover_house.h. Runs in the master. */
#include "master/handover_house.h"

#include <errno.h>
#include <stdlib.h>

#include "master/handover_take.h"

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
		r = handover_take_listening(fd, &l->worker[i].fd);
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
		r = handover_take_listening(
		    (int)json_integer_value(json_array_get(list, i)), &l->metrics[i]);
		l->n_metrics += r == 0;
	}
	return r;
}

int
handover_read_listeners(const json_t *v, struct listeners *l, const struct config *running)
{
	int r = read_worker_sockets(json_object_get(v, "worker"), l, running);

	if (r == 0)
		r = read_metrics_sockets(json_object_get(v, "metrics"), l, running);
	if (r == 0)
		r = handover_take_list(json_object_get(v, "listen_text"), &l->listen_text);
	if (r == 0)
		r = handover_take_list(json_object_get(v, "admin_text"), &l->admin_text);
	if (r == 0)
		r = handover_take_list(
		    json_object_get(v, "metrics_text"), &l->metrics_text);
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
	int r = handover_take_fd(published_fd, &published_fd);

	if (r == 0)
		r = handover_take_fd(state_fd, &state_fd);
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
	if ((r = handover_take_fd(fds[0], &p->data_lock)) != 0 ||
	    (r = handover_take_fd(fds[1], &p->pid_lock)) != 0 ||
	    (r = handover_take_listening(fds[2], &p->admin_fd)) != 0 ||
	    (r = handover_take_fd(fds[3], &p->admin_node)) != 0)
		return r;
	return premises_resume(p, data_dir, run_dir);
}

int
handover_read_house(struct master *m, json_t *v)
{
	struct house *h = &m->house;
	int published, state, pipe_out, pipe_in;
	int r;

	if (json_unpack(v, "{s:i, s:i, s:[i, i]}", "published_fd", &published, "state_fd",
		&state, "reload_pipe", &pipe_out, &pipe_in) == -1)
		return ERR_SYNTAX;
	if ((r = handover_take_fd(pipe_out, &h->reload_pipe[0])) != 0 ||
	    (r = handover_take_fd(pipe_in, &h->reload_pipe[1])) != 0 ||
	    (r = read_premises(&h->premises, v)) != 0)
		return r;
	return read_regions(m, published, state);
}

int
handover_read_journal(struct journal *j, json_t *v, uint32_t workers)
{
	json_t *next, *left;
	json_int_t n_slots;
	int r;

	if (json_unpack_ex(v, NULL, JSON_STRICT, "{s:o, s:I, s:o}", "next", &next,
		"next_slots", &n_slots, "left", &left) == -1 ||
	    n_slots < 0 || n_slots > ARENA_MAX_SLOTS || !json_is_array(next) ||
	    json_array_size(next) != (n_slots > 0 ? workers : 0))
		return ERR_SYNTAX;
	r = handover_take_list(left, &j->left);
	for (size_t i = 0; i < json_array_size(next) && r == 0; i++) {
		int fd = -1;

		r = handover_take_fd(
		    (int)json_integer_value(json_array_get(next, i)), &fd);
		if (r == 0)
			r = arena_inherit(fd, &j->next[i]);
	}
	if (r == 0)
		j->next_slots = (uint32_t)n_slots;
	return r;
}
