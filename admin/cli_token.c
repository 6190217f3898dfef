/*
 * `gatehouse admin-token`. The rule of `gatehouse keys` holds here too: a new secret is
 * printed before anything else can fail, because the file has only its hash.
 */
#include "admin/cli_token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include "admin/audit_text.h"
#include "admin/cli_keys.h"
#include "admin/cli_note.h"
#include "admin/cli_table.h"
#include "admin/cli_token_args.h"
#include "admin/token.h"
#include "common/clock.h"
#include "common/keyfile_time.h"

enum { SCOPES_BYTES = 32 };

static const char *const titles[] = { "ID", "STATUS", "SCOPES", "CREATED", "EXPIRES",
	"BY", "NAME" };
enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };

static int
refused(const struct cli_service *s, const char *why)
{
	fprintf(s->err, "gatehouse admin-token: %s\n", why);
	return CLI_REFUSED;
}

static int
finish(const struct cli_service *s)
{
	if (fflush(s->out) == 0 && !ferror(s->out))
		return CLI_DONE;
	return refused(s, "the result can't be written to the standard output");
}

/* Print and release; NULL: memory was short. */
static int
print_json(const struct cli_service *s, json_t *j)
{
	if (j == NULL)
		return refused(s, "out of memory");
	(void)json_dumpf(j, s->out, 0);
	fputc('\n', s->out);
	json_decref(j);
	return finish(s);
}

static void
format_time(int64_t ms, char out[KEYFILE_TIME_TEXT_BYTES])
{
	if (ms <= 0 || ms > KEYFILE_TIME_MAX_MS)
		(void)snprintf(out, KEYFILE_TIME_TEXT_BYTES, "never");
	else
		keyfile_time_format(ms, out);
}

static void
format_scopes(unsigned scopes, char out[SCOPES_BYTES])
{
	json_t *names = token_scopes_json(scopes), *name;
	size_t i, n = 0;

	out[0] = '\0';
	json_array_foreach(names, i, name)
	{
		const int put = snprintf(out + n, SCOPES_BYTES - n, "%s%s",
		    i > 0 ? "," : "", json_string_value(name));

		n += put > 0 && (size_t)put < SCOPES_BYTES - n ? (size_t)put : 0;
	}
	json_decref(names);
}

static int
add_row(struct cli_table *table, const struct token *t, int64_t now_ms)
{
	char created[KEYFILE_TIME_TEXT_BYTES], expires[KEYFILE_TIME_TEXT_BYTES];
	char scopes[SCOPES_BYTES];
	const bool over = t->expires_ms != 0 && t->expires_ms <= now_ms;
	const char *cells[COLUMNS] = { t->id, over ? "expired" : "active", scopes,
		created, expires, t->created_by, t->name };

	format_time(t->created_ms, created);
	format_time(t->expires_ms, expires);
	format_scopes(t->scopes, scopes);
	return cli_table_add(table, cells);
}

static int
print_table(const struct cli_service *s, const struct token *v, size_t n, int64_t now_ms)
{
	struct cli_table *table = NULL;
	int r = cli_table_create(titles, COLUMNS, &table);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_row(table, &v[i], now_ms);
	if (r == 0)
		cli_table_print(table, s->out);
	cli_table_destroy(&table);
	return r == 0 ? finish(s) : refused(s, "out of memory");
}

static json_t *
list_json(const struct token *v, size_t n, int64_t now_ms)
{
	json_t *root = json_pack("{s:[]}", "tokens");
	json_t *tokens = json_object_get(root, "tokens");

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(tokens, token_json(&v[i], now_ms)) != 0) {
			json_decref(root);
			return NULL;
		}
	}
	return root;
}

static int
do_list(const struct cli_service *s, const struct cli_token_args *args, int64_t now_ms)
{
	struct token *v = NULL;
	size_t n = 0;
	struct errmsg why = { "" };
	int r = token_file_list(s->data_dir, &v, &n, &why);

	if (r != 0)
		return refused(s, why.text);
	r = args->json ? print_json(s, list_json(v, n, now_ms))
		       : print_table(s, v, n, now_ms);
	free(v);
	return r;
}

