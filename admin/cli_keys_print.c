/*
 * Printing of keys for `gatehouse keys`.
 */
#include "admin/cli_keys_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "admin/cli_table.h"
#include "common/keyfile_entry.h"
#include "common/keyfile_time.h"

enum column {
	COL_ID,
	COL_STATE,
	COL_LIMIT,
	COL_EXPIRES,
	COL_CREATED,
	COL_TEXT,
	N_COLUMNS
};

static const char *const titles[N_COLUMNS] = { "KEY_ID", "STATE", "LIMIT", "EXPIRES",
	"CREATED", "DESCRIPTION" };

struct row {
	const char *text[N_COLUMNS];
	char limit[24];
	char expires[KEYFILE_TIME_TEXT_BYTES];
	char created[KEYFILE_TIME_TEXT_BYTES];
};

const char *
cli_keys_state(const struct key *k, int64_t now_ms)
{
	if (!k->enabled)
		return "disabled";
	if (k->expires_ms != 0 && k->expires_ms <= now_ms)
		return "expired";
	return k->rate_limit == 0 ? "blocked" : "active";
}

static bool
has_grace(const struct key *k, int64_t now_ms)
{
	return k->has_previous && k->previous_expires_ms > now_ms;
}

static void
format_time(int64_t ms, const char *none, char out[KEYFILE_TIME_TEXT_BYTES])
{
	if (ms == 0)
		snprintf(out, KEYFILE_TIME_TEXT_BYTES, "%s", none);
	else
		keyfile_time_format(ms, out);
}

static void
row_fill(struct row *r, const struct key *k, int64_t now_ms)
{
	format_time(k->expires_ms, "never", r->expires);
	format_time(k->created_ms, "-", r->created);
	if (k->rate_limit == KEY_NO_LIMIT)
		snprintf(r->limit, sizeof(r->limit), "none");
	else
		snprintf(r->limit, sizeof(r->limit), "%" PRId64, k->rate_limit);
	r->text[COL_ID] = k->id;
	r->text[COL_STATE] = cli_keys_state(k, now_ms);
	r->text[COL_LIMIT] = r->limit;
	r->text[COL_EXPIRES] = r->expires;
	r->text[COL_CREATED] = r->created;
	r->text[COL_TEXT] = k->description;
}

int
cli_keys_print_table(FILE *out, const struct key *v, size_t n, int64_t now_ms)
{
	struct cli_table *t = NULL;
	struct row r;
	int rc = cli_table_create(titles, N_COLUMNS, &t);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		row_fill(&r, &v[i], now_ms);
		rc = cli_table_add(t, r.text);
	}
	if (rc == 0)
		cli_table_print(t, out);
	cli_table_destroy(&t);
	return rc;
}

/* A path need not be UTF-8; the rest has to be printed all the same. */
static json_t *
path_json(const char *path)
{
	json_t *j = json_string(path);

	return j != NULL ? j : json_null();
}

static json_t *
key_json(const struct key *k, int64_t now_ms)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:o}", "key_id", k->id,
	    "description", k->description, "state", cli_keys_state(k, now_ms),
	    "created_at", keyfile_entry_time(k->created_ms), "expires_at",
	    keyfile_entry_time(k->expires_ms), "rate_limit",
	    k->rate_limit == KEY_NO_LIMIT ? json_null() : json_integer(k->rate_limit),
	    "enabled", (int)k->enabled, "previous_expires_at",
	    keyfile_entry_time(has_grace(k, now_ms) ? k->previous_expires_ms : 0));
}

/* Print and release. NULL: memory was short. */
static int
print_json(FILE *out, json_t *j)
{
	if (j == NULL)
		return -ENOMEM;
	(void)json_dumpf(j, out, 0); /* a failure shows in ferror(out), as for all prints */
	fputc('\n', out);
	json_decref(j);
	return 0;
}

int
cli_keys_print_json(
    FILE *out, const char *file, const struct key *v, size_t n, int64_t now_ms)
{
	json_t *root = json_pack("{s:o, s:[]}", "file", path_json(file), "keys");
	json_t *keys = json_object_get(root, "keys");

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(keys, key_json(&v[i], now_ms)) != 0) {
			json_decref(root);
			return -ENOMEM;
		}
	return print_json(out, root);
}

int
cli_keys_print_one_json(
    FILE *out, const char *file, const struct key *k, const char *secret, int64_t now_ms)
{
	json_t *root = key_json(k, now_ms);
	int r = root == NULL ? -1 : json_object_set_new(root, "file", path_json(file));

	if (r == 0 && secret != NULL)
		r = json_object_set_new(root, "key", json_string(secret));
	if (r == 0)
		return print_json(out, root);
	json_decref(root);
	return -ENOMEM;
}

static void
print_field(FILE *out, const char *name, const char *text)
{
	fprintf(out, "%-15s", name);
	cli_text_print(out, text);
	fputc('\n', out);
}

int
cli_keys_print_one(
    FILE *out, const char *file, const struct key *k, const char *secret, int64_t now_ms)
{
	struct row r;
	char until[KEYFILE_TIME_TEXT_BYTES];

	row_fill(&r, k, now_ms);
	print_field(out, "key_id", k->id);
	if (secret != NULL)
		print_field(out, "key", secret);
	print_field(out, "state", r.text[COL_STATE]);
	print_field(out, "rate limit", r.limit);
	print_field(out, "expires", r.expires);
	if (has_grace(k, now_ms)) {
		keyfile_time_format(k->previous_expires_ms, until);
		print_field(out, "old key until", until);
	}
	print_field(out, "description", k->description);
	print_field(out, "file", file);
	return 0;
}

int
cli_keys_print_deleted(FILE *out, const char *file, const char *id, bool json)
{
	if (json)
		return print_json(out,
		    json_pack("{s:s, s:b, s:s}", "key_id", id, "deleted", 1, "file", file));
	print_field(out, "deleted", id);
	print_field(out, "file", file);
	return 0;
}
