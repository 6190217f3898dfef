/*
 * One table of families; each row has a function that writes the family's samples
 * from what one scrape has gathered. A figure that can't be had is left out.
 */
#include "admin/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/metrics_roles.h"
#include "admin/metrics_scrape.h"
#include "admin/metrics_stats.h"
#include "admin/metrics_usage.h"
#include "admin/procstat.h"
#include "admin/prom.h"
#include "common/clock.h"
#include "common/key_hash.h"
#include "common/keyring.h"
#include "common/version.h"

static void
write_build_info(const struct scrape *s, struct prom *p)
{
	(void)s;
	prom_labelled(p, "version", GATEHOUSE_VERSION, 1);
}

static void
write_workers(const struct scrape *s, struct prom *p)
{
	uint64_t ready = 0;

	for (size_t i = 0; i < METRICS_ROWS; i++)
		ready += metrics_phase(&s->m->shared->state->rows[i]) == WORKER_READY;
	prom_sample(p, "", NULL, 0, metrics_whole(ready));
}

static void
put_connections(struct prom *p, uint32_t slot, const char *state, uint64_t n)
{
	char digits[16];
	struct prom_label labels[] = { { "worker", { NULL, 0 } },
		{ "state", span_of(state) } };

	snprintf(digits, sizeof(digits), "%u", slot);
	labels[0].value = span_of(digits);
	prom_sample(p, "", labels, 2, metrics_whole(n));
}

/* A slot's worker and those of former generations that still drain. */
static void
write_slot_connections(const struct state *state, uint32_t slot, struct prom *p)
{
	uint64_t open = 0, busy = 0;
	bool living = false;

	for (uint32_t g = 0; g < SHARED_MAX_GENERATIONS; g++) {
		const struct scoreboard_row *row =
		    &state->rows[g * SHARED_WORKER_SLOTS + slot];

		if (metrics_phase(row) == WORKER_EMPTY)
			continue;
		living = true;
		open += metrics_load(&row->connections);
		busy += metrics_load(&row->requests_in_flight);
	}
	if (!living)
		return;
	put_connections(p, slot, "active", busy);
	put_connections(p, slot, "idle", open > busy ? open - busy : 0);
}

static void
write_connections(const struct scrape *s, struct prom *p)
{
	for (uint32_t slot = 0; slot < SHARED_WORKER_SLOTS; slot++)
		write_slot_connections(s->m->shared->state, slot, p);
}

/* Was upstream's name looked for and never found? Then no worker can reach it. */
static bool
upstream_is_unknown(const struct scrape *s)
{
	struct upstream_addrs a;

	return s->m->config->upstream.scheme != UPSTREAM_UNIX &&
	    shared_get_upstream(s->m->shared->state, &a, NULL) == 0 && a.tries > 0 &&
	    a.ok == 0;
}

/* The newest outcome of all workers says it; none at all says nothing. */
static void
write_upstream_up(const struct scrape *s, struct prom *p)
{
	uint64_t ok = 0, fail = 0;

	for (size_t i = 0; i < METRICS_ROWS; i++) {
		const struct scoreboard_row *row = &s->m->shared->state->rows[i];
		uint64_t row_ok = metrics_load(&row->upstream_ok_ms);
		uint64_t row_fail = metrics_load(&row->upstream_fail_ms);

		if (metrics_phase(row) == WORKER_EMPTY)
			continue;
		ok = row_ok > ok ? row_ok : ok;
		fail = row_fail > fail ? row_fail : fail;
	}
	if (upstream_is_unknown(s))
		prom_sample(p, "", NULL, 0, metrics_whole(0));
	else if (ok != 0 || fail != 0)
		prom_sample(p, "", NULL, 0, metrics_whole(ok >= fail));
}

enum key_state { KEY_ACTIVE, KEY_DISABLED, KEY_EXPIRED, KEY_BLOCKED, KEY_STATES };

static const char *const key_state_names[KEY_STATES] = {
	[KEY_ACTIVE] = "active",
	[KEY_DISABLED] = "disabled",
	[KEY_EXPIRED] = "expired",
	[KEY_BLOCKED] = "blocked",
};

static enum key_state
key_state_of(const struct key *k, int64_t now_ms)
{
	if (!k->enabled)
		return KEY_DISABLED;
	if (k->expires_ms != 0 && k->expires_ms <= now_ms)
		return KEY_EXPIRED;
	return k->rate_limit == 0 ? KEY_BLOCKED : KEY_ACTIVE;
}

