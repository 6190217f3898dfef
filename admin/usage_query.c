/* See usage_query.h. */
#include "admin/usage_query.h"

#include <stdlib.h>

#include "admin/audit_text.h"
#include "admin/ledger_audit.h"
#include "admin/ledger_forget.h"
#include "admin/ledger_usage.h"
#include "common/clock.h"
#include "common/span.h"

enum { HOUR_MS = 3600 * 1000 };

static int
add_row(const struct ledger_row *row, void *arg)
{
	return tally_add(arg, &row->key, &row->counters);
}

int
usage_query_run(
    struct ledger *l, struct journal *j, const struct usage_query *q, struct tally **out)
{
	const uint32_t hour = (uint32_t)(clock_wall_ms() / HOUR_MS);
	struct tally *t = NULL;
	int r = tally_create(q->by, &t);

	if (r == 0)
		r = ledger_read(l, q->from_hour, q->to_hour, add_row, t);
	if (r == 0 && hour >= q->from_hour && hour < q->to_hour)
		r = journal_unflushed(j, hour, t);
	if (r == 0) {
		*out = t;
		t = NULL;
	}
	tally_destroy(&t);
	return r;
}

int
usage_query_forget(struct ledger *l, const char *key_id, uid_t uid, size_t *rows_out)
{
	char user[AUDIT_USER_BYTES];
	const struct audit_actor who = { AUDIT_CLI, audit_user(uid, user), "local" };
	const struct span name = span_of(key_id);
	char *text = NULL;
	size_t n = 0;
	int r;

	if (name.n == 0 || name.n > LEDGER_NAME_MAX ||
	    span_eq(name, span_of(LEDGER_FORGOTTEN)))
		return ERR_INVALID;
	r = audit_record_text(&who, "usage.forget", key_id, NULL, &text, &n);
	if (r == 0)
		r = ledger_audit_append(
		    l, clock_wall_ms(), (struct span){ text, n }, NULL);
	free(text);
	return r != 0 ? r : ledger_forget(l, key_id, rows_out);
}
