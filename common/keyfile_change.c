/*
 * What an edit of the key file can change (keyfile_edit.h), in memory only. Where an
 * id is given, all entries that have it are meant: a revoked key must not live on in
 * a second entry. Only a rotation, which makes one secret, asks for a single one.
 */
#include "common/keyfile_edit.h"

#include <errno.h>
#include <string.h>

#include "common/keyfile_edit_state.h"
#include "common/keyfile_entry.h"
#include "common/keyfile_time.h"

static int
not_found(const struct keyfile_edit *e, struct errmsg *why)
{
	errmsg_set(why, "%s: there is no key with this key_id", e->path);
	return -ENOENT;
}

/* The place of the next entry from `from` on with this id, or the number of all if there is
 * none; fault_out: its fault, or NULL. */
static size_t
find(const struct keyfile_edit *e, const char *id, size_t from, struct key *out,
    const char **fault_out)
{
	size_t n = json_array_size(e->doc.keys), i;

	*fault_out = NULL;
	for (i = from; i < n; i++) {
		unsigned notes;

		*fault_out =
		    keyfile_entry_parse(json_array_get(e->doc.keys, i), out, &notes);
		if (id[0] != '\0' && strcmp(out->id, id) == 0)
			break; /* a faulty entry may have the id "" */
	}
	return i;
}

int
keyfile_edit_get(
    const struct keyfile_edit *e, const char *id, struct key *out, struct errmsg *why)
{
	const char *fault;
	size_t i = find(e, id, 0, out, &fault);

	if (i == json_array_size(e->doc.keys))
		return not_found(e, why);
	return fault == NULL ? 0 : keyfile_edit_invalid(e, why, i, id, fault);
}

static json_t *
hash_json(const uint8_t hash[KEY_HASH_BYTES])
{
	char hex[KEY_HASH_HEX + 1];

	keyfile_entry_hex(hash, hex);
	return json_string(hex);
}

static json_t *
limit_json(int64_t limit)
{
	return limit == KEY_NO_LIMIT ? json_null() : json_integer(limit);
}

/* Store the given values in an entry. All of them are valid JSON by now. */
static int
store_values(json_t *entry, const struct keyfile_values *v)
{
	int r = 0;

	if (v->given & KEYFILE_EXPIRES)
		r |= json_object_set_new(
		    entry, "expires_at", keyfile_entry_time(v->expires_ms));
	if (v->given & KEYFILE_RATE_LIMIT)
		r |= json_object_set_new(entry, "rate_limit", limit_json(v->rate_limit));
	if (v->given & KEYFILE_DESCRIPTION)
		r |= json_object_set_new(
		    entry, "description", json_string(v->description));
	if (v->given & KEYFILE_ENABLED)
		r |= json_object_set_new(entry, "enabled", json_boolean(v->enabled));
	return r == 0 ? 0 : -ENOMEM;
}

/* Is s valid UTF-8? Jansson refuses to make a string of anything else. */
static bool
is_utf8(const char *s)
{
	json_t *j = json_string(s);

	json_decref(j);
	return j != NULL;
}

static int
check_values(const struct keyfile_values *v, struct errmsg *why)
{
	const char *what = NULL;

	if (v->given & KEYFILE_DESCRIPTION && !is_utf8(v->description))
		what = "the description is no valid UTF-8";
	if (v->given & KEYFILE_EXPIRES &&
	    (v->expires_ms < 0 || v->expires_ms > KEYFILE_TIME_MAX_MS))
		what = "the expiry is out of range";
	if (v->given & KEYFILE_RATE_LIMIT && v->rate_limit != KEY_NO_LIMIT &&
	    (v->rate_limit < 0 || v->rate_limit > UINT32_MAX))
		what = "the rate limit is out of range";
	if (what == NULL)
		return 0;
	errmsg_set(why, "%s; nothing was changed", what);
	return ERR_INVALID;
}

/* A new secret, and the id that it gives unless there is one: one that is not taken. */
static int
new_secret(const struct keyfile_edit *e, const char *id,
    char secret_out[KEY_SECRET_BYTES + 1], struct key *k)
{
	struct key other;
	const char *fault;
	int r;

	do {
		if ((r = key_generate(secret_out)) != 0)
			return r;
		key_hash(secret_out, KEY_SECRET_BYTES, k->hash);
		if (id != NULL) {
			memcpy(k->id, id, strlen(id) + 1); /* its length was checked */
			return 0;
		}
		keyfile_entry_default_id(k);
	} while (find(e, k->id, 0, &other, &fault) < json_array_size(e->doc.keys));
	return 0;
}

static int
check_new_id(const struct keyfile_edit *e, const char *id, struct errmsg *why)
{
	struct key other;
	const char *fault = keyfile_entry_check_id(id, strlen(id));

	if (fault == NULL && !is_utf8(id))
		fault = "key_id is no valid UTF-8";
	if (fault != NULL) {
		errmsg_set(why, "%s; nothing was changed", fault);
		return ERR_INVALID;
	}
	if (find(e, id, 0, &other, &fault) == json_array_size(e->doc.keys))
		return 0;
	errmsg_set(
	    why, "%s: there is a key with this key_id; nothing was changed", e->path);
	return -EEXIST;
}

