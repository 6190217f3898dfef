/* See key_changes.h. A table of the fields that may be told. */
#include "admin/key_changes.h"

#include <string.h>

#include "admin/key_json.h"
#include "admin/time_json.h"

static json_t *
description_of(const struct key *k)
{
	return json_string(k->description);
}

static json_t *
expires_of(const struct key *k)
{
	return time_json(k->expires_ms);
}

static json_t *
limit_of(const struct key *k)
{
	return key_limit_json(k->rate_limit);
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

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

/* [was, is], taken over, unless a key that stays has the same. Returns 0 or -1. */
static int
tell(json_t *out, const char *name, json_t *was, json_t *is, bool stays)
{
	if (stays && json_equal(was, is)) {
		json_decref(was);
		json_decref(is);
		return 0;
	}
	return json_object_set_new(out, name, json_pack("[o, o]", was, is));
}

/* A rotated key: that its secret is new, and until when the old one is good. */
static int
tell_secret(json_t *out, const struct key *before, const struct key *after)
{
	if (memcmp(before->hash, after->hash, sizeof(before->hash)) == 0)
		return 0;
	if (json_object_set_new(out, "secret", json_string("new")) != 0)
		return -1;
	return json_object_set_new(out, "previous_expires_at",
	    time_json(after->has_previous ? after->previous_expires_ms : 0));
}

json_t *
key_changes(const struct key *before, const struct key *after)
{
	const bool stays = before != NULL && after != NULL;
	json_t *out = json_object();
	int r = 0;

	for (size_t i = 0; i < FIELDS && r == 0; i++)
		r = tell(out, fields[i].name,
		    before != NULL ? fields[i].of(before) : json_null(),
		    after != NULL ? fields[i].of(after) : json_null(), stays);
	if (r == 0 && stays)
		r = tell_secret(out, before, after);
	if (r == 0)
		return out;
	json_decref(out);
	return NULL;
}
