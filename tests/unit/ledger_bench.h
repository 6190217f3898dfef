/*
 * What the tests of the ledger share: a DATA_DIR that comes and goes, totals over all rows,
 * and a short way to make cells.
 */
#ifndef GATEHOUSE_TESTS_LEDGER_BENCH_H
#define GATEHOUSE_TESTS_LEDGER_BENCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ledger.h"
#include "admin/ledger_import.h"
#include "admin/ledger_marks.h"
#include "admin/ledger_row.h"
#include "admin/ledger_usage.h"

struct ledger_bench {
	char dir[64]; /* DATA_DIR */
	struct ledger *ledger;
	struct errmsg why;
};

static inline int
ledger_bench_open_at(
    const char *dir, uint64_t min_free, struct ledger **out, struct errmsg *why)
{
	const struct ledger_options o = { dir, min_free };

	return ledger_open(&o, out, why);
}

/* Remove a folder with all that is in it. */
static inline void
ledger_bench_remove_at(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL)
		return;
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == -1)
			ledger_bench_remove_at(fd, e->d_name);
	}
	closedir(d);
	unlinkat(parent, name, AT_REMOVEDIR);
}

static inline void
ledger_bench_remove(const char *dir)
{
	ledger_bench_remove_at(AT_FDCWD, dir);
}

static inline int
ledger_bench_up(void **state)
{
	struct ledger_bench *b = calloc(1, sizeof(*b));

	*state = b;
	if (b == NULL)
		return -1;
	snprintf(b->dir, sizeof(b->dir), "/tmp/gatehouse-test-ledger-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	return ledger_bench_open_at(b->dir, 0, &b->ledger, &b->why);
}

static inline int
ledger_bench_down(void **state)
{
	struct ledger_bench *b = *state;

	ledger_close(&b->ledger);
	ledger_bench_remove(b->dir);
	free(b);
	return 0;
}

/* Close and open again. */
static inline int
ledger_bench_again(struct ledger_bench *b)
{
	ledger_close(&b->ledger);
	return ledger_bench_open_at(b->dir, 0, &b->ledger, &b->why);
}

struct ledger_sum {
	size_t rows;
	struct ledger_counters total;
};

static inline int
ledger_sum_add(const struct ledger_row *row, void *arg)
{
	struct ledger_sum *s = arg;

	s->rows++;
	ledger_counters_add(&s->total, &row->counters);
	return 0;
}

/* Rows and totals from from_hour to before to_hour. Returns ledger_read's code. */
static inline int
ledger_sum_range(
    struct ledger *l, uint32_t from_hour, uint32_t to_hour, struct ledger_sum *out)
{
	*out = (struct ledger_sum){ 0 };
	return ledger_read(l, from_hour, to_hour, ledger_sum_add, out);
}

static inline int
ledger_sum_all(struct ledger *l, struct ledger_sum *out)
{
	return ledger_sum_range(l, 0, UINT32_MAX, out);
}

/* A cell whose counters are n, 2n, 3n, ... */
static inline struct ledger_cell
ledger_cell_of(uint64_t arena, uint32_t cell, const char *key_id, int64_t n)
{
	struct ledger_cell c = { arena, cell, key_id, "model", "chat", { { 0 } } };

	for (int64_t i = 0; i < LEDGER_COUNTERS; i++)
		c.counters.v[i] = n * (i + 1);
	return c;
}

/* Do the counters stand at n, 2n, 3n, ...? */
static inline bool
ledger_counters_are(const struct ledger_counters *c, int64_t n)
{
	for (int64_t i = 0; i < LEDGER_COUNTERS; i++) {
		if (c->v[i] != n * (i + 1))
			return false;
	}
	return true;
}

#endif