static json_t *
detail_of(const struct token *t)
{
	char expires[KEYFILE_TIME_TEXT_BYTES], scopes[SCOPES_BYTES];

	format_time(t->expires_ms, expires);
	format_scopes(t->scopes, scopes);
	return json_pack(
	    "{s:s, s:s, s:s}", "name", t->name, "scopes", scopes, "expires_at", expires);
}

static int
print_created(const struct cli_service *s, const struct cli_token_args *args,
    const struct token *t, const char *secret)
{
	char scopes[SCOPES_BYTES], expires[KEYFILE_TIME_TEXT_BYTES];
	int r;

	if (args->json)
		return print_json(s,
		    json_pack("{s:o, s:s}", "token", token_json(t, t->created_ms),
			"secret", secret));
	format_scopes(t->scopes, scopes);
	format_time(t->expires_ms, expires);
	fprintf(s->out, "%-15s%s\n%-15s%s\n%-15s%s\n%-15s%s\n%-15s", "id", t->id, "token",
	    secret, "scopes", scopes, "expires", expires, "name");
	cli_text_print(s->out, t->name);
	fputc('\n', s->out);
	if ((r = finish(s)) == CLI_DONE)
		fprintf(s->err, "The token is shown this once; only its hash is kept.\n");
	return r;
}

static int
do_create(const struct cli_service *s, const struct cli_token_args *args, int64_t now_ms)
{
	char secret[TOKEN_SECRET_BYTES + 1] = "", user[AUDIT_USER_BYTES];
	struct token t = { .scopes = args->scopes,
		.created_ms = now_ms,
		.expires_ms = args->expires_ms };
	struct errmsg why = { "" };
	int r;

	if (args->expires_ms != 0 && args->expires_ms <= now_ms)
		return refused(s, "--expires is in the past");
	if (strlen(args->name) > TOKEN_NAME_MAX)
		return refused(s, "--name is too long");
	memcpy(t.name, args->name, strlen(args->name) + 1);
	(void)snprintf(t.created_by, sizeof(t.created_by), "cli %.*s", TOKEN_BY_MAX - 5,
	    audit_user(getuid(), user));
	r = token_file_create(s->data_dir, &t, secret, &why);
	if (r != 0)
		return refused(s, why.text[0] != '\0' ? why.text : err_text(r));
	r = print_created(s, args, &t, secret);
	OPENSSL_cleanse(secret, sizeof(secret));
	cli_note(s, "token.create", t.id, detail_of(&t));
	return r;
}

static int
do_revoke(const struct cli_service *s, const struct cli_token_args *args)
{
	struct token t = { .scopes = 0 };
	struct errmsg why = { "" };
	int r = token_file_revoke(s->data_dir, args->id, &t, &why);

	if (r != 0)
		return refused(s, why.text[0] != '\0' ? why.text : err_text(r));
	if (args->json) {
		r = print_json(s, json_pack("{s:s, s:b}", "id", t.id, "revoked", 1));
	} else {
		fprintf(s->out, "%-15s%s\n", "revoked", t.id);
		r = finish(s);
	}
	cli_note(s, "token.revoke", t.id, detail_of(&t));
	return r;
}

int
cli_token(int argc, char **argv, const struct cli_service *s)
{
	const int64_t now_ms = clock_wall_ms();
	struct cli_token_args args;
	int r = cli_token_args(argc, argv, now_ms, s->out, s->err, &args);

	if (r != CLI_DONE || args.help)
		return r;
	switch (args.verb) {
	case CLI_TOKEN_CREATE: return do_create(s, &args, now_ms);
	case CLI_TOKEN_LIST: return do_list(s, &args, now_ms);
	case CLI_TOKEN_REVOKE: return do_revoke(s, &args);
	}
	return CLI_USAGE;
}
