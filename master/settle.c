/*
 * Arenas made, settled and retired; see settle.h. Runs in the master. A worker inherits
 * its arena mapped, so it needs no access to the folder; admin reads the files (their
 * group is that of the folder) and removes them (the folder is its user's).
 */
#include "master/settle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/log.h"

enum {
	CELLS = 4096,
	SPARE_SLOTS = 16, /* beyond one for each connection */
	LOOK_MS = 1000,   /* between two looks after arenas that are still in use */
	DIR_MODE = 0700,
	DIR_SHARED_MODE = 02700 /* what root makes there belongs to admin's group */
};

#define DAMAGED_SUFFIX ".damaged"

/* --- the folder --- */

/* Give the folder to admin's user, unless it is. */
static int
give_dir(int fd, const struct identity *admin)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!admin->drop ||
	    (st.st_uid == admin->uid && st.st_gid == admin->gid &&
		(st.st_mode & 07777) == DIR_SHARED_MODE))
		return 0;
	if (fchmod(fd, DIR_SHARED_MODE) == -1 || fchown(fd, admin->uid, admin->gid) == -1)
		return -errno;
	return 0;
}

static int
make_dir(const char *dir, const struct identity *admin)
{
	int fd;
	int r;

	if (mkdir(dir, DIR_MODE) == -1 && errno != EEXIST)
		return -errno;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	r = give_dir(fd, admin);
	close(fd);
	return r;
}

/* Remove arenas that were being made when their master was killed. */
static void
sweep(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		const size_t digits = strspn(e->d_name, "0123456789");

		if (digits > 0 && strcmp(e->d_name + digits, ARENA_SUFFIX_NEW) == 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
}

/* --- what earlier masters have left --- */

/* Out of the way, so that it is complained about once. */
static void
set_aside(const char *path)
{
	char aside[PATH_MAX];
	const int n = snprintf(aside, sizeof(aside), "%s" DAMAGED_SUFFIX, path);

	if (n > 0 && (size_t)n < sizeof(aside) && rename(path, aside) == 0)
		log_error("journal", "%s is damaged: set aside as %s", path, aside);
	else
		log_error("journal", "%s is damaged: can't be set aside: %s", path,
		    err_text(-errno));
}

/* Settle an arena that has no owner any more, for good. */
static void
finish(struct arena *a)
{
	const unsigned long long id = arena_id(a);
	uint32_t n = 0;
	const int r = arena_settle(a, &n);

	if (r != 0)
		log_error("journal",
		    "arena %llu: what made no sense in it was dropped (%s)", id,
		    err_text(r));
	if (arena_is_of_other_boot(a))
		log_warn("journal",
		    "arena %llu is from before this boot: what was in flight then is lost",
		    id);
	else
		log_info("journal",
		    "arena %llu of an earlier master: %u in flight settled", id, n);
	arena_retire(a);
}

/* One file. Returns false when its owner still lives. */
static bool
take_in(const char *path)
{
	struct arena *a = NULL;
	const int r = arena_open(path, true, &a);

	if (r == -EWOULDBLOCK)
		return false;
	if (r == 0 && !arena_is_retired(a))
		finish(a);
	else if (r == -ENODATA)
		(void)unlink(path); /* it never held anything */
	else if (r == ERR_SYNTAX)
		set_aside(path);
	else if (r != 0 && r != -ENOENT)
		log_error("journal", "%s can't be settled: %s", path, err_text(r));
	arena_close(&a);
	return true;
}

/* Take in the files of paths; those whose owners live go to left. 0 or -ENOMEM. */
static int
take_all_in(const struct strlist *paths, struct strlist *left)
{
	for (size_t i = 0; i < paths->n; i++)
		if (!take_in(paths->v[i]) && strlist_add(left, paths->v[i]) != 0)
			return -ENOMEM;
	return 0;
}

/* Remove what was prepared and not handed over: nobody has counted in it. */
static void
drop_prepared(struct journal *j)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < CONFIG_MAX_WORKERS; i++) {
		if (j->next[i] == NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%" PRIu64 ARENA_SUFFIX, j->dir,
		    arena_id(j->next[i]));
		(void)unlink(path);
		arena_close(&j->next[i]);
	}
	j->next_slots = 0;
}

/* A new worker can't count in what an old version has made ready for it. */
static bool
are_prepared_stale(const struct journal *j)
{
	return j->next_slots > 0 && !arena_is_of_our_form(j->next[0]);
}

int
settle_resume(struct master *m)
{
	struct journal *j = &m->journal;

	if (asprintf(&j->dir, "%s/journal", m->house.premises.data_dir) == -1) {
		j->dir = NULL;
		return -ENOMEM;
	}
	if (are_prepared_stale(j))
		drop_prepared(j);
	return 0;
}

