/* See key_changes.h. A table of the fields that may be told. */
#include "admin/key_changes.h"

#include <string.h>

#include "common/keyfile_time.h"

static json_t *
description_of(const struct key *k)
{
	return json_string(k->description);
}

/* RFC 3339, for people; 0: none. */
static json_t *
time_json(int64_t ms)
{
	char text[KEYFILE_TIME_TEXT_BYTES];

	if (ms <= 0 || ms > KEYFILE_TIME_MAX_MS)
		return json_null();
	keyfile_time_format(ms, text);
	return json_string(text);
}

static json_t *
expires_of(const struct key *k)
{
	return time_json(k->expires_ms);
}

static json_t *
limit_of(const struct key *k)
{
	return k->rate_limit == KEY_NO_LIMIT ? json_null() : json_integer(k->rate_limit);
}

static json_t *
enabled_of(const struct key *k)
{
	return json_boolean(k->enabled);
}

static const struct {
	const char *name;
	json_t *(*of)(const struct key *k);
} fields[] = {
	{ "description", description_of },
	{ "expires_at", expires_of },
	{ "rate_limit", limit_of },
	{ "enabled", enabled_of },
};

/* A field of a key that is new or gone, told as it is; of one that stays, old and new. */
static json_t *
tell(json_t *before, json_t *after)
{
	json_t *j;

	if (before == NULL || after == NULL)
		return before != NULL ? before : after;
	if (json_equal(before, after)) {
		json_decref(before);
		json_decref(after);
		return NULL;
	}
	j = json_pack("[o, o]", before, after);
	return j;
}

/* A rotated key: that its secret is new, and until when the old one is good. */
static int
tell_secret(json_t *out, const struct key *before, const struct key *after)
{
	if (before == NULL || after == NULL ||
	    memcmp(before->hash, after->hash, sizeof(before->hash)) == 0)
		return 0;
	if (json_object_set_new(out, "secret", json_string("new")) != 0)
		return -1;
	return json_object_set_new(out, "previous_expires_at",
	    time_json(after->has_previous ? after->previous_expires_ms : 0));
}

json_t *
key_changes(const struct key *before, const struct key *after)
{
	json_t *out = json_object();

	for (size_t i = 0; out != NULL && i < sizeof(fields) / sizeof(fields[0]); i++) {
		json_t *v = tell(before != NULL ? fields[i].of(before) : NULL,
		    after != NULL ? fields[i].of(after) : NULL);

		if (v != NULL)
			(void)json_object_set_new(out, fields[i].name, v);
	}
	if (out != NULL && tell_secret(out, before, after) != 0) {
		json_decref(out);
		out = NULL;
	}
	return out;
}
