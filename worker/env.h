/*
 * What all connections of one worker share: the loop, the wheel, the buffers, the
 * configuration. One per process, made by worker.c, borrowed by everybody below.
 */
#ifndef GATEHOUSE_WORKER_ENV_H
#define GATEHOUSE_WORKER_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>

#include "common/config.h"
#include "common/key_hash.h"
#include "common/log.h"
#include "common/shared.h"
#include "common/tls.h"
#include "common/tls_client.h"
#include "worker/wheel.h"
#include "worker/wire.h"

enum { ENV_SCRATCH = 192 * 1024 };

struct accounts;
struct upstream;

/* Something that is freed once the current callback is over. */
struct env_grave {
	struct env_grave *next;
	void (*free_fn)(struct env_grave *g);
};

struct worker_env {
	struct event_base *base;
	struct wheel wheel;
	struct wire_io io;
	struct key_hasher hasher;
	const struct config *cfg;
	const struct shared *shared;
	const struct tls_server *tls;
	const struct tls_client *upstream_tls;
	struct scoreboard_row *row;
	uint64_t now_ns;    /* monotonic, as of the current callback */
	uint64_t now_ms;    /* the same, for time-outs */
	int64_t to_wall_ns; /* from now_ns to UTC since 1970, as of the last tick */
	bool draining;      /* answers say Connection: close, idle connections are gone */
	uint64_t grace_ms; /* then: how long a kept one may still be idle; 0: not at all */
	uint64_t request_seed; /* request ids: random per process, counted up */
	uint64_t request_count;
	char *scratch; /* ENV_SCRATCH bytes to build heads and pieces in; within one
			  callback */
	struct upstream *api;   /* the configured upstream */
	struct upstream *admin; /* the admin process */
	struct accounts *accounts;
	struct log_limit odd_usage;   /* lines about counts that make no sense */
	struct log_limit key_refused; /* lines about upstream refusing our key */
	struct env_grave *graves;
	struct event *reaper; /* runs after the callbacks of this turn */
};

/* Set up loop, wheel, buffers and reaper. Returns 0 or -ENOMEM. */
int env_init(struct worker_env *env) MUSTCHECK;
void env_fini(struct worker_env *env);

/* Read the clock: first thing in each event callback. */
void env_now(struct worker_env *env);
/* The same, and look how far UTC is from it: at each tick, so that a clock that was set
 * is followed within WHEEL_TICK_MS. */
void env_now_wall(struct worker_env *env);
/* UTC as of the current callback, milliseconds since 1970. Costs no look at a clock. */
int64_t env_wall_ms(const struct worker_env *env);

/* Free g after the callbacks of this turn of the loop, so that whoever is on the
 * stack may still look at it. */
void env_bury(
    struct worker_env *env, struct env_grave *g, void (*free_fn)(struct env_grave *g));

/* Account for n bytes that are kept between events; env_release() takes them back. Wires
 * account for what the kernel has not taken themselves. */
void env_hold(struct worker_env *env, size_t n);
/* Is this worker's share of MAX_BUFFERED used up? Then bodies are passed on unheld. */
bool env_short(const struct worker_env *env);
void env_release(struct worker_env *env, size_t n);

#endif
