/* See audit_wire.h. */
#include "admin/audit_wire.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/keyfile_time.h"

struct reading {
	int64_t since_ms, until_ms;
	audit_wire_fn fn;
	void *arg;
};

/* The record as an object; NULL: memory is short. */
static json_t *
record_json(const struct ledger_audit_record *r)
{
	char at[KEYFILE_TIME_TEXT_BYTES] = "";
	json_t *text = json_loadb(r->text.p, r->text.n, JSON_REJECT_DUPLICATES, NULL);
	json_t *out;

	if (r->at_ms >= 0 && r->at_ms <= KEYFILE_TIME_MAX_MS)
		keyfile_time_format(r->at_ms, at);
	out = json_pack("{s:I, s:s}", "seq", (json_int_t)r->seq, "at", at);
	if (json_is_object(text)) {
		if (json_object_update_missing(out, text) != 0) {
			json_decref(out);
			out = NULL;
		}
	} else {
		(void)json_object_set_new(out, "text", json_stringn(r->text.p, r->text.n));
	}
	json_decref(text);
	return out;
}

static int
read_record(const struct ledger_audit_record *record, void *arg)
{
	const struct reading *reading = arg;
	json_t *j;

	if (record->at_ms < reading->since_ms || record->at_ms >= reading->until_ms)
		return 0;
	j = record_json(record);
	return j != NULL ? reading->fn(j, reading->arg) : -ENOMEM;
}

int
audit_wire_read(
    struct ledger *l, int64_t since_ms, int64_t until_ms, audit_wire_fn fn, void *arg)
{
	struct reading reading = { since_ms, until_ms, fn, arg };

	return ledger_audit_read(l, 0, read_record, &reading);
}

/* The text of a record; NULL: the note is not of the form. */
static char *
note_text(json_t *note)
{
	const json_t *id = json_object_get(note, "id");
	const json_t *action = json_object_get(note, "action");
	json_t *target = json_object_get(note, "target");
	json_t *detail = json_object_get(note, "detail"), *record;
	char *text;

	if (!json_is_string(id) || !json_is_string(action) || !json_is_object(detail) ||
	    (!json_is_string(target) && !json_is_null(target)))
		return NULL;
	record = json_pack("{s:{s:s, s:s}, s:s, s:s, s:O, s:O}", "actor", "kind", "cli",
	    "id", json_string_value(id), "from", "local", "action",
	    json_string_value(action), "target", target, "detail", detail);
	text = json_dumps(record, JSON_COMPACT);
	json_decref(record);
	return text;
}

int
audit_wire_append(struct ledger *l, json_t *note)
{
	char *text = note_text(note);
	int r = ERR_INVALID;

	if (text != NULL)
		r = ledger_audit_append(l, clock_wall_ms(), span_of(text), NULL);
	free(text);
	return r == ERR_TOO_LARGE ? ERR_INVALID : r;
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
