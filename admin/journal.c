/*
 * Each arena has a private copy of its marks, so that a second in which nothing changed
 * costs no look into the ledger; the ledger's own marks decide what is added.
 *
 * The order of a retired arena's end: its retirement is seen, then it is read and flushed,
 * then its file goes (and the folder is synced), then its marks. Wherever that is cut
 * short, nothing counts twice: marks outlive the file.
 */
#include "admin/journal_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/ledger_marks.h"
#include "common/log.h"

_Static_assert((int)LEDGER_COUNTERS == (int)USAGE_COUNTERS &&
	(int)LEDGER_REQUESTS == (int)USAGE_REQUESTS &&
	(int)LEDGER_REQUESTS_CUT == (int)USAGE_REQUESTS_CUT &&
	(int)LEDGER_INPUT_TOKENS == (int)USAGE_INPUT &&
	(int)LEDGER_CACHED_READ == (int)USAGE_CACHE_READ &&
	(int)LEDGER_CACHED_WRITE == (int)USAGE_CACHE_WRITE &&
	(int)LEDGER_OUTPUT_TOKENS == (int)USAGE_OUTPUT &&
	(int)LEDGER_AUDIO_BYTES == (int)USAGE_AUDIO_BYTES &&
	(int)LEDGER_AUDIO_MS == (int)USAGE_AUDIO_MS &&
	(int)LEDGER_COST_NEUR == (int)USAGE_COST_NEUR,
    "cells and rows count the same");

int
journal_create(const char *data_dir, struct journal **out)
{
	struct journal *j = calloc(1, sizeof(*j));
	int n;

	if (j == NULL)
		return -ENOMEM;
	n = snprintf(j->dir, sizeof(j->dir), "%s/" JOURNAL_DIR, data_dir);
	if (n < 0 || (size_t)n >= sizeof(j->dir)) {
		free(j);
		return -ENAMETOOLONG;
	}
	j->scanned = -ENODATA;
	*out = j;
	return 0;
}

static void
known_free(struct known *k)
{
	arena_close(&k->arena);
	free(k->path);
	free(k->mark);
}

void
journal_destroy(struct journal **jp)
{
	struct journal *j = *jp;

	if (j == NULL)
		return;
	for (size_t i = 0; i < j->n; i++)
		known_free(&j->v[i]);
	for (size_t i = 0; i < j->n_faults; i++)
		free(j->faults[i].path);
	free(j->v);
	free(j->faults);
	strlist_free(&j->paths);
	free(j);
	*jp = NULL;
}

/* --- what the ledger has already --- */

static int
take_mark(uint32_t cell, const struct ledger_counters *mark, void *arg)
{
	struct known *k = arg;

	if (cell < arena_capacity(k->arena))
		k->mark[cell] = *mark;
	return 0;
}

static int
learn_one(struct known *k, struct ledger *l)
{
	int r;

	k->mark = calloc(arena_capacity(k->arena), sizeof(*k->mark));
	if (k->mark == NULL)
		return -ENOMEM;
	r = ledger_marks_read(l, arena_id(k->arena), take_mark, k);
	if (r != 0) {
		free(k->mark);
		k->mark = NULL;
	}
	return r;
}

void
journal_unlearn(struct journal *j)
{
	for (size_t i = 0; i < j->n; i++) {
		free(j->v[i].mark);
		j->v[i].mark = NULL;
	}
}

/* Is there a file of this arena, readable or not? By its name, for that can be trusted. */
static bool
has_file(const struct journal *j, uint64_t id)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%llu" ARENA_SUFFIX, (unsigned long long)id);
	for (size_t i = 0; i < j->paths.n; i++)
		if (strcmp(journal_file_name(j->paths.v[i]), name) == 0)
			return true;
	return false;
}

/* Delete the marks that an admin killed between an arena's file and its marks has left. */
static int
sweep(struct journal *j, struct ledger *l)
{
	uint64_t id = 0;
	int r;

	while ((r = ledger_marks_next(l, id, &id)) == 0) {
		if (!has_file(j, id) && (r = ledger_drop_arena(l, id)) != 0)
			return r;
		if (id == UINT64_MAX)
			break;
		id++;
	}
	j->swept = r == 0 || r == -ENOENT;
	return r == -ENOENT ? 0 : r;
}

