/*
 * Reading all of the inputs at once; see inputs.h. Faults are collected here and
 * reported by who decides about them.
 */
#include "master/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/settings.h"
#include "master/command.h"

/* Keep the worse of two results: no memory, then refused, then fine. */
static int
worse(int a, int b)
{
	if (a == -ENOMEM || b == -ENOMEM)
		return -ENOMEM;
	return a != 0 || b != 0 ? ERR_INVALID : 0;
}

/* Are the faults of single entries reason to refuse the file? */
static bool
entries_refuse(
    const struct config *cfg, const struct keyset *set, enum inputs_rigour rigour)
{
	if (set->faults.n == 0)
		return false;
	return rigour == INPUTS_STRICT || cfg->strict_keys || set->n == 0;
}

/* Copy all lines of from to faults. Returns ERR_INVALID, or -ENOMEM. */
static int
add_faults(struct strlist *faults, const struct strlist *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (strlist_add(faults, from->v[i]) != 0)
			return -ENOMEM;
	return ERR_INVALID;
}

static int
add_fault(struct strlist *faults, const char *text)
{
	return strlist_add(faults, text) == 0 ? ERR_INVALID : -ENOMEM;
}

int
inputs_load_keys(const struct config *cfg, enum inputs_rigour rigour, struct keyset **out,
    struct strlist *faults)
{
	struct keyset *set = NULL;
	struct errmsg why = { "" };
	int r =
	    keyfile_load(cfg->api_keys_file, &cfg->api_keys, cfg->max_keys, &set, &why);

	if (r == -ENOMEM)
		return r;
	if (r != 0) {
		if (why.text[0] == '\0')
			errmsg_set(&why, "%s: %s", cfg->api_keys_file, err_text(r));
		return add_fault(faults, why.text);
	}
	if (entries_refuse(cfg, set, rigour)) {
		r = add_faults(faults, &set->faults);
		keyset_destroy(&set);
		return r;
	}
	*out = set;
	return 0;
}

static int
load_models(const struct config *cfg, struct models **out, struct strlist *faults)
{
	struct errmsg why = { "" };
	int r;

	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return -ENOMEM;
	r = models_load(cfg->models_file, *out, &why);
	if (r == 0 || r == -ENOMEM)
		return r;
	if (why.text[0] == '\0')
		errmsg_set(&why, "MODELS_FILE: %s: %s",
		    cfg->models_file != NULL ? cfg->models_file : "(built in)",
		    err_text(r));
	return add_fault(faults, why.text);
}

int
inputs_load_data(struct inputs *in, enum inputs_rigour rigour, struct strlist *faults)
{
	struct keyset *set = NULL;
	struct models *models = NULL;
	struct settings settings = in->settings;
	int r = inputs_load_keys(in->config, rigour, &set, faults);

	r = worse(r, settings_load(in->config, &settings, faults));
	r = worse(r, load_models(in->config, &models, faults));
	if (r != 0) {
		keyset_destroy(&set);
		free(models);
		return r;
	}
	keyset_destroy(&in->keys);
	free(in->models);
	in->keys = set;
	in->settings = settings;
	in->models = models;
	return 0;
}

/* Can UPSTREAM_COMMAND be executed, if there is one? */
static int
check_command(const struct config *cfg, struct strlist *faults)
{
	struct command_line line;
	struct errmsg why = { "" };
	int r;

	if (cfg->upstream_command == NULL)
		return 0;
	r = command_parse(cfg->upstream_command, &line, &why);
	command_fini(&line);
	if (r == 0 || r == -ENOMEM)
		return r;
	return add_fault(faults, why.text);
}

int
inputs_load(struct inputs *in, const struct published *published,
    enum inputs_rigour rigour, struct strlist *faults)
{
	struct errmsg why = { "" };
	int r = inputs_load_data(in, rigour, faults);
	int t = tls_server_create(in->config, published, &in->tls, &why);

	if (t != 0)
		r = worse(r, t == -ENOMEM ? t : add_fault(faults, why.text));
	t = tls_client_create(in->config, &in->upstream_tls, &why);
	if (t != 0)
		r = worse(r, t == -ENOMEM ? t : add_fault(faults, why.text));
	return worse(r, check_command(in->config, faults));
}

void
inputs_drop_data(struct inputs *in)
{
	keyset_destroy(&in->keys);
	free(in->models);
	in->models = NULL;
}

void
inputs_fini(struct inputs *in)
{
	inputs_drop_data(in);
	tls_server_destroy(&in->tls);
	tls_client_destroy(&in->upstream_tls);
	config_destroy(&in->config);
	*in = (struct inputs){ 0 };
}

struct errmsg
inputs_join(const struct strlist *l)
{
	struct errmsg e = { "" };
	size_t n = 0;

	for (size_t i = 0; i < l->n && n < sizeof(e.text); i++) {
		int more = snprintf(
		    e.text + n, sizeof(e.text) - n, "%s%s", i > 0 ? "; " : "", l->v[i]);

		if (more < 0)
			break;
		n += (size_t)more;
	}
	if (n >= sizeof(e.text)) /* cut, and seen to be cut */
		memcpy(e.text + sizeof(e.text) - sizeof("..."), "...", sizeof("..."));
	return e;
}
