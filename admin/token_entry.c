/* See token_entry.h and the scopes in token.h. Pure but for the file that it reads. */
#include "admin/token_entry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/hexfile.h"
#include "admin/time_json.h"
#include "common/keyfile_time.h"
#include "common/sb.h"

enum { FILE_BYTES = 1024 * 1024 };

static const struct {
	unsigned scope;
	const char *name;
} scopes[] = { { 1, "admin" }, { 2, "read" }, { 4, "metrics" } };

enum { SCOPES = sizeof(scopes) / sizeof(scopes[0]) };

unsigned
token_scope(struct span name)
{
	for (size_t i = 0; i < SCOPES; i++) {
		if (span_eq(name, span_of(scopes[i].name)))
			return scopes[i].scope;
	}
	return 0;
}

json_t *
token_scopes_json(unsigned mask)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < SCOPES; i++) {
		if ((mask & scopes[i].scope) != 0 &&
		    json_array_append_new(list, json_string(scopes[i].name)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

/* RFC 3339, or null for 0. */
json_t *
token_json(const struct token *t, int64_t now_ms)
{
	const bool expired = t->expires_ms != 0 && t->expires_ms <= now_ms;

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "id", t->id, "name",
	    t->name, "scopes", token_scopes_json(t->scopes), "created_at",
	    time_json(t->created_ms), "expires_at", time_json(t->expires_ms),
	    "last_used_at", time_json(t->used_ms), "created_by", t->created_by, "status",
	    expired ? "expired" : "active");
}

bool
token_name_is_valid(struct span name)
{
	if (name.n == 0 || name.n > TOKEN_NAME_MAX)
		return false;
	while (name.n > 0) {
		const unsigned char *p = (const unsigned char *)name.p;
		const size_t step = sb_utf8_bytes(p, name.n);

		if (step == 0 || *p < 0x20 || *p == 0x7f)
			return false;
		name.p += step;
		name.n -= step;
	}
	return true;
}

static int
scopes_from_json(const json_t *list, unsigned *out)
{
	*out = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		const unsigned scope = token_scope(span_of(name));

		if (scope == 0)
			return ERR_SYNTAX;
		*out |= scope;
	}
	return *out != 0 ? 0 : ERR_SYNTAX;
}

static int
entry_from_json(json_t *o, struct token *t)
{
	const char *id, *name, *hash, *by;
	json_int_t created, expires, used;
	json_t *list;

	*t = (struct token){ 0 };
	if (json_unpack(o, "{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I}", "id", &id, "name",
		&name, "token_hash", &hash, "created_by", &by, "scopes", &list,
		"created_ms", &created, "expires_ms", &expires, "used_ms", &used) != 0 ||
	    strlen(id) > TOKEN_ID_BYTES || !token_name_is_valid(span_of(name)) ||
	    strlen(by) > TOKEN_BY_MAX || created < 0 || expires < 0 || used < 0 ||
	    created > KEYFILE_TIME_MAX_MS || expires > KEYFILE_TIME_MAX_MS ||
	    used > KEYFILE_TIME_MAX_MS)
		return ERR_SYNTAX;
	(void)snprintf(t->id, sizeof(t->id), "%s", id);
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	(void)snprintf(t->created_by, sizeof(t->created_by), "%s", by);
	t->created_ms = created;
	t->expires_ms = expires;
	t->used_ms = used;
	if (scopes_from_json(list, &t->scopes) != 0)
		return ERR_SYNTAX;
	return hexfile_get(hash, t->hash, TOKEN_HASH_BYTES);
}

static int
entries_from_json(const json_t *root, struct token **out, size_t *n_out)
{
	const json_t *list = json_object_get(root, "tokens");
	const size_t n = json_array_size(list);
	struct token *v;

	if (!json_is_array(list) || n > TOKEN_MAX)
		return ERR_SYNTAX;
	v = calloc(n + 1, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (entry_from_json(json_array_get(list, i), &v[i]) != 0) {
			free(v);
			return ERR_SYNTAX;
		}
	}
	*out = v;
	*n_out = n;
	return 0;
}

int
token_entries_load(const char *path, struct token **out, size_t *n_out, struct errmsg *why)
{
	json_t *root = NULL;
	int r = hexfile_load(path, FILE_BYTES, &root);

	*out = NULL;
	*n_out = 0;
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = entries_from_json(root, out, n_out);
	if (r != 0)
		errmsg_set(why, "%s: %s", path,
		    r == ERR_SYNTAX ? "is no file of admin tokens" : err_text(r));
	json_decref(root);
	return r;
}

static json_t *
entry_json(const struct token *t)
{
	char hash[2 * TOKEN_HASH_BYTES + 1];

	hexfile_put(t->hash, TOKEN_HASH_BYTES, hash);
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:I, s:I, s:I}", "id", t->id, "name",
	    t->name, "token_hash", hash, "scopes", token_scopes_json(t->scopes),
	    "created_by", t->created_by, "created_ms", (json_int_t)t->created_ms,
	    "expires_ms", (json_int_t)t->expires_ms, "used_ms", (json_int_t)t->used_ms);
}

json_t *
token_entries_json(const struct token *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < n; i++) {
		if (json_array_append_new(list, entry_json(&v[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return json_pack("{s:i, s:o}", "version", 1, "tokens", list);
}