int
journal_learn(struct journal *j, struct ledger *l)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->n; i++)
		if (j->v[i].mark == NULL)
			r = learn_one(&j->v[i], l);
	if (r == 0 && !j->swept && j->scanned == 0)
		r = sweep(j, l);
	return r;
}

/* --- reading --- */

static void
counters_of(const struct usage *u, struct ledger_counters *out)
{
	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		out->v[i] = u->v[i] < INT64_MAX ? (int64_t)u->v[i] : INT64_MAX;
}

/* Read a cell. Returns whether it can be counted; an arena with damage is named once. */
static bool
read_cell(
    struct known *k, uint32_t i, struct arena_cell *cell, struct ledger_counters *now)
{
	const int r = arena_cell_read(k->arena, i, cell);

	if (r == ERR_SYNTAX && !k->damaged) {
		k->damaged = true;
		log_error("journal",
		    "%s: a cell is damaged: it is not counted, all else is; the file is left",
		    k->path);
	}
	if (r == 0)
		counters_of(&cell->usage, now);
	return r == 0;
}

/* What now has over mark; counters below it give nothing. Returns whether they differ. */
static bool
over(const struct ledger_counters *now, const struct ledger_counters *mark,
    struct ledger_counters *more)
{
	bool differs = false;

	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		more->v[i] = now->v[i] > mark->v[i] ? now->v[i] - mark->v[i] : 0;
		differs = differs || now->v[i] != mark->v[i];
	}
	return differs;
}

static struct ledger_row_key
key_of(const struct ledger_cell *c, uint32_t hour)
{
	return (struct ledger_row_key){ hour, c->key_id, c->model, c->endpoint };
}

/* One arena's cells that differ from their marks. Anything but 0 ends it. */
typedef int (*each_fn)(struct journal *j, struct known *k, uint32_t i,
    const struct arena_cell *cell, const struct ledger_counters *now, void *arg);

static int
each_change(struct journal *j, struct known *k, each_fn fn, void *arg)
{
	struct ledger_counters now, more;
	struct arena_cell cell;
	const uint32_t n = k->mark != NULL ? arena_cells(k->arena) : 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (read_cell(k, i, &cell, &now) && over(&now, &k->mark[i], &more))
			r = fn(j, k, i, &cell, &now, arg);
	return r;
}

struct adding {
	uint32_t hour;
	struct tally *to;
};

static int
add_change(struct journal *j, struct known *k, uint32_t i, const struct arena_cell *cell,
    const struct ledger_counters *now, void *arg)
{
	const struct adding *adding = arg;
	const struct ledger_row_key key = { adding->hour, cell->key_id, cell->model,
		cell->endpoint };
	struct ledger_counters more;

	(void)j;
	(void)over(now, &k->mark[i], &more);
	return tally_add(adding->to, &key, &more);
}

int
journal_unflushed(struct journal *j, uint32_t hour, struct tally *to)
{
	struct adding adding = { hour, to };
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->n; i++)
		r = each_change(j, &j->v[i], add_change, &adding);
	return r;
}

/* --- flushing --- */

struct flushing {
	struct ledger *ledger;
	uint32_t hour;
	struct tally *totals;
	struct journal_flushed done;
};

/* Make the rows of totals before the commit, so that nothing can fail behind it. */
static int
reserve(const struct batch *b, const struct flushing *f)
{
	const struct ledger_counters none = { { 0 } };
	int r = 0;

	for (size_t i = 0; r == 0 && f->totals != NULL && i < b->n; i++) {
		const struct ledger_row_key key = key_of(&b->cells[i], f->hour);

		r = tally_add(f->totals, &key, &none);
	}
	return r;
}

/* The ledger has it: move the marks here too. */
static int
settle(const struct batch *b, const struct flushing *f, size_t i)
{
	const struct ledger_row_key key = key_of(&b->cells[i], f->hour);
	struct ledger_counters more;

	(void)over(&b->cells[i].counters, b->mark[i], &more);
	*b->mark[i] = b->cells[i].counters;
	return f->totals != NULL ? tally_add(f->totals, &key, &more) : 0;
}

