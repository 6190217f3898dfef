/*
 * status: how the house stands, for a page that asks each second. All of it is in shared
 * memory or in admin's own; no file is opened. Counters only grow, so that the page can
 * take differences.
 */
#include "admin/api.h"

#include <stdlib.h>

#include "admin/api_json.h"
#include "admin/key_census.h"
#include "admin/status_sums.h"
#include "admin/time_json.h"
#include "common/clock.h"
#include "common/version.h"

static json_t *
worker_json(const struct scoreboard_row *row, uint32_t slot)
{
	static const char *const phases[] = {
		[WORKER_EMPTY] = "empty",
		[WORKER_STARTING] = "starting",
		[WORKER_READY] = "ready",
		[WORKER_DRAINING] = "draining",
	};
	const uint32_t phase = atomic_load(&row->phase);

	return json_pack("{s:i, s:I, s:I, s:s, s:I, s:I, s:I}", "slot", (int)slot, "pid",
	    (json_int_t)atomic_load(&row->pid), "generation",
	    (json_int_t)atomic_load(&row->generation), "phase",
	    phases[phase <= WORKER_DRAINING ? phase : WORKER_EMPTY], "connections",
	    (json_int_t)atomic_load(&row->connections), "streams",
	    (json_int_t)atomic_load(&row->stats.streams), "requests",
	    (json_int_t)atomic_load(&row->requests));
}

/* The living; generation_out: the newest of them. */
static json_t *
workers_json(const struct state *state, uint32_t workers, uint64_t *generation_out)
{
	json_t *list = json_array();
	const struct scoreboard_row *row;

	*generation_out = 0;
	for (size_t i = 0; (row = status_row(state, workers, i)) != NULL; i++) {
		const uint64_t generation = atomic_load(&row->generation);

		if (atomic_load(&row->phase) == WORKER_EMPTY)
			continue;
		if (generation > *generation_out)
			*generation_out = generation;
		if (json_array_append_new(
			list, worker_json(row, (uint32_t)(i % workers))) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *
classes_json(const struct status_sums *s)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "2xx", (json_int_t)s->by_class[1], "3xx",
	    (json_int_t)s->by_class[2], "4xx", (json_int_t)s->by_class[3], "5xx",
	    (json_int_t)s->by_class[4]);
}

static json_t *
refused_json(const struct status_sums *s)
{
	json_t *o = json_object();

	for (enum stats_refusal r = 0; r < STATS_REFUSALS; r++)
		(void)json_object_set_new(
		    o, stats_refusal_name(r), json_integer((json_int_t)s->refused[r]));
	return o;
}

static int64_t
tokens_of(const struct ledger_counters *c)
{
	static const enum ledger_counter kinds[] = { LEDGER_INPUT_TOKENS,
		LEDGER_CACHED_READ, LEDGER_CACHED_WRITE, LEDGER_OUTPUT_TOKENS };
	int64_t sum = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (__builtin_add_overflow(sum, c->v[kinds[i]], &sum))
			return INT64_MAX;
	return sum;
}

static json_t *
totals_json(const struct api_env *env, const struct status_sums *s)
{
	struct ledger_counters sum;
	const bool known = flush_sum(env->flush, &sum) == 0;

	return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o}", "requests",
	    (json_int_t)s->requests, "local", (json_int_t)s->local, "by_class",
	    classes_json(s), "refused", refused_json(s), "tokens",
	    known ? json_integer(tokens_of(&sum)) : json_null(), "cost_eur",
	    known ? api_decimal_json((uint64_t)sum.v[LEDGER_COST_NEUR], 9, 2)
		  : json_null());
}

