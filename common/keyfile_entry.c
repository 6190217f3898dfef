/*
 * Entries of the key file. A table of fields does the reading, so that each
 * format that CONTRACT allows stands in one place; what is no good is said by a
 * constant text that names the field and never quotes the value, since anything
 * in a key file may be a secret that slipped into the wrong field.
 */
#include "common/keyfile_entry.h"

#include <errno.h>
#include <string.h>
#include <openssl/crypto.h>

#include "common/keyfile_time.h"

/* Look at a field's value (not null). NULL, or what is wrong with it. */
typedef const char *field_fn(const json_t *value, struct key *out);

struct field {
	const char *name;
	field_fn *parse;
};

static struct span
text_of(const json_t *value)
{
	return (struct span){ json_string_value(value), json_string_length(value) };
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
hash_from_hex(const json_t *value, uint8_t out[KEY_HASH_BYTES])
{
	struct span s = text_of(value);

	if (!json_is_string(value) || s.n != KEY_HASH_HEX)
		return false;
	for (size_t i = 0; i < KEY_HASH_BYTES; i++) {
		int hi = hex_digit(s.p[2 * i]), lo = hex_digit(s.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

void
keyfile_entry_hex(const uint8_t hash[KEY_HASH_BYTES], char out[KEY_HASH_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < KEY_HASH_BYTES; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[KEY_HASH_HEX] = '\0';
}

/* C0, DEL, and the C1 controls in UTF-8 (0xc2 0x80 to 0xc2 0x9f). */
static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
			return true;
	}
	return false;
}

const char *
keyfile_entry_check_id(const char *id, size_t n)
{
	if (n < 1 || n > KEY_ID_MAX)
		return "key_id is not 1 to 128 bytes long";
	if (has_control((struct span){ id, n }))
		return "key_id holds a control character";
	return NULL;
}

static const char *
parse_id(const json_t *value, struct key *out)
{
	struct span s = text_of(value);
	const char *fault;

	if (!json_is_string(value))
		return "key_id is no text";
	if ((fault = keyfile_entry_check_id(s.p, s.n)) != NULL)
		return fault;
	memcpy(out->id, s.p, s.n);
	out->id[s.n] = '\0';
	return NULL;
}

static const char *
parse_description(const json_t *value, struct key *out)
{
	struct span s = text_of(value);
	size_t n = s.n;

	if (!json_is_string(value))
		return "description is no text";
	if (n > KEY_DESCRIPTION_MAX) {
		n = KEY_DESCRIPTION_MAX;
		while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
			n--; /* never half a character */
	}
	memcpy(out->description, s.p, n);
	out->description[n] = '\0';
	return NULL;
}

/* Only when there is no description: that one wins. */
static const char *
parse_name(const json_t *value, struct key *out)
{
	if (out->description[0] != '\0')
		return NULL;
	if (!json_is_string(value))
		return "name is no text";
	return parse_description(value, out);
}

/* false: no time. A number that is not 0 never becomes 0, which means never. */
static bool
time_from_json(const json_t *value, int64_t *ms_out)
{
	double seconds;

	if (json_is_string(value))
		return keyfile_time_parse(text_of(value), ms_out) == 0;
	if (!json_is_number(value))
		return false;
	seconds = json_number_value(value);
	if (!(seconds >= 0 && seconds <= (double)(KEYFILE_TIME_MAX_MS / 1000)))
		return false;
	*ms_out = (int64_t)(seconds * 1000 + 0.5);
	if (*ms_out == 0 && seconds > 0)
		*ms_out = 1;
	return true;
}

static const char *
parse_created(const json_t *value, struct key *out)
{
	return time_from_json(value, &out->created_ms)
	    ? NULL
	    : "created_at is neither a time (ISO 8601) nor seconds since 1970";
}

static const char *
parse_expires(const json_t *value, struct key *out)
{
	return time_from_json(value, &out->expires_ms)
	    ? NULL
	    : "expires_at is neither a time (ISO 8601) nor seconds since 1970";
}

static const char *
parse_previous_expires(const json_t *value, struct key *out)
{
	return time_from_json(value, &out->previous_expires_ms)
	    ? NULL
	    : "previous_expires_at is neither a time (ISO 8601) nor seconds since "
	      "1970";
}

static const char *
parse_rate_limit(const json_t *value, struct key *out)
{
	double limit = json_number_value(value);

	if (!json_is_number(value) || !(limit >= 0 && limit <= UINT32_MAX) ||
	    (double)(int64_t)limit < limit)
		return "rate_limit is no whole number from 0 to 4294967295";
	out->rate_limit = (int64_t)limit;
	return NULL;
}

static const char *
parse_enabled(const json_t *value, struct key *out)
{
	if (!json_is_boolean(value))
		return "enabled is neither true nor false";
	out->enabled = json_is_true(value);
	return NULL;
}

static const char *
parse_previous_hash(const json_t *value, struct key *out)
{
	if (!hash_from_hex(value, out->previous_hash))
		return "previous_hash is not 64 lower-case hex digits";
	out->has_previous = true;
	return NULL;
}

/* clang-format off */
static const struct field fields[] = {
	{ "key_id",              parse_id },
	{ "description",         parse_description },
	{ "name",                parse_name }, /* after description */
	{ "created_at",          parse_created },
	{ "expires_at",          parse_expires },
	{ "rate_limit",          parse_rate_limit },
	{ "enabled",             parse_enabled },
	{ "previous_hash",       parse_previous_hash },
	{ "previous_expires_at", parse_previous_expires },
};
/* clang-format on */

static const char *const secret_fields[] = { "key_hash", "key", "api_key" };

enum { N_FIELDS = sizeof(fields) / sizeof(fields[0]), N_SECRET_FIELDS = 3 };

static bool
is_secret_field(const char *name)
{
	for (size_t i = 0; i < N_SECRET_FIELDS; i++)
		if (strcmp(name, secret_fields[i]) == 0)
			return true;
	return false;
}

static const char *
parse_secret(const json_t *entry, struct key *out, unsigned *notes)
{
	const json_t *found = NULL;
	bool plain = false;
	struct span s;

	for (size_t i = 0; i < N_SECRET_FIELDS; i++) {
		const json_t *value = json_object_get(entry, secret_fields[i]);

		if (value == NULL || json_is_null(value))
			continue;
		if (found != NULL)
			return "more than one of key_hash, key and api_key is given";
		found = value;
		plain = i > 0;
	}
	if (found == NULL)
		return "none of key_hash, key and api_key is given";
	if (!plain)
		return hash_from_hex(found, out->hash)
		    ? NULL
		    : "key_hash is not 64 lower-case hex digits";
	s = text_of(found);
	if (!json_is_string(found) || s.n == 0 || has_control(s))
		return "key (or api_key) is no text, empty or holds a control character";
	key_hash(s.p, s.n, out->hash);
	*notes |= KEYFILE_NOTE_PLAIN;
	return NULL;
}

static bool
is_placeholder(const uint8_t hash[KEY_HASH_BYTES])
{
	if (hash[0] >> 4 != (hash[0] & 15))
		return false;
	return memcmp(hash, hash + 1, KEY_HASH_BYTES - 1) == 0;
}

/* Does the id give the secret away? Ids are logged, counted and shown. */
static bool
id_is_secret(const struct key *k)
{
	uint8_t hash[KEY_HASH_BYTES];
	size_t n = strlen(k->id);

	if (n < 16) /* saves the hashing: nearly all ids are short, and no secret is */
		return false;
	if (n == KEY_SECRET_BYTES && strncmp(k->id, "pm_", 3) == 0)
		return true;
	key_hash(k->id, n, hash);
	return memcmp(hash, k->hash, sizeof(hash)) == 0;
}

void
keyfile_entry_default_id(struct key *k)
{
	char hex[KEY_HASH_HEX + 1];

	keyfile_entry_hex(k->hash, hex);
	memcpy(k->id, hex, 8);
	k->id[8] = '\0';
}

/* `out` without what an earlier entry left, at the cost of a few bytes only. */
static void
key_reset(struct key *out)
{
	out->id[0] = '\0';
	out->description[0] = '\0';
	memset(out->hash, 0, sizeof(out->hash));
	memset(out->previous_hash, 0, sizeof(out->previous_hash));
	out->has_previous = false;
	out->enabled = true;
	out->previous_expires_ms = 0;
	out->created_ms = 0;
	out->expires_ms = 0;
	out->rate_limit = KEY_NO_LIMIT;
}

static const char *
parse_fields(const json_t *entry, struct key *out)
{
	const char *fault;

	for (size_t i = 0; i < N_FIELDS; i++) {
		const json_t *value = json_object_get(entry, fields[i].name);

		if (value == NULL || json_is_null(value))
			continue;
		if ((fault = fields[i].parse(value, out)) != NULL)
			return fault;
	}
	if (out->has_previous && out->previous_expires_ms == 0)
		return "previous_expires_at is missing beside previous_hash";
	return NULL;
}

const char *
keyfile_entry_parse(const json_t *entry, struct key *out, unsigned *notes_out)
{
	const char *secret_fault, *fault;

	*notes_out = 0;
	key_reset(out);
	if (!json_is_object(entry))
		return "it is no object";
	/* both in any case: a fault is told with the id, if that is not the secret */
	secret_fault = parse_secret(entry, out, notes_out);
	fault = parse_fields(entry, out);
	if (id_is_secret(out)) {
		out->id[0] = '\0';
		*notes_out |= KEYFILE_NOTE_SECRET_ID;
	}
	if (secret_fault != NULL || fault != NULL)
		return secret_fault != NULL ? secret_fault : fault;
	if (out->id[0] == '\0')
		keyfile_entry_default_id(out);
	if (is_placeholder(out->hash))
		*notes_out |= KEYFILE_NOTE_PLACEHOLDER;
	return NULL;
}

json_t *
keyfile_entry_time(int64_t ms)
{
	if (ms == 0)
		return json_null();
	if (ms % 1000 == 0)
		return json_integer(ms / 1000);
	return json_real((double)ms / 1000.0);
}

static bool
has_value(const json_t *entry, const char *name)
{
	const json_t *value = json_object_get(entry, name);

	return value != NULL && !json_is_null(value);
}

static int
set_hash(json_t *to, const char *name, const uint8_t hash[KEY_HASH_BYTES])
{
	char hex[KEY_HASH_HEX + 1];

	keyfile_entry_hex(hash, hex);
	return json_object_set_new(to, name, json_string(hex));
}

static const int64_t *
time_field(const struct key *k, const char *name)
{
	if (strcmp(name, "created_at") == 0)
		return &k->created_ms;
	if (strcmp(name, "expires_at") == 0)
		return &k->expires_ms;
	if (strcmp(name, "previous_expires_at") == 0)
		return &k->previous_expires_ms;
	return NULL;
}

/* Copy one field of the old entry to the new one, in the seed's form. */
static int
rewrite_field(
    json_t *entry, const struct key *k, const char *name, json_t *value, json_t *to)
{
	const int64_t *ms;

	if (strcmp(name, "key_id") == 0)
		return json_object_set_new(to, name, json_string(k->id));
	if (is_secret_field(name))
		return set_hash(to, "key_hash", k->hash);
	if (strcmp(name, "name") == 0 && !has_value(entry, "description"))
		return json_object_set(to, "description", value);
	if (strcmp(name, "description") == 0 && json_is_null(value) &&
	    has_value(entry, "name"))
		return 0; /* `name` takes its place */
	if (json_is_string(value) && (ms = time_field(k, name)) != NULL)
		return json_object_set_new(to, name, keyfile_entry_time(*ms));
	return json_object_set(to, name, value);
}

int
keyfile_entry_rewrite(json_t *entry, const struct key *k, json_t **out)
{
	json_t *to = json_object();

	if (to == NULL)
		return -ENOMEM;
	if (json_object_get(entry, "key_id") == NULL &&
	    json_object_set_new(to, "key_id", json_string(k->id)) != 0)
		goto fail;
	for (void *it = json_object_iter(entry); it != NULL;
	     it = json_object_iter_next(entry, it))
		if (rewrite_field(entry, k, json_object_iter_key(it),
			json_object_iter_value(it), to) != 0)
			goto fail;
	*out = to;
	return 0;
fail:
	json_decref(to);
	return -ENOMEM;
}

void
keyfile_entry_wipe(json_t *entry)
{
	for (size_t i = 1; i < N_SECRET_FIELDS; i++) {
		const json_t *value = json_object_get(entry, secret_fields[i]);
		const char *lent = json_string_value(value);
		char *text;

		if (lent == NULL)
			continue;
		/* Jansson lends it as const, but it is about to be freed */
		memcpy(&text, &lent, sizeof(text));
		OPENSSL_cleanse(text, json_string_length(value));
	}
}
