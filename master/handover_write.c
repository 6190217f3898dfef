/*
 * The master written down for its successor; see handover.h. Times are those of the
 * monotonic clock, which goes on; -1 stands for never and for no descriptor.
 */
#include "master/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/version.h"
#include "master/handover_stats.h"

/* The number of a descriptor that the successor is given. */
static json_t *
give(struct handover *h, int fd)
{
	int *more;

	if (fd == -1)
		return json_integer(-1);
	more = realloc(h->fds, (h->n + 1) * sizeof(*more));
	if (more == NULL) {
		h->failed = true;
		return NULL;
	}
	h->fds = more;
	h->fds[h->n++] = fd;
	return json_integer(fd);
}

static json_t *
write_time(uint64_t ms)
{
	return json_integer(ms == STATE_NEVER ? -1 : (json_int_t)ms);
}

static json_t *
write_place(struct handover *h, const struct place *p)
{
	return json_pack("[i, I, o, I, I, o]", (int)p->pid, (json_int_t)p->started_ms,
	    write_time(p->respawn_ms), (json_int_t)p->backoff.failures,
	    (json_int_t)p->seen_phase,
	    give(h, p->arena != NULL ? arena_fd(p->arena) : -1));
}

static json_t *
write_ending(const struct ending *e)
{
	return json_pack("[b, i, I, I]", (int)e->begun, e->sent, (json_int_t)e->due_ms,
	    (json_int_t)e->patience_ms);
}

static json_t *
write_generation(struct handover *h, const struct master *m, const struct generation *g)
{
	json_t *places = json_array();

	for (uint32_t i = 0; i < m->workers; i++)
		if (json_array_append_new(places, write_place(h, &g->places[i])) == -1)
			h->failed = true;
	return json_pack("{s:I, s:b, s:i, s:o, s:o, s:o}", "number", (json_int_t)g->number,
	    "serving", g->state == GENERATION_SERVING, "last_status", g->last_status,
	    "state_fd", give(h, g->old_state_fd != 0 ? g->old_state_fd : -1), "ending",
	    write_ending(&g->ending), "places", places);
}

static json_t *
write_generations(struct handover *h, const struct master *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		if (m->generations[i].state != GENERATION_FREE &&
		    json_array_append_new(
			list, write_generation(h, m, &m->generations[i])) == -1)
			h->failed = true;
	return list;
}

static json_t *
write_list(const struct strlist *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n; i++)
		if (json_array_append_new(list, json_string(l->v[i])) == -1) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *
write_listeners(struct handover *h, const struct listeners *l)
{
	json_t *worker = json_array();
	json_t *metrics = json_array();

	for (size_t i = 0; i < l->n_worker; i++)
		if (json_array_append_new(worker,
			json_pack("[o, I, b, b]", give(h, l->worker[i].fd),
			    (json_int_t)l->worker[i].slot, (int)l->worker[i].admin_only,
			    (int)l->worker[i].no_admin)) == -1)
			h->failed = true;
	for (size_t i = 0; i < l->n_metrics; i++)
		if (json_array_append_new(metrics, give(h, l->metrics[i])) == -1)
			h->failed = true;
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "worker", worker, "metrics",
	    metrics, "listen_text", write_list(&l->listen_text), "admin_text",
	    write_list(&l->admin_text), "metrics_text", write_list(&l->metrics_text));
}

static json_t *
write_house(struct handover *h, const struct house *house)
{
	const struct premises *p = &house->premises;

	return json_pack("{s:o, s:o, s:[o, o], s:s, s:s, s:o, s:o, s:o, s:o}",
	    "published_fd", give(h, house->shared.published_fd), "state_fd",
	    give(h, house->shared.state_fd), "reload_pipe", give(h, house->reload_pipe[0]),
	    give(h, house->reload_pipe[1]), "data_dir", p->data_dir, "run_dir", p->run_dir,
	    "data_lock", give(h, p->data_lock), "pid_lock", give(h, p->pid_lock),
	    "admin_fd", give(h, p->admin_fd), "admin_node", give(h, p->admin_node));
}