static json_t *
times_json(const struct status_times *t, const uint64_t bounds_us[STATS_BOUNDS])
{
	json_t *bounds = json_array(), *counts = json_array();

	for (size_t i = 0; i < STATS_BOUNDS; i++)
		(void)json_array_append_new(bounds, json_real((double)bounds_us[i] / 1e6));
	for (size_t i = 0; i <= STATS_BOUNDS; i++)
		(void)json_array_append_new(
		    counts, json_integer((json_int_t)t->counts[i]));
	return json_pack("{s:o, s:o, s:f, s:I}", "bounds_seconds", bounds, "counts",
	    counts, "sum_seconds", (double)t->sum_us / 1e6, "count",
	    (json_int_t)t->counts[STATS_BOUNDS]);
}

static json_t *
reloads_json(const struct state *state)
{
	const struct master_figures *f = &state->figures;
	struct errmsg reason = { "" };

	if (shared_get_reload_reason(state, &reason) != 0)
		reason.text[0] = '\0';
	return json_pack("{s:I, s:I, s:I, s:b, s:o, s:o}", "ok",
	    (json_int_t)atomic_load(&f->reloads_ok), "refused",
	    (json_int_t)atomic_load(&f->reloads_refused), "failed",
	    (json_int_t)atomic_load(&f->reloads_failed), "last_ok",
	    (int)atomic_load(&f->last_reload_ok), "last_at",
	    time_json((int64_t)atomic_load(&f->last_reload_ms)), "last_reason",
	    reason.text[0] != '\0' ? json_string(reason.text) : json_null());
}

static json_t *
keys_json(const struct api_env *env, int64_t now_ms)
{
	key_census_take(env->census, env->shared->published, now_ms);
	return json_pack("{s:I, s:I, s:I}", "active",
	    (json_int_t)env->census->n[KEY_ACTIVE], "revoked",
	    (json_int_t)env->census->n[KEY_REVOKED], "expired",
	    (json_int_t)env->census->n[KEY_EXPIRED]);
}

/* Who and since when. */
static json_t *
house_json(const struct api_env *env, int64_t now_ms)
{
	const struct state *state = env->shared->state;
	const int64_t started_ms = (int64_t)atomic_load(&state->figures.started_ms);
	uint64_t generation;
	json_t *workers = workers_json(state, env->config->workers, &generation);

	return json_pack("{s:s, s:I, s:o, s:f, s:o, s:I, s:o, s:b, s:f}", "version",
	    GATEHOUSE_VERSION, "pid", (json_int_t)env->master_pid, "started_at",
	    time_json(started_ms), "uptime_seconds",
	    (double)(now_ms > started_ms ? now_ms - started_ms : 0) / 1000, "now",
	    time_json(now_ms), "generation", (json_int_t)generation, "workers", workers,
	    "draining", (int)(atomic_load(&state->draining) != 0), "ledger_lag_seconds",
	    (double)flush_lag_ms(env->flush) / 1000);
}

static json_t *
upstream_json(const struct api_env *env)
{
	return json_pack("{s:o}", "up", api_upstream_up_json(env));
}

static void
show_status(struct api_call *call)
{
	const struct api_env *env = call->env;
	const int64_t now_ms = clock_wall_ms();
	struct status_sums s;
	json_t *body, *more;

	status_sum(env->shared->state, env->config->workers, &s);
	body = house_json(env, now_ms);
	more = json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "totals",
	    totals_json(env, &s), "connections", (json_int_t)s.connections, "streams",
	    (json_int_t)s.streams, "latency", times_json(&s.latency, stats_bounds_us),
	    "ttfb", times_json(&s.ttfb, stats_bounds_us), "overhead",
	    times_json(&s.overhead, stats_overhead_bounds_us), "upstream",
	    upstream_json(env), "reloads", reloads_json(env->shared->state), "keys",
	    keys_json(env, now_ms));
	if (body == NULL || more == NULL || json_object_update(body, more) != 0) {
		json_decref(body);
		body = NULL;
	}
	json_decref(more);
	api_reply(call, 200, body);
}

const struct api_route api_status_routes[] = {
	{ EVHTTP_REQ_GET, "status", API_SCOPE_READ, show_status },
};

const size_t api_status_n_routes =
    sizeof(api_status_routes) / sizeof(api_status_routes[0]);