static int
commit_batch(struct batch *b, struct flushing *f)
{
	struct ledger_flush_stats stats;
	int r = b->n > 0 ? reserve(b, f) : 0;

	if (r == 0 && b->n > 0)
		r = ledger_flush(f->ledger, f->hour, b->cells, b->n, &stats);
	if (r == 0 && b->n > 0) {
		f->done.cells += stats.changed;
		f->done.went_back += stats.went_back;
		for (size_t i = 0; r == 0 && i < b->n; i++)
			r = settle(b, f, i);
	}
	b->n = 0;
	return r;
}

static int
take_change(struct journal *j, struct known *k, uint32_t i, const struct arena_cell *cell,
    const struct ledger_counters *now, void *arg)
{
	struct batch *b = &j->batch;
	struct arena_cell *kept = &b->read[b->n];

	*kept = *cell;
	b->mark[b->n] = &k->mark[i];
	b->cells[b->n] = (struct ledger_cell){ arena_id(k->arena), i, kept->key_id,
		kept->model, kept->endpoint, *now };
	return ++b->n == BATCH_CELLS ? commit_batch(b, arg) : 0;
}

/* Remove an arena's file for good. Returns 0 or -errno. */
static int
remove_file(struct journal *j, const char *path)
{
	int fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd == -1)
		return -errno;
	if (unlink(path) == -1 && errno != ENOENT)
		r = -errno;
	else if (fsync(fd) == -1)
		r = -errno;
	close(fd);
	return r;
}

/* The end of a retired arena. Returns 0 (gone), -EAGAIN (the file stays) or a code. */
static int
bury(struct journal *j, struct known *k, struct ledger *l)
{
	int r;

	if (!k->unlinked && (r = remove_file(j, k->path)) != 0) {
		if (!j->unlink_failed)
			log_error(
			    "journal", "%s can't be removed: %s", k->path, err_text(r));
		j->unlink_failed = true;
		return -EAGAIN;
	}
	k->unlinked = true;
	return ledger_drop_arena(l, arena_id(k->arena));
}

static int
bury_retired(struct journal *j, struct ledger *l)
{
	size_t i = 0;

	while (i < j->n) {
		struct known *k = &j->v[i];
		int r = -EAGAIN;

		if (k->retired && k->mark != NULL && !k->damaged)
			r = bury(j, k, l);
		if (r != 0 && r != -EAGAIN)
			return r;
		if (r == 0) {
			struct known gone = *k;

			*k = j->v[--j->n];
			known_free(&gone);
		} else {
			i++;
		}
	}
	return 0;
}

int
journal_flush(struct journal *j, struct ledger *l, uint32_t hour, struct tally *totals,
    struct journal_flushed *out)
{
	struct flushing f = { l, hour, totals, { 0, 0 } };
	int r = 0;

	j->batch.n = 0;
	for (size_t i = 0; r == 0 && i < j->n; i++) {
		struct known *k = &j->v[i];

		k->retired = arena_is_retired(k->arena); /* then its cells are read */
		r = each_change(j, k, take_change, &f);
	}
	if (r == 0)
		r = commit_batch(&j->batch, &f);
	j->batch.n = 0;
	*out = f.done;
	return r != 0 ? r : bury_retired(j, l);
}

static int
see_change(struct journal *j, struct known *k, uint32_t i, const struct arena_cell *cell,
    const struct ledger_counters *now, void *arg)
{
	(void)j;
	(void)k;
	(void)i;
	(void)cell;
	(void)now;
	(void)arg;
	return 1;
}

bool
journal_is_ahead(struct journal *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct known *k = &j->v[i];

		if (k->mark == NULL && arena_cells(k->arena) > 0)
			return true;
		if (each_change(j, k, see_change, NULL) != 0)
			return true;
	}
	return false;
}

void
journal_figures(const struct journal *j, struct journal_figures *out)
{
	*out = (struct journal_figures){ .arenas = j->n };
	for (size_t i = 0; i < j->n; i++) {
		const uint32_t used = arena_cells(j->v[i].arena);

		out->cells_used += used;
		out->cells_free += arena_capacity(j->v[i].arena) - used;
	}
}