static json_t *
write_journal(struct handover *h, const struct master *m)
{
	json_t *next = json_array();

	for (uint32_t i = 0; m->journal.next_slots != 0 && i < m->workers; i++)
		if (json_array_append_new(next, give(h, arena_fd(m->journal.next[i]))) ==
		    -1)
			h->failed = true;
	return json_pack("{s:o, s:I, s:o}", "next", next, "next_slots",
	    (json_int_t)m->journal.next_slots, "left", write_list(&m->journal.left));
}

static json_t *
write_upstream(struct handover *h, const struct upstream_process *u)
{
	return json_pack("{s:o, s:s?, s:b, s:b, s:I, s:I}", "place",
	    write_place(h, &u->place), "command", u->command, "leaving", (int)u->leaving,
	    "killed", (int)u->killed, "kill_ms", (json_int_t)u->kill_ms, "restarts",
	    (json_int_t)u->restarts);
}

static json_t *
write_reload(const struct task *t)
{
	return json_pack("{s:b, s:I, s:I, s:i, s:s, s:I}", "wanted", (int)t->wanted,
	    "started", (json_int_t)t->started, "finished", (json_int_t)t->finished,
	    "last", (int)t->last, "reason", t->reason.text, "wall_ms",
	    (json_int_t)t->last_wall_ms);
}

static json_t *
write_upgrade(const struct task *t)
{
	return json_pack("{s:b, s:I, s:I}", "wanted", (int)t->wanted, "started",
	    (json_int_t)t->started, "finished", (json_int_t)t->finished);
}

static json_t *
write_counters(const struct master *m)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "ready",
	    (int)(m->phase == MASTER_READY), "current", (json_int_t)m->current,
	    "worker_restarts", (json_int_t)m->worker_restarts, "admin_restarts",
	    (json_int_t)m->admin_restarts, "started_wall_ms",
	    (json_int_t)m->started_wall_ms, "tickets_ms", (json_int_t)m->tickets_ms);
}

static json_t *
write_settings(struct master *m)
{
	struct strlist lines = { 0 };
	json_t *list = NULL;

	if (config_restart_save(state_config(m), &lines) == 0)
		list = write_list(&lines);
	strlist_free(&lines);
	return list;
}

/* The whole text; NULL when memory is short. */
static json_t *
write_all(struct handover *h, struct master *m)
{
	json_t *root = json_pack("{s:i, s:i, s:s, s:o, s:o, s:o, s:o}", "handover",
	    HANDOVER_VERSION, "pid", (int)m->pid, "version", GATEHOUSE_VERSION,
	    "settings", write_settings(m), "counters", write_counters(m), "house",
	    write_house(h, &m->house), "listeners",
	    write_listeners(h, &m->house.listeners));
	json_t *more = json_pack("{s:o, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o}",
	    "generations", write_generations(h, m), "admin", "place",
	    write_place(h, &m->admin.place), "ending", write_ending(&m->admin.ending),
	    "upstream", write_upstream(h, &m->upstream), "reload",
	    write_reload(&m->reload.task), "upgrade", write_upgrade(&m->upgrade.task),
	    "journal", write_journal(h, m), "figures",
	    handover_stats_write(m->house.shared.state));

	if (root == NULL || more == NULL || h->failed ||
	    json_object_update(root, more) == -1) {
		json_decref(root);
		root = NULL;
	}
	json_decref(more);
	return root;
}

/* A memfd that holds the text, and can't be written to any more. */
static int
seal(const json_t *root)
{
	int fd = memfd_create("gatehouse-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd == -1)
		return -errno;
	if (json_dumpfd(root, fd, JSON_COMPACT) == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
	r = errno != 0 ? -errno : -EIO;
	close(fd);
	return r;
}

int
handover_make(struct master *m, struct handover *out, struct errmsg *why)
{
	struct handover h = { .fd = -1 };
	json_t *root = write_all(&h, m);
	int r = root != NULL ? 0 : -ENOMEM;

	if (r == 0) {
		h.fd = seal(root);
		r = h.fd < 0 ? h.fd : 0;
		h.fd = h.fd < 0 ? -1 : h.fd;
	}
	json_decref(root);
	if (r != 0) {
		errmsg_set(why, "nothing can be handed over: %s", err_text(r));
		handover_fini(&h);
	}
	*out = h;
	return r;
}
