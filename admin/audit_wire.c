/* See audit_wire.h. */
#include "admin/audit_wire.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/audit_text.h"
#include "common/clock.h"

struct reading {
	int64_t since_ms, until_ms;
	audit_wire_fn fn;
	void *arg;
};

static int
read_record(const struct ledger_audit_record *record, void *arg)
{
	const struct reading *reading = arg;
	json_t *j;

	if (record->at_ms < reading->since_ms || record->at_ms >= reading->until_ms)
		return 0;
	j = audit_record_json(record);
	return j != NULL ? reading->fn(j, reading->arg) : -ENOMEM;
}

int
audit_wire_read(
    struct ledger *l, int64_t since_ms, int64_t until_ms, audit_wire_fn fn, void *arg)
{
	struct reading reading = { since_ms, until_ms, fn, arg };

	return ledger_audit_read(l, 0, read_record, &reading);
}

/* The text of a record. Returns 0, ERR_INVALID (the note is not of the form) or -ENOMEM. */
static int
note_text(const json_t *note, char **out, size_t *n_out)
{
	const char *id = json_string_value(json_object_get(note, "id"));
	const char *action = json_string_value(json_object_get(note, "action"));
	const json_t *target = json_object_get(note, "target");
	const json_t *detail = json_object_get(note, "detail");
	const struct audit_actor who = { AUDIT_CLI, id, "local" };

	if (id == NULL || action == NULL || !json_is_object(detail) ||
	    (!json_is_string(target) && !json_is_null(target)))
		return ERR_INVALID;
	return audit_record_text(
	    &who, action, json_string_value(target), detail, out, n_out);
}

int
audit_wire_append(struct ledger *l, json_t *note)
{
	char *text = NULL;
	size_t n = 0;
	int r = note_text(note, &text, &n);

	if (r == 0)
		r = ledger_audit_append(
		    l, clock_wall_ms(), (struct span){ text, n }, NULL);
	free(text);
	return r;
}

int
audit_wire_verify(struct ledger *l, json_t **out)
{
	struct ledger_audit_state s;
	const int r = ledger_audit_verify(l, &s);

	if (r != 0 && r != LEDGER_CHAIN)
		return r;
	*out = json_pack("{s:b, s:I, s:I, s:o}", "whole", r == 0, "records",
	    (json_int_t)s.records, "last_seq", (json_int_t)s.last_seq, "first_bad",
	    s.first_bad != 0 ? json_integer((json_int_t)s.first_bad) : json_null());
	return *out != NULL ? 0 : -ENOMEM;
}
