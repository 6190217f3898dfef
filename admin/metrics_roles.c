/* What /proc says of the processes, added up by role; see metrics_roles.h. */
#include "admin/metrics_roles.h"

#include <unistd.h>

#include "admin/procstat.h"

enum { REAP_TRIES = 5 };

static const char *const role_names[METRICS_ROLES] = {
	[METRICS_MASTER] = "master",
	[METRICS_WORKER] = "worker",
	[METRICS_ADMIN] = "admin",
};

static void
role_add(struct metrics_role *role, pid_t pid)
{
	struct procstat p;

	if (pid <= 0 || procstat_read(pid, &p) != 0)
		return; /* it has gone meanwhile */
	role->processes++;
	role->sum.cpu_ms += p.cpu_ms;
	role->sum.reaped_cpu_ms += p.reaped_cpu_ms;
	role->sum.virtual_bytes += p.virtual_bytes;
	role->sum.resident_bytes += p.resident_bytes;
	role->sum.started_ms = p.started_ms;
}

static void
gather_workers(const struct state *state, struct metrics_role *workers)
{
	*workers = (struct metrics_role){ 0 };
	for (size_t i = 0; i < METRICS_ROWS; i++) {
		const struct scoreboard_row *row = &state->rows[i];

		if (metrics_phase(row) != WORKER_EMPTY)
			role_add(workers,
			    (pid_t)atomic_load_explicit(&row->pid, memory_order_relaxed));
	}
}

/*
 * CPU time of role worker holds that of ended children too, which the kernel adds to
 * the master, or it would go back with each death. So that nobody is counted twice
 * or not at all, the workers are looked at while nobody is reaped.
 */
void
metrics_gather_roles(struct scrape *s)
{
	for (unsigned i = 0; i < REAP_TRIES; i++) {
		struct metrics_role before = { 0 };

		role_add(&before, s->m->master_pid);
		gather_workers(s->m->shared->state, &s->roles[METRICS_WORKER]);
		s->roles[METRICS_MASTER] = (struct metrics_role){ 0 };
		role_add(&s->roles[METRICS_MASTER], s->m->master_pid);
		if (s->roles[METRICS_MASTER].sum.reaped_cpu_ms == before.sum.reaped_cpu_ms)
			break;
	}
	s->roles[METRICS_WORKER].sum.cpu_ms += s->roles[METRICS_MASTER].sum.reaped_cpu_ms;
	role_add(&s->roles[METRICS_ADMIN], getpid());
}

static void
put_role(struct prom *p, enum metrics_role_name role, struct prom_value v)
{
	const struct prom_label label = { "role", span_of(role_names[role]) };

	prom_sample(p, "", &label, 1, v);
}

void
metrics_write_cpu(const struct scrape *s, struct prom *p)
{
	for (enum metrics_role_name r = 0; r < METRICS_ROLES; r++) {
		if (s->roles[r].processes > 0 || s->roles[r].sum.cpu_ms > 0)
			put_role(p, r, metrics_milli(s->roles[r].sum.cpu_ms));
	}
}

void
metrics_write_resident(const struct scrape *s, struct prom *p)
{
	for (enum metrics_role_name r = 0; r < METRICS_ROLES; r++) {
		if (s->roles[r].processes > 0)
			put_role(p, r, metrics_whole(s->roles[r].sum.resident_bytes));
	}
}

void
metrics_write_virtual(const struct scrape *s, struct prom *p)
{
	for (enum metrics_role_name r = 0; r < METRICS_ROLES; r++) {
		if (s->roles[r].processes > 0)
			put_role(p, r, metrics_whole(s->roles[r].sum.virtual_bytes));
	}
}

/* Of roles with one process. */
void
metrics_write_start_time(const struct scrape *s, struct prom *p)
{
	for (enum metrics_role_name r = 0; r < METRICS_ROLES; r++) {
		if (r != METRICS_WORKER && s->roles[r].processes > 0 && s->m->boot_s > 0)
			put_role(p, r,
			    metrics_milli(
				s->m->boot_s * 1000 + s->roles[r].sum.started_ms));
	}
}

/* Other users' processes don't let their descriptors be counted. */
void
metrics_write_open_fds(const struct scrape *s, struct prom *p)
{
	uint64_t open, max;

	(void)s;
	if (procstat_own_fds(&open, &max) == 0)
		put_role(p, METRICS_ADMIN, metrics_whole(open));
}

void
metrics_write_max_fds(const struct scrape *s, struct prom *p)
{
	uint64_t open, max;

	(void)s;
	if (procstat_own_fds(&open, &max) == 0)
		put_role(p, METRICS_ADMIN, metrics_whole(max));
}
