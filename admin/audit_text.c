/* See audit_text.h. Pure but for memory. */
#include "admin/audit_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/keyfile_time.h"
#include "common/sb.h"

static const char *const kind_names[] = {
	[AUDIT_NOBODY] = "nobody",
	[AUDIT_SESSION] = "session",
	[AUDIT_TOKEN] = "token",
	[AUDIT_CLI] = "cli",
	[AUDIT_SYSTEM] = "system",
};

/* The longest front of s that is at most AUDIT_TEXT_FIELD bytes and splits no character. */
static struct span
cut(const char *s)
{
	struct span t = span_of(s);

	if (t.n > AUDIT_TEXT_FIELD) {
		t.n = AUDIT_TEXT_FIELD;
		while (t.n > 0 && ((unsigned char)t.p[t.n] & 0xC0u) == 0x80u)
			t.n--;
	}
	return t;
}

static void
put_field(struct sb *b, const char *name, const char *value)
{
	SB_LIT(b, "\"");
	sb_str(b, name);
	SB_LIT(b, "\":");
	if (value == NULL) {
		SB_LIT(b, "null");
		return;
	}
	SB_LIT(b, "\"");
	sb_json(b, cut(value));
	SB_LIT(b, "\"");
}

static void
put_record(struct sb *b, const struct audit_actor *who, const char *action,
    const char *target, const char *detail)
{
	SB_LIT(b, "{\"actor\":{");
	put_field(b, "kind", kind_names[who->kind]);
	SB_LIT(b, ",");
	put_field(b, "id", who->id);
	SB_LIT(b, "},");
	put_field(b, "from", who->from);
	SB_LIT(b, ",");
	put_field(b, "action", action);
	SB_LIT(b, ",");
	put_field(b, "target", target);
	SB_LIT(b, ",\"detail\":");
	sb_str(b, detail);
	SB_LIT(b, "}");
}

int
audit_record_text(const struct audit_actor *who, const char *action, const char *target,
    const json_t *detail, char **out, size_t *n_out)
{
	char *text = malloc(LEDGER_AUDIT_MAX + 1);
	char *dumped =
	    detail != NULL ? json_dumps(detail, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	struct sb b;

	if (text == NULL || (detail != NULL && dumped == NULL)) {
		free(text);
		free(dumped);
		return -ENOMEM;
	}
	b = sb_init(text, LEDGER_AUDIT_MAX);
	put_record(&b, who, action, target, dumped != NULL ? dumped : "{}");
	if (b.over) {
		b = sb_init(text, LEDGER_AUDIT_MAX);
		put_record(&b, who, action, target, "{\"cut\":true}");
	}
	free(dumped);
	text[b.n] = '\0';
	*out = text;
	*n_out = b.n;
	return 0;
}

json_t *
audit_record_json(const struct ledger_audit_record *r)
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

const char *
audit_user(uid_t uid, char out[AUDIT_USER_BYTES])
{
	if (uid == 0)
		(void)snprintf(out, AUDIT_USER_BYTES, "root");
	else
		(void)snprintf(out, AUDIT_USER_BYTES, "uid %lu", (unsigned long)uid);
	return out;
}
