/*
 * `gatehouse keys`: one function a command, between the command line
 * (cli_keys_args.c), the key file (common/keyfile_edit.h) and the running master,
 * which is asked to reload after an edit. The rule: a new secret is printed and
 * flushed before anything else can fail, because the file has only its hash.
 */
#include "admin/cli_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "admin/cli_keys_args.h"
#include "admin/cli_keys_print.h"
#include "admin/key_changes.h"
#include "common/clock.h"
#include "common/keyfile_edit.h"

/* One run of one command. */
struct cli {
	const struct cli_keys_args *args;
	const struct config *cfg;
	const struct cli_io *io;
	int64_t now_ms;
};

static int
refused(const struct cli *c, const char *why)
{
	fprintf(c->io->err, "gatehouse keys: %s\n", why);
	return CLI_REFUSED;
}

/* Was everything written that was printed? */
static int
finish_output(const struct cli *c)
{
	if (fflush(c->io->out) == 0 && !ferror(c->io->out))
		return CLI_DONE;
	return refused(c, "the result can't be written to the standard output");
}

static int
print_keys(const struct cli *c, const struct key *v, size_t n)
{
	int r;

	if (!c->args->json)
		r = cli_keys_print_table(c->io->out, v, n, c->now_ms);
	else
		r = cli_keys_print_json(
		    c->io->out, c->cfg->api_keys_file, v, n, c->now_ms);
	return r == 0 ? finish_output(c) : refused(c, "out of memory");
}

/* All keys, or those with the id that was given. */
static int
print_chosen(const struct cli *c, struct keyset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		if (c->args->id == NULL || strcmp(set->v[i].id, c->args->id) == 0)
			set->v[n++] = set->v[i];
	if (n == 0 && c->args->id != NULL)
		return refused(c, "there is no key with this key_id");
	return print_keys(c, set->v, n);
}

static void
print_lines(const struct cli *c, const char *label, const struct strlist *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		fprintf(c->io->err, "%s: %s\n", label, lines->v[i]);
}

static int
do_list(const struct cli *c)
{
	struct keyset *set = NULL;
	struct errmsg why;
	int r;

	if (keyfile_load(c->cfg->api_keys_file, &c->cfg->api_keys, c->cfg->max_keys, &set,
		&why) != 0)
		return refused(c, why.text);
	print_lines(c, "warning", &set->warnings);
	print_lines(c, "left out", &set->faults);
	r = print_chosen(c, set);
	keyset_destroy(&set);
	return r;
}

/* Ask the running master to take the new file. */
static int
reload(const struct cli *c)
{
	int r = c->io->reload != NULL ? c->io->reload(c->io->reload_arg) : CLI_DONE;

	if (r == CLI_DONE)
		return CLI_DONE;
	if (r == CLI_NOT_RUNNING) {
		fprintf(c->io->err,
		    "no gatehouse is running; the file was edited all the same\n");
		return CLI_DONE;
	}
	return refused(c,
	    "the file was edited, but the running gatehouse did not take "
	    "it: the keys from "
	    "before stay in force");
}

static int
print_result(
    const struct cli *c, const char *file, const struct key *k, const char *secret)
{
	FILE *out = c->io->out;
	int r;

	if (c->args->verb == KEYS_DELETE)
		r = cli_keys_print_deleted(out, file, c->args->id, c->args->json);
	else if (c->args->json)
		r = cli_keys_print_one_json(out, file, k, secret, c->now_ms);
	else
		r = cli_keys_print_one(out, file, k, secret, c->now_ms);
	if (r != 0)
		return refused(c, "out of memory");
	if ((r = finish_output(c)) == CLI_DONE && secret != NULL && !c->args->json)
		fprintf(
		    c->io->err, "The key is shown this once; only its hash is kept.\n");
	return r;
}

/* Apply the command to the open edit. */
static int
apply(const struct cli *c, struct keyfile_edit *e, char *secret, char *id,
    struct errmsg *why)
{
	struct keyfile_values v = c->args->values;

