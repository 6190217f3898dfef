/* See api_tools.h. */
#include "admin/api_tools.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/enforce.h"
#include "admin/key_census.h"
#include "admin/key_list.h"
#include "admin/probe.h"

int
api_tools_create(struct api_env *env)
{
	const struct config *cfg = env->config;
	const struct enforce_options enforce = { .state = env->shared->state,
		.ask_fd = env->reload_fd,
		.wait_ms = ENFORCE_WAIT_MS,
		.patience_ms = ENFORCE_PATIENCE_MS };
	const struct probe_options probes = { .url = &cfg->upstream,
		.state = env->shared->state,
		.timeout_ms = cfg->upstream_connect_timeout_ms };
	int r = enforce_create(env->base, &enforce, &env->enforce);

	if (r == 0)
		r = probe_room_create(env->base, &probes, &env->probes);
	if (r == 0)
		r = key_cache_create(
		    cfg->api_keys_file, &cfg->api_keys, cfg->max_keys, &env->keys);
	if (r == 0 && (env->census = calloc(1, sizeof(*env->census))) == NULL)
		r = -ENOMEM;
	return r;
}

void
api_tools_destroy(struct api_env *env)
{
	enforce_destroy(&env->enforce);
	probe_room_destroy(&env->probes);
	key_cache_destroy(&env->keys);
	free(env->census);
	env->census = NULL;
}