static void
write_keys(const struct scrape *s, struct prom *p)
{
	const struct keyring *ring = shared_keyring(s->m->shared->published);
	uint64_t max = s->m->shared->published->max_keys;
	uint32_t left = keyring_count(ring);
	uint64_t n[KEY_STATES] = { 0 };

	for (uint32_t slot = 0; slot < max && left > 0; slot++) {
		struct keyring_entry e;

		if (keyring_slot(ring, slot, &e) != 0)
			continue;
		n[key_state_of(&e.key, s->now_ms)]++;
		left--;
	}
	for (unsigned i = 0; i < KEY_STATES; i++)
		prom_labelled(p, "state", key_state_names[i], n[i]);
}

static const struct master_figures *
figures_of(const struct scrape *s)
{
	return &s->m->shared->state->figures;
}

static void
write_restarts(const struct scrape *s, struct prom *p)
{
	prom_sample(
	    p, "", NULL, 0, metrics_whole(metrics_load(&figures_of(s)->worker_restarts)));
}

static void
write_upstream_restarts(const struct scrape *s, struct prom *p)
{
	if (s->m->config->upstream_command != NULL)
		prom_sample(p, "", NULL, 0,
		    metrics_whole(metrics_load(&figures_of(s)->upstream_restarts)));
}

static void
write_reloads(const struct scrape *s, struct prom *p)
{
	const struct master_figures *f = figures_of(s);

	prom_labelled(p, "result", "ok", metrics_load(&f->reloads_ok));
	prom_labelled(p, "result", "refused", metrics_load(&f->reloads_refused));
	prom_labelled(p, "result", "failed", metrics_load(&f->reloads_failed));
}

static void
write_reload_ok(const struct scrape *s, struct prom *p)
{
	prom_sample(
	    p, "", NULL, 0, metrics_whole(metrics_load(&figures_of(s)->last_reload_ok)));
}

static void
write_reload_time(const struct scrape *s, struct prom *p)
{
	const uint64_t ms = metrics_load(&figures_of(s)->last_reload_ms);

	if (ms > 0)
		prom_sample(p, "", NULL, 0, metrics_milli(ms));
}

static void
write_certificate(const struct scrape *s, struct prom *p)
{
	const uint64_t at = metrics_load(&figures_of(s)->certificate_expiry_s);

	if (at > 0)
		prom_sample(p, "", NULL, 0, metrics_whole(at));
}

struct family {
	const char *name;
	enum prom_type type;
	const char *help;
	void (*write)(const struct scrape *s, struct prom *p);
};

