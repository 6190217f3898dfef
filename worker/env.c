/*
 * The worker's shared surroundings; see env.h.
 */
#include "worker/env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/rand.h>

#include "common/clock.h"

static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct worker_env *env = arg;

	(void)fd;
	(void)what;
	while (env->graves != NULL) {
		struct env_grave *g = env->graves;

		env->graves = g->next;
		g->free_fn(g);
	}
}

int
env_init(struct worker_env *env)
{
	env_now_wall(env);
	wheel_init(&env->wheel, env->now_ms);
	if (RAND_bytes((unsigned char *)&env->request_seed, sizeof(env->request_seed)) != 1)
		return ERR_TLS;
	if (key_hasher_init(&env->hasher) != 0)
		return -ENOMEM;
	env->base = event_base_new();
	env->scratch = malloc(ENV_SCRATCH);
	if (env->base == NULL || env->scratch == NULL)
		return -ENOMEM;
	env->reaper = event_new(env->base, -1, EV_PERSIST, on_reap, env);
	if (env->reaper == NULL)
		return -ENOMEM;
	return wire_io_init(&env->io,
	    (env->cfg->max_buffered + env->cfg->workers - 1) / env->cfg->workers);
}

void
env_fini(struct worker_env *env)
{
	on_reap(-1, 0, env);
	if (env->reaper != NULL)
		event_free(env->reaper);
	if (env->base != NULL)
		event_base_free(env->base);
	wire_io_fini(&env->io);
	key_hasher_fini(&env->hasher);
	free(env->scratch);
}

void
env_now(struct worker_env *env)
{
	env->now_ns = clock_mono_ns();
	env->now_ms = env->now_ns / 1000000;
}

void
env_now_wall(struct worker_env *env)
{
	env_now(env);
	env->to_wall_ns = clock_wall_ns() - (int64_t)env->now_ns;
}

int64_t
env_wall_ms(const struct worker_env *env)
{
	return ((int64_t)env->now_ns + env->to_wall_ns) / 1000000;
}

void
env_bury(struct worker_env *env, struct env_grave *g, void (*free_fn)(struct env_grave *g))
{
	g->free_fn = free_fn;
	g->next = env->graves;
	if (env->graves == NULL)
		event_active(env->reaper, EV_TIMEOUT, 0);
	env->graves = g;
}

void
env_hold(struct worker_env *env, size_t n)
{
	env->io.kept += n;
}

bool
env_short(const struct worker_env *env)
{
	return wire_io_full(&env->io);
}

void
env_release(struct worker_env *env, size_t n)
{
	env->io.kept -= n;
}