int
settle_start(struct master *m, struct errmsg *why)
{
	struct journal *j = &m->journal;
	struct strlist paths = { 0 };
	int r = settle_resume(m);

	if (r == 0)
		r = make_dir(j->dir, &m->house.admin_id);
	if (r == 0) {
		sweep(j->dir);
		r = arena_list(j->dir, &paths);
	}
	if (r == 0)
		r = take_all_in(&paths, &j->left);
	strlist_free(&paths);
	if (r != 0)
		errmsg_set(why, "%s can't be used: %s",
		    j->dir != NULL ? j->dir : "journal", err_text(r));
	return r;
}

void
settle_step(struct master *m, uint64_t now_ms)
{
	struct journal *j = &m->journal;
	struct strlist left = { 0 };

	if (j->left.n == 0)
		return;
	if (now_ms >= j->look_ms) {
		j->look_ms = now_ms + LOOK_MS;
		if (take_all_in(&j->left, &left) == 0) {
			strlist_free(&j->left);
			j->left = left;
		} else { /* all of them again, later */
			strlist_free(&left);
		}
	}
	state_wake_at(m, j->look_ms);
}

/* --- arenas for workers --- */

/* In-flight requests a worker can have: no more than connections. */
static uint32_t
slots_for(const struct config *cfg)
{
	const uint64_t share =
	    ((uint64_t)cfg->max_connections + cfg->workers - 1) / cfg->workers;

	return share + SPARE_SLOTS < ARENA_MAX_SLOTS ? (uint32_t)share + SPARE_SLOTS
						     : ARENA_MAX_SLOTS;
}

/* A new arena under an id that never was: marks of a removed one may still exist. */
static int
create(const char *dir, uint32_t n_slots, struct arena **out)
{
	uint64_t id = 0;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return -EIO;
	return arena_create(dir, id & INT64_MAX, CELLS, n_slots, out);
}

int
settle_prepare(struct master *m, const struct config *cfg, struct errmsg *why)
{
	struct journal *j = &m->journal;
	const uint32_t n_slots = slots_for(cfg);

	if (j->next_slots == n_slots)
		return 0;
	drop_prepared(j);
	for (uint32_t i = 0; i < m->workers; i++) {
		const int r = create(j->dir, n_slots, &j->next[i]);

		if (r == 0)
			continue;
		errmsg_set(why, "%s: the arena of worker %u can't be made: %s", j->dir,
		    i + 1, err_text(r));
		drop_prepared(j);
		return r;
	}
	j->next_slots = n_slots;
	return 0;
}

void
settle_hand_over(struct master *m, struct generation *g)
{
	struct journal *j = &m->journal;

	if (j->next_slots == 0)
		abort(); /* settle_prepare() comes first */
	for (uint32_t i = 0; i < m->workers; i++) {
		g->places[i].arena = j->next[i];
		j->next[i] = NULL;
	}
	j->next_slots = 0;
}

int
settle_renew(struct master *m, struct place *p)
{
	struct arena *a = NULL;
	int r;

	if (p->arena == NULL || arena_is_of_our_form(p->arena))
		return 0;
	r = create(m->journal.dir, slots_for(state_config(m)), &a);
	if (r != 0)
		return r;
	settle_retire(p);
	p->arena = a;
	return 0;
}

void
settle_after_death(struct place *p, uint32_t slot)
{
	uint32_t n = 0;
	int r;

	if (p->arena == NULL)
		return;
	r = arena_settle(p->arena, &n);
	if (r != 0)
		log_error("journal",
		    "worker %u left an arena in which something made no sense: dropped",
		    slot + 1);
	if (n > 0)
		log_info("journal", "worker %u left %u requests in flight: settled",
		    slot + 1, n);
}

void
settle_retire(struct place *p)
{
	if (p->arena == NULL)
		return;
	arena_retire(p->arena);
	arena_close(&p->arena);
}

bool
settle_is_crowded(const struct master *m, const struct generation *g)
{
	for (uint32_t i = 0; i < m->workers; i++) {
		const struct arena *a = g->places[i].arena;

		if (a != NULL && arena_cells(a) >= arena_capacity(a) / 4 * 3)
			return true;
	}
	return false;
}

void
settle_leave(struct master *m, const struct arena *own)
{
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		for (uint32_t slot = 0; slot < m->workers; slot++)
			if (m->generations[i].places[slot].arena != own)
				arena_close(&m->generations[i].places[slot].arena);
	for (size_t i = 0; i < CONFIG_MAX_WORKERS; i++)
		arena_close(&m->journal.next[i]);
}

void
settle_close(struct master *m)
{
	struct journal *j = &m->journal;

	if (j->dir != NULL)
		drop_prepared(j);
	settle_leave(m, NULL);
	strlist_free(&j->left);
	free(j->dir);
	j->dir = NULL;
}
