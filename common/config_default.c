/*
 * Defaults that are worked out: from other settings, from what exists on this
 * machine, from its processors. Runs in whoever calls config_load(). Folders are
 * only looked at, never made.
 */
#include "common/config_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cpus.h"

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Put a copy of text into an unset string. */
static void
fill(struct config_draft *d, char **field, const char *text)
{
	if (*field != NULL)
		return;
	*field = strdup(text);
	config_draft_check(d, *field != NULL ? 0 : -ENOMEM);
}

/* Put FOLDER/NAME into an unset string; folder_bytes of folder count. */
static void
fill_path(struct config_draft *d, char **field, const char *folder, size_t folder_bytes,
    const char *name)
{
	if (*field != NULL)
		return;
	if (asprintf(field, "%.*s/%s", (int)folder_bytes, folder, name) == -1) {
		*field = NULL;
		config_draft_check(d, -ENOMEM);
	}
}

static void
fill_paths(struct config_draft *d)
{
	struct config *c = d->cfg;
	const char *slash;

	fill(d, &c->api_keys_file,
	    is_folder("/app/secrets") ? "/app/secrets/api_keys.json"
				      : "/etc/gatehouse/api_keys.json");
	fill(d, &c->data_dir, is_folder("/app/data") ? "/app/data" : "/var/lib/gatehouse");
	if (d->no_memory)
		return;
	fill(d, &c->run_dir, c->data_dir);
	fill_path(d, &c->usage_file, c->data_dir, strlen(c->data_dir), "usage.json");
	slash = strrchr(c->api_keys_file, '/');
	if (slash != NULL)
		fill_path(d, &c->settings_file, c->api_keys_file,
		    (size_t)(slash - c->api_keys_file), "settings.json");
	else
		fill(d, &c->settings_file, "settings.json");
}

/* [::]:PORT, when neither LISTEN nor a fault in it left anything. */
static void
fill_listen(struct config_draft *d)
{
	struct config *c = d->cfg;

	if (config_draft_raw(d, "LISTEN")->origin != NULL)
		return;
	c->listen = calloc(1, sizeof(*c->listen));
	if (c->listen == NULL) {
		config_draft_check(d, -ENOMEM);
		return;
	}
	c->n_listen = 1;
	c->listen[0] = (struct listen_addr){ .port = (uint16_t)c->port };
	fill(d, &c->listen[0].host, "::");
}

static void
settle_schemes(struct listen_addr *v, size_t n, enum listen_scheme scheme)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].scheme == LISTEN_AUTO)
			v[i].scheme = scheme;
}

void
config_fill_defaults(struct config_draft *d)
{
	struct config *c = d->cfg;
	const bool tls = c->tls_cert_files.n > 0;

	fill_paths(d);
	fill_listen(d);
	settle_schemes(c->listen, c->n_listen, tls ? LISTEN_HTTPS : LISTEN_HTTP);
	settle_schemes(
	    c->admin_listen, c->n_admin_listen, tls ? LISTEN_HTTPS : LISTEN_HTTP);
	settle_schemes(c->metrics_listen, c->n_metrics_listen, LISTEN_HTTP);
	if (config_draft_raw(d, "FORCE_HTTPS")->origin == NULL)
		c->force_https = tls;
	if (config_draft_raw(d, "WORKERS")->origin == NULL) {
		const uint32_t cpus = cpus_usable();

		c->workers = cpus < CONFIG_MAX_WORKERS ? cpus : CONFIG_MAX_WORKERS;
	}
}
