/* See settings_json.h. */
#include "admin/settings_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "admin/api_json.h"
#include "admin/status_sums.h"
#include "admin/time_json.h"
#include "common/addr.h"
#include "common/clock.h"
#include "common/config_net.h"
#include "common/version.h"

static json_t *
text_json(const char *text)
{
	json_t *j = text != NULL ? json_string(text) : NULL;

	return j != NULL ? j : json_null(); /* a path need not be UTF-8 */
}

static json_t *
limits_json(const struct api_env *env, const struct settings_values *file)
{
	const struct settings configured = { .rate = env->config->rate,
		.ip_rate = env->config->ip_rate };
	struct settings now = configured;
	struct settings_field f;
	json_t *o = json_object();

	if (shared_get_settings(env->shared->published, &now) != 0)
		now = configured;
	for (size_t i = 0; settings_field(i, &f); i++)
		(void)json_object_set_new(o, f.name,
		    json_pack("{s:I, s:s, s:I}", "value",
			(json_int_t)settings_get(&now, &f), "source",
			file->value[i] != 0 ? "settings" : "configuration", "configured",
			(json_int_t)settings_get(&configured, &f)));
	return o;
}

/* --- upstream --- */

/* A moment of the monotonic clock, told by the other one. */
static json_t *
moment_json(uint64_t mono_ms)
{
	const uint64_t now_ms = clock_mono_ms();

	if (mono_ms == 0 || mono_ms > now_ms)
		return json_null();
	return time_json(clock_wall_ms() - (int64_t)(now_ms - mono_ms));
}

static json_t *
addresses_json(const struct api_env *env)
{
	json_t *list = json_array();
	struct upstream_addrs a;
	char text[ADDR_TEXT_BYTES];

	if (shared_get_upstream(env->shared->state, &a, NULL) != 0)
		a.n = 0;
	for (uint64_t i = 0; i < a.n && i < SHARED_ADDRESSES; i++) {
		addr_format(&a.v[i].addr, text);
		(void)json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *
upstream_json(const struct api_env *env)
{
	const struct upstream_url *u = &env->config->upstream;
	const struct status_upstream seen =
	    status_upstream(env->shared->state, env->config->workers);
	struct errmsg url;

	if (u->scheme == UPSTREAM_UNIX)
		errmsg_set(&url, "unix:%s", u->unix_path);
	else
		errmsg_set(&url, "%s://%s",
		    u->scheme == UPSTREAM_HTTPS ? "https" : "http", u->authority);
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "url", text_json(url.text), "up",
	    api_upstream_up_json(env), "last_ok_at", moment_json(seen.ok_ms),
	    "last_fail_at", moment_json(seen.fail_ms), "addresses", addresses_json(env));
}

/* --- the rest --- */

static json_t *
ledger_json(const struct api_env *env)
{
	struct statvfs fs;
	const bool known = statvfs(env->config->data_dir, &fs) == 0;

	return json_pack("{s:b, s:f, s:o}", "open",
	    (int)(flush_ledger(env->flush) != NULL), "lag_seconds",
	    (double)flush_lag_ms(env->flush) / 1000, "disk_free_bytes",
	    known ? json_integer((json_int_t)fs.f_bavail * (json_int_t)fs.f_frsize)
		  : json_null());
}

static json_t *
listen_json(const struct listen_addr *v, size_t n)
{
	json_t *list = json_array();
	char text[LISTEN_TEXT_BYTES];

	for (size_t i = 0; i < n; i++) {
		listen_addr_format(&v[i], text);
		(void)json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *
warnings_json(const struct config *cfg, const struct strlist *more)
{
	json_t *list = json_array();

	for (size_t i = 0; i < cfg->warnings.n; i++)
		(void)json_array_append_new(list, text_json(cfg->warnings.v[i]));
	for (size_t i = 0; i < more->n; i++)
		(void)json_array_append_new(list, text_json(more->v[i]));
	return list;
}

/* "NAME = value" lines, the comment left out. */
static json_t *
lines_json(char *text)
{
	json_t *list = json_array();
	char *rest = text;
	const char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		const char *mid = strstr(line, " = ");

		if (line[0] == '#' || mid == NULL)
			continue;
		(void)json_array_append_new(list,
		    json_pack("{s:o, s:o}", "name",
			json_stringn(line, (size_t)(mid - line)), "value",
			text_json(mid + 3)));
	}
	return list;
}

/* As `gatehouse check` prints it: no secret. */
static json_t *
configuration_json(const struct config *cfg)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	json_t *list = NULL;

	if (f == NULL)
		return NULL;
	config_print(cfg, f);
	if (fclose(f) == 0)
		list = lines_json(text);
	free(text);
	return list;
}

/*
 * Where admin's user may not pass the folders above DATA_DIR, it knows it as ".". Shallow.
 */
static struct config
config_for_people(const struct config *cfg, char *folder)
{
	struct config shown = *cfg;

	if (folder != NULL && strcmp(cfg->data_dir, ".") == 0)
		shown.data_dir = folder;
	return shown;
}

json_t *
settings_json(const struct api_env *env, const struct settings_values *file,
    const struct strlist *warnings, json_t *certs)
{
	char *folder = getcwd(NULL, 0);
	const struct config cfg = config_for_people(env->config, folder);
	const int64_t in_force_s =
	    (int64_t)atomic_load(&env->shared->state->figures.certificate_expiry_s);
	json_t *body = json_pack(
	    "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "limits", limits_json(env, file), "upstream", upstream_json(env),
	    "certificates", certs, "certificates_in_force_until",
	    time_json(in_force_s * 1000), "ledger", ledger_json(env), "listen",
	    listen_json(cfg.listen, cfg.n_listen), "admin_listen",
	    listen_json(cfg.admin_listen, cfg.n_admin_listen), "version",
	    GATEHOUSE_VERSION, "workers", (json_int_t)cfg.workers, "data_dir",
	    text_json(cfg.data_dir), "keys_file", text_json(cfg.api_keys_file),
	    "settings_file", text_json(cfg.settings_file), "models_file",
	    text_json(cfg.models_file), "warnings", warnings_json(&cfg, warnings),
	    "configuration", configuration_json(&cfg));

	free(folder);
	return body;
}
