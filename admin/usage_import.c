/* See usage_import.h. The ledger remembers that the first import has begun, and its end. */
#include "admin/usage_import.h"

#include <errno.h>

#include "admin/usage_file.h"
#include "common/clock.h"

int
usage_import_records(
    struct ledger *l, const struct ledger_import *v, size_t n, size_t *added_out)
{
	int r = 0;

	*added_out = 0;
	for (size_t at = 0; r == 0 && at < n; at += USAGE_IMPORT_BATCH) {
		const size_t left = n - at;
		size_t added = 0;

		r = ledger_import_records(l, v + at,
		    left < USAGE_IMPORT_BATCH ? left : USAGE_IMPORT_BATCH, &added);
		*added_out += added;
	}
	return r;
}

/* Is the first import to be done? Notes that it begins. Returns 0 or a code. */
static int
begin(struct ledger *l, bool *due_out)
{
	enum ledger_first first;
	bool used = true;
	int r = ledger_first_get(l, &first);

	if (r == 0 && first == LEDGER_FIRST_NONE) {
		r = ledger_is_used(l, &used);
		first = used ? LEDGER_FIRST_DONE : LEDGER_FIRST_BEGUN;
		if (r == 0)
			r = ledger_first_put(l, first);
	}
	*due_out = first == LEDGER_FIRST_BEGUN;
	return r;
}

/* Read the file and add it. Returns 0 (no file, too) or a code with why set. */
static int
import_file(
    struct ledger *l, const char *path, struct usage_imported *out, struct errmsg *why)
{
	struct usage_file *f = NULL;
	int r = usage_file_load(path, clock_wall_ms(), &f, why);

	if (r == -ENOENT)
		return 0;
	out->looked = true;
	if (r != 0)
		return r;
	out->records = usage_file_count(f);
	out->odd = usage_file_odd(f);
	r = usage_import_records(l, usage_file_records(f), out->records, &out->added);
	if (r != 0)
		errmsg_set(why, "%s: %s", path, ledger_text(r));
	usage_file_destroy(&f);
	return r;
}

int
usage_import_first(
    struct ledger *l, const char *path, struct usage_imported *out, struct errmsg *why)
{
	bool due = false;
	int r;

	*out = (struct usage_imported){ 0 };
	r = begin(l, &due);
	if (r != 0) {
		errmsg_set(why, "%s", ledger_text(r));
		return r;
	}
	if (!due)
		return 0;
	r = path != NULL ? import_file(l, path, out, why) : 0;
	if (r == 0 && (r = ledger_first_put(l, LEDGER_FIRST_DONE)) != 0)
		errmsg_set(why, "%s", ledger_text(r));
	return r;
}
