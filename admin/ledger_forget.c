/*
 * A walk collects a batch of rows, then a transaction moves them, for a walk must not
 * write. The next walk goes on behind the last row of the batch.
 */
#include "admin/ledger_forget.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/ledger_add.h"
#include "admin/ledger_row.h"
#include "admin/ledger_store.h"

enum { BATCH = 256, WALK_DONE = 1 };

struct found {
	struct ledger_key key;
	struct ledger_counters counters;
};

struct forgetting {
	const char *key_id;
	struct ledger_key from; /* where the next walk begins */
	struct found batch[BATCH];
	size_t n;
};

static int
collect(struct span key, struct span value, void *arg)
{
	struct forgetting *f = arg;
	struct found *to = &f->batch[f->n];
	struct ledger_row_key row;

	if (key.n > sizeof(to->key.b) || ledger_row_decode(key, &row) != 0)
		return LEDGER_CORRUPT;
	if (strcmp(row.key_id, f->key_id) != 0)
		return 0;
	if (ledger_counters_decode(value, &to->counters) != 0)
		return LEDGER_CORRUPT;
	memcpy(to->key.b, key.p, key.n);
	to->key.n = key.n;
	return ++f->n == BATCH ? WALK_DONE : 0;
}

static int
move_row(struct ledger *l, const struct found *row)
{
	const struct span key = ledger_key_span(&row->key);
	struct ledger_row_key where;
	int r = ledger_row_decode(key, &where);

	if (r != 0)
		return LEDGER_CORRUPT;
	where.key_id = LEDGER_FORGOTTEN;
	if ((r = ledger_add_to_row(l, &where, &row->counters)) != 0)
		return r;
	return ledger_del(l, LEDGER_USAGE, key);
}

static int
move_batch(struct ledger *l, const struct forgetting *f)
{
	int r = ledger_begin(l);

	if (r != 0)
		return r;
	for (size_t i = 0; r == 0 && i < f->n; i++)
		r = move_row(l, &f->batch[i]);
	if ((r = ledger_end(l, r)) != 0)
		return r;
	return ledger_checkpoint_due(l);
}

int
ledger_forget(struct ledger *l, const char *key_id, size_t *folded_out)
{
	struct forgetting *f;
	int r = 0;

	*folded_out = 0;
	if (strcmp(key_id, LEDGER_FORGOTTEN) == 0)
		return ERR_INVALID;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -ENOMEM;
	f->key_id = key_id;
	ledger_row_first(0, &f->from);
	do {
		f->n = 0;
		r = ledger_walk(l, LEDGER_USAGE, ledger_key_span(&f->from), collect, f);
		if (r < 0 || f->n == 0)
			break;
		f->from = f->batch[f->n - 1].key;
		r = move_batch(l, f);
		if (r == 0)
			*folded_out += f->n;
	} while (r == 0 && f->n == BATCH);
	free(f);
	return r < 0 ? r : 0;
}
