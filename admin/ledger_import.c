/*
 * A record's id leads to nothing when its content is part of the id, or to the counters
 * that were added for it when it is a running total.
 */
#include "admin/ledger_import.h"

#include <errno.h>
#include <stdint.h>

#include "admin/ledger_add.h"
#include "admin/ledger_store.h"

static const struct span first_name = { "first_import", 12 };

static int
check_import(const struct ledger_import *v)
{
	if (v->id.n == 0 || v->id.n > LEDGER_IMPORT_ID_MAX)
		return ERR_INVALID;
	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		if (v->counters.v[i] < 0)
			return ERR_INVALID;
	}
	return 0;
}

static int
import_fixed(struct ledger *l, const struct ledger_import *v, size_t *added)
{
	char none[1];
	int r = ledger_get_exact(l, LEDGER_IMPORTS, v->id, none, 0);

	if (r != -ENOENT)
		return r; /* 0: it is in already */
	if ((r = ledger_add_to_row(l, &v->key, &v->counters)) != 0)
		return r;
	++*added;
	return ledger_put(l, LEDGER_IMPORTS, v->id, (struct span){ "", 0 });
}

/* What is new of a total; counters that went back add nothing, until they pass again. */
static bool
grown(const struct ledger_counters *now, struct ledger_counters *seen,
    struct ledger_counters *more)
{
	bool any = false;

	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		more->v[i] = now->v[i] > seen->v[i] ? now->v[i] - seen->v[i] : 0;
		seen->v[i] += more->v[i];
		any = any || more->v[i] > 0;
	}
	return any;
}

static int
import_growing(struct ledger *l, const struct ledger_import *v, size_t *added)
{
	struct ledger_counters seen, more;
	int r = ledger_counters_get(l, LEDGER_IMPORTS, v->id, &seen);

	if (r != 0 || !grown(&v->counters, &seen, &more))
		return r;
	if ((r = ledger_add_to_row(l, &v->key, &more)) != 0)
		return r;
	++*added;
	return ledger_counters_put(l, LEDGER_IMPORTS, v->id, &seen);
}

static int
import_one(struct ledger *l, const struct ledger_import *v, size_t *added)
{
	int r = check_import(v);

	if (r != 0)
		return r;
	return v->grows ? import_growing(l, v, added) : import_fixed(l, v, added);
}

int
ledger_import_records(
    struct ledger *l, const struct ledger_import *v, size_t n, size_t *new_out)
{
	size_t added = 0;
	int r = ledger_begin(l);

	if (r != 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = import_one(l, &v[i], &added);
	if ((r = ledger_end(l, r)) != 0)
		return r;
	*new_out = added;
	return ledger_checkpoint_due(l);
}

int
ledger_first_get(struct ledger *l, enum ledger_first *out)
{
	uint8_t b;
	int r = ledger_get_exact(l, LEDGER_META, first_name, &b, 1);

	*out = LEDGER_FIRST_NONE;
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		*out = b == LEDGER_FIRST_BEGUN ? LEDGER_FIRST_BEGUN : LEDGER_FIRST_DONE;
	return r;
}

int
ledger_first_put(struct ledger *l, enum ledger_first first)
{
	const char b = (char)first;
	int r = ledger_begin(l);

	if (r != 0)
		return r;
	return ledger_end(
	    l, ledger_put(l, LEDGER_META, first_name, (struct span){ &b, 1 }));
}

/* A visitor's word that it has seen enough. */
enum { WALK_DONE = 1 };

static int
see_row(struct span key, struct span value, void *arg)
{
	bool *used = arg;

	(void)key;
	(void)value;
	*used = true;
	return WALK_DONE;
}

int
ledger_is_used(struct ledger *l, bool *used_out)
{
	int r;

	*used_out = false;
	r = ledger_walk(l, LEDGER_USAGE, (struct span){ "", 0 }, see_row, used_out);
	return r == WALK_DONE ? 0 : r;
}