/* clang-format off */
static const struct family families[] = {
	{ "gatehouse_build_info", PROM_GAUGE,
	  "Always 1; the label says which version runs.", write_build_info },
	{ "gatehouse_workers", PROM_GAUGE,
	  "Worker processes that accept connections.", write_workers },
	{ "gatehouse_worker_restarts_total", PROM_COUNTER,
	  "Workers that were started in place of one that had died.", write_restarts },
	{ "gatehouse_connections", PROM_GAUGE,
	  "Open client connections by worker slot; active ones have a request in flight.",
	  write_connections },
	{ "gatehouse_streams", PROM_GAUGE,
	  "Answers that are being streamed now.", metrics_write_streams },
	{ "gatehouse_requests_total", PROM_COUNTER,
	  "Requests answered, by the status that the client was given.",
	  metrics_write_requests },
	{ "gatehouse_key_requests_total", PROM_COUNTER,
	  "Requests by key, since the ledger began.", metrics_write_key_requests },
	{ "gatehouse_tokens_total", PROM_COUNTER,
	  "Tokens by key, since the ledger began; the kinds have none in common.",
	  metrics_write_tokens },
	{ "gatehouse_cost_euros_total", PROM_COUNTER,
	  "Cost in euros by key, since the ledger began.", metrics_write_cost },
	{ "gatehouse_refused_total", PROM_COUNTER,
	  "Requests that were refused here.", metrics_write_refused },
	{ "gatehouse_request_duration_seconds", PROM_HISTOGRAM,
	  "From a request's head to the end of its answer.", metrics_write_duration },
	{ "gatehouse_time_to_first_byte_seconds", PROM_HISTOGRAM,
	  "From a request's head to the first byte of its answer.", metrics_write_first_byte },
	{ "gatehouse_overhead_seconds", PROM_HISTOGRAM,
	  "Time of a request that was spent here, not upstream or waiting for the client, "
	  "until what it says is handed over to be sent.",
	  metrics_write_overhead },
	{ "gatehouse_upstream_up", PROM_GAUGE,
	  "1 if the last traffic to upstream, or the last probe of it, went well.",
	  write_upstream_up },
	{ "gatehouse_upstream_responses_total", PROM_COUNTER,
	  "Answers of upstream by status.", metrics_write_upstream_responses },
	{ "gatehouse_upstream_process_restarts_total", PROM_COUNTER,
	  "Starts of UPSTREAM_COMMAND after its end.", write_upstream_restarts },
	{ "gatehouse_reloads_total", PROM_COUNTER,
	  "Reloads by result.", write_reloads },
	{ "gatehouse_last_reload_successful", PROM_GAUGE,
	  "1 if the last reload, or the start, was successful.", write_reload_ok },
	{ "gatehouse_last_reload_timestamp_seconds", PROM_GAUGE,
	  "When that was, in seconds since 1970.", write_reload_time },
	{ "gatehouse_keys", PROM_GAUGE,
	  "API keys in force; blocked ones have a rate limit of 0.", write_keys },
	{ "gatehouse_journal_cells", PROM_GAUGE,
	  "Cells of the journal, one for each key, model and endpoint of a worker.",
	  metrics_write_journal_cells },
	{ "gatehouse_ledger_lag_seconds", PROM_GAUGE,
	  "How old usage that waits in the journal may be; 0 while flushes go well.",
	  metrics_write_ledger_lag },
	{ "gatehouse_tls_certificate_expiry_seconds", PROM_GAUGE,
	  "When the first certificate expires, in seconds since 1970.", write_certificate },
	{ "process_cpu_seconds_total", PROM_COUNTER,
	  "CPU time in seconds; of role worker: of the living ones and all ended children.",
	  metrics_write_cpu },
	{ "process_resident_memory_bytes", PROM_GAUGE,
	  "Resident memory in bytes, shared pages counted in each process.", metrics_write_resident },
	{ "process_virtual_memory_bytes", PROM_GAUGE,
	  "Virtual memory in bytes.", metrics_write_virtual },
	{ "process_start_time_seconds", PROM_GAUGE,
	  "Start time in seconds since 1970.", metrics_write_start_time },
	{ "process_open_fds", PROM_GAUGE,
	  "Open file descriptors.", metrics_write_open_fds },
	{ "process_max_fds", PROM_GAUGE,
	  "Most file descriptors that may be open.", metrics_write_max_fds },
};
/* clang-format on */

int
metrics_write(const struct metrics *m, int64_t now_ms, struct evbuffer *out)
{
	struct scrape s = { .m = m, .now_ms = now_ms };
	struct prom p = { .out = out };

	metrics_gather_roles(&s);
	metrics_gather_usage(&s);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		prom_family(&p, families[i].name, families[i].type, families[i].help);
		families[i].write(&s, &p);
	}
	tally_destroy(&s.usage);
	return p.failed ? -ENOMEM : 0;
}

bool
metrics_authorized(const struct config *config, const char *authorization)
{
	struct span a = span_of(authorization);
	const struct span scheme = SPAN("Bearer ");

	if (config->metrics_token == NULL)
		return true;
	if (a.n < scheme.n || !span_eq_nocase((struct span){ a.p, scheme.n }, scheme))
		return false;
	for (a.p += scheme.n, a.n -= scheme.n; a.n > 0 && *a.p == ' '; a.p++)
		a.n--;
	return key_secret_eq(a, span_of(config->metrics_token));
}

void
metrics_reply(struct http_request *rq, const struct metrics *m)
{
	struct evbuffer *out = evbuffer_new();

	if (out == NULL || metrics_write(m, clock_wall_ms(), out) != 0)
		http_reply_error(rq, 500, "no_memory", "There is not enough memory.");
	else
		http_reply(rq, 200, PROM_CONTENT_TYPE, out);
	if (out != NULL)
		evbuffer_free(out);
}

void
metrics_handle(struct http_request *rq, const struct metrics *m)
{
	if (metrics_authorized(m->config, http_header(rq, "Authorization"))) {
		metrics_reply(rq, m);
		return;
	}
	http_add_header(rq, "WWW-Authenticate", "Bearer");
	http_reply_error(rq, 401, "invalid_token", "Metrics need METRICS_TOKEN.");
}