	switch (c->args->verb) {
	case KEYS_CREATE: return keyfile_edit_create(e, c->args->id, &v, secret, id, why);
	case KEYS_ROTATE:
		return keyfile_edit_rotate(e, id, c->args->grace_ms, secret, why);
	case KEYS_REVOKE:
	case KEYS_ENABLE:
		v.given = KEYFILE_ENABLED;
		v.enabled = c->args->verb == KEYS_ENABLE;
		return keyfile_edit_set(e, id, &v, why);
	case KEYS_SET: return keyfile_edit_set(e, id, &v, why);
	case KEYS_DELETE: return keyfile_edit_delete(e, id, why);
	case KEYS_LIST:
	case KEYS_SHOW: break; /* no edits */
	}
	return -EINVAL;
}

/* What an edit was about: the key before and after it. */
struct edited {
	char id[KEY_ID_MAX + 1];
	bool had, has; /* before, after: false where it was not there, or faulty */
	struct key before, after;
};

/* Make the change and write the file. */
static int
edit(const struct cli *c, struct keyfile_edit *e, char *secret, struct edited *out,
    struct errmsg *why)
{
	struct errmsg unused;
	int r;

	if (c->args->id != NULL && strlen(c->args->id) <= KEY_ID_MAX)
		memcpy(out->id, c->args->id, strlen(c->args->id));
	out->had = keyfile_edit_get(e, out->id, &out->before, &unused) == 0;
	if ((r = apply(c, e, secret, out->id, why)) != 0)
		return r;
	if (c->args->verb != KEYS_DELETE) {
		if ((r = keyfile_edit_get(e, out->id, &out->after, why)) != 0)
			return r;
		out->has = true;
	}
	return keyfile_edit_commit(e, why);
}

/* Commands as the audit calls them. */
static const char *
action_of(enum cli_keys_verb verb)
{
	switch (verb) {
	case KEYS_CREATE: return "key.create";
	case KEYS_ROTATE: return "key.rotate";
	case KEYS_REVOKE: return "key.revoke";
	case KEYS_ENABLE: return "key.enable";
	case KEYS_SET: return "key.set";
	case KEYS_DELETE: return "key.delete";
	case KEYS_LIST:
	case KEYS_SHOW: break; /* change nothing */
	}
	return "key";
}

static void
note(const struct cli *c, const struct edited *k)
{
	if (c->io->audit != NULL)
		c->io->audit(c->io->audit_arg, action_of(c->args->verb), k->id,
		    key_changes(k->had ? &k->before : NULL, k->has ? &k->after : NULL));
}

static bool
is_of_environment(const char *id)
{
	return id != NULL && strncmp(id, "env_key_", 8) == 0;
}

static int
do_edit(const struct cli *c)
{
	const struct config *cfg = c->cfg;
	size_t taken = cfg->api_keys.n < cfg->max_keys ? cfg->api_keys.n : cfg->max_keys;
	char secret[KEY_SECRET_BYTES + 1] = "";
	struct keyfile_edit *e = NULL;
	struct errmsg why = { "" };
	struct edited k = { .had = false };
	int printed, r;

	r = keyfile_edit_open(
	    cfg->api_keys_file, cfg->max_keys - taken, c->now_ms, &e, &why);
	if (r == 0)
		r = edit(c, e, secret, &k, &why);
	if (r == -ENOENT && e != NULL && is_of_environment(c->args->id))
		fprintf(c->io->err, "keys of API_KEYS are changed in that setting\n");
	if (r != 0) {
		keyfile_edit_close(&e);
		return refused(c, why.text);
	}
	if (why.text[0] != '\0')
		fprintf(c->io->err, "warning: %s\n", why.text);
	printed = print_result(
	    c, keyfile_edit_path(e), &k.after, secret[0] != '\0' ? secret : NULL);
	OPENSSL_cleanse(secret, sizeof(secret));
	keyfile_edit_close(&e);
	note(c, &k);
	r = reload(c);
	return printed != CLI_DONE ? printed : r;
}

int
cli_keys(int argc, char **argv, const struct config *cfg, const struct cli_io *io)
{
	struct cli_keys_args args;
	struct cli c = { &args, cfg, io, clock_wall_ms() };
	int r = cli_keys_args(argc, argv, c.now_ms, io, &args);

	if (r != CLI_DONE || args.help)
		return r;
	if (args.verb == KEYS_LIST || args.verb == KEYS_SHOW)
		return do_list(&c);
	if (args.verb == KEYS_CREATE && args.values.expires_ms != 0 &&
	    args.values.expires_ms <= c.now_ms)
		return refused(&c, "--expires is in the past");
	return do_edit(&c);
}