int
keyfile_edit_create(struct keyfile_edit *e, const char *id, const struct keyfile_values *v,
    char secret_out[KEY_SECRET_BYTES + 1], char id_out[KEY_ID_MAX + 1], struct errmsg *why)
{
	struct key k = { 0 };
	json_t *entry;
	int r;

	if ((r = check_values(v, why)) != 0 ||
	    (id != NULL && (r = check_new_id(e, id, why)) != 0))
		return r;
	if ((r = new_secret(e, id, secret_out, &k)) != 0) {
		errmsg_set(why, "no secret can be made: %s", err_text(r));
		return r;
	}
	/* the seed's fields, in the seed's order */
	entry = json_pack("{s:s, s:o, s:o, s:n, s:n, s:s, s:b}", "key_id", k.id,
	    "key_hash", hash_json(k.hash), "created_at",
	    keyfile_entry_time(e->now_ms / 1000 * 1000), "expires_at", "rate_limit",
	    "description", "", "enabled", 1);
	if (entry == NULL || (r = store_values(entry, v)) != 0 ||
	    json_array_append(e->doc.keys, entry) != 0) {
		errmsg_set(why, "%s: %s", e->path, err_text(-ENOMEM));
		r = -ENOMEM;
	}
	json_decref(entry);
	memcpy(id_out, k.id, sizeof(k.id));
	return r;
}

/* How many entries have this id; the first one's place. */
static size_t
count(const struct keyfile_edit *e, const char *id, size_t *first_out)
{
	struct key k;
	const char *fault;
	size_t n = 0, i = find(e, id, 0, &k, &fault);

	*first_out = i;
	for (; i < json_array_size(e->doc.keys); i = find(e, id, i + 1, &k, &fault))
		n++;
	return n;
}

static int
store_rotation(json_t *entry, const struct key *old, int64_t previous_until_ms,
    const uint8_t hash[KEY_HASH_BYTES])
{
	int r = json_object_set_new(entry, "key_hash", hash_json(hash));

	(void)json_object_del(entry, "previous_hash");
	(void)json_object_del(entry, "previous_expires_at");
	if (previous_until_ms != 0) {
		r |= json_object_set_new(entry, "previous_hash", hash_json(old->hash));
		r |= json_object_set_new(
		    entry, "previous_expires_at", keyfile_entry_time(previous_until_ms));
	}
	return r == 0 ? 0 : -ENOMEM;
}

int
keyfile_edit_rotate(struct keyfile_edit *e, const char *id, int64_t grace_ms,
    char secret_out[KEY_SECRET_BYTES + 1], struct errmsg *why)
{
	struct key k;
	uint8_t hash[KEY_HASH_BYTES];
	json_t *entry = NULL;
	size_t i;
	int r = keyfile_edit_get(e, id, &k, why);

	if (r != 0)
		return r;
	if (count(e, id, &i) > 1)
		return keyfile_edit_invalid(
		    e, why, i, id, "it is not the only one with this key_id");
	if (grace_ms < 0 || grace_ms > KEYFILE_TIME_MAX_MS - e->now_ms)
		return keyfile_edit_invalid(e, why, i, id, "the grace is out of range");
	errmsg_set(why, "%s: no new secret can be stored", e->path);
	if ((r = key_generate(secret_out)) != 0 ||
	    (r = keyfile_edit_take(e, i, &k, &entry)) != 0)
		return r;
	key_hash(secret_out, KEY_SECRET_BYTES, hash);
	return store_rotation(entry, &k, grace_ms == 0 ? 0 : e->now_ms + grace_ms, hash);
}

int
keyfile_edit_set(struct keyfile_edit *e, const char *id, const struct keyfile_values *v,
    struct errmsg *why)
{
	struct key k;
	const char *fault;
	size_t i = find(e, id, 0, &k, &fault);
	int r = check_values(v, why);

	if (r == 0 && i == json_array_size(e->doc.keys))
		return not_found(e, why);
	for (; r == 0 && i < json_array_size(e->doc.keys);
	     i = find(e, id, i + 1, &k, &fault)) {
		json_t *entry = NULL;

		if (fault != NULL)
			return keyfile_edit_invalid(e, why, i, id, fault);
		if ((r = keyfile_edit_take(e, i, &k, &entry)) != 0 ||
		    (r = store_values(entry, v)) != 0)
			errmsg_set(why, "%s: %s", e->path, err_text(r));
	}
	return r;
}

int
keyfile_edit_delete(struct keyfile_edit *e, const char *id, struct errmsg *why)
{
	struct key k;
	const char *fault;
	size_t i = find(e, id, 0, &k, &fault);

	if (i == json_array_size(e->doc.keys))
		return not_found(e, why);
	for (; i < json_array_size(e->doc.keys); i = find(e, id, i, &k, &fault)) {
		keyfile_entry_wipe(json_array_get(e->doc.keys, i));
		if (json_array_remove(e->doc.keys, i) != 0)
			return -ENOMEM;
	}
	return 0;
}
