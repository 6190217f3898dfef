/*
 * Starting up; see start.h. Runs in the master. The order matters: signals are taken
 * first, for whoever finds the pid file may send one; what is read is checked before
 * the folders are locked, and the folders are locked before a port is bound, so that a
 * second master on the same folders is told about them first.
 */
#include "master/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/version.h"
#include "master/figures.h"
#include "master/limits.h"
#include "master/notify.h"
#include "master/process.h"
#include "master/publish.h"
#include "master/rights.h"
#include "master/settle.h"
#include "master/upstream_process.h"
#include "master/watch.h"

enum { FIRST_GENERATION = 1, LISTEN_RETRY_MS = 20, LISTEN_PATIENCE_MS = 5000 };

/* Copy the faults to why. Returns r. */
static int
refuse(int r, struct strlist *faults, struct errmsg *why)
{
	if (r != 0)
		*why = inputs_join(faults);
	if (r != 0 && why->text[0] == '\0')
		errmsg_set(why, "%s", err_text(r));
	strlist_free(faults);
	return r;
}

static int
read_config(struct master *m, struct inputs *in, struct errmsg *why)
{
	struct strlist faults = { 0 };
	int r = refuse(
	    config_load(m->config_file, environ, &in->config, &faults), &faults, why);

	if (r != 0)
		return r;
	log_init("master", in->config->log_level, in->config->log_format);
	for (size_t i = 0; i < in->config->warnings.n; i++)
		log_warn("config", "%s", in->config->warnings.v[i]);
	m->workers = in->config->workers;
	return 0;
}

/* Keys, settings, certificates. The regions come first: tickets are read from there. */
static int
read_rest(struct master *m, struct inputs *in, struct errmsg *why)
{
	struct strlist faults = { 0 };
	int r = shared_create(in->config->max_keys, &m->house.shared);

	if (r != 0) {
		errmsg_set(why, "the shared memory can't be made: %s", err_text(r));
		return r;
	}
	watch_mark(m, in->config);
	r = inputs_load(in, m->house.shared.published, INPUTS_LENIENT, &faults);
	return refuse(r, &faults, why);
}

/* Admin's way to ask for a reload. */
static int
open_pipe(struct house *h, struct errmsg *why)
{
	if (pipe2(h->reload_pipe, O_NONBLOCK | O_CLOEXEC) == 0)
		return 0;
	errmsg_set(why, "the process can't be set up: %s", err_text(-errno));
	return -errno;
}

/*
 * Bind everything. After a master's sudden death its children still hold the ports
 * for the moment that it takes them to leave: that is sat out.
 */
static int
listen_patiently(struct house *h, const struct config *cfg, struct activation *passed,
    struct errmsg *why)
{
	const struct timespec pause = { .tv_nsec = LISTEN_RETRY_MS * 1000000L };
	const uint64_t until_ms = clock_mono_ms() + LISTEN_PATIENCE_MS;
	int r;

	for (;;) {
		why->text[0] = '\0';
		r = listen_open(cfg, passed, &h->listeners, why);
		if (r != -EADDRINUSE || !h->premises.after_crash ||
		    clock_mono_ms() > until_ms)
			return r;
		(void)nanosleep(&pause, NULL);
	}
}

/* The sockets that were passed, and all others. */
static int
take_sockets(struct master *m, const struct config *cfg, struct errmsg *why)
{
	struct activation passed;
	int r = activation_take(&m->title, &passed, why);

	if (r == 0)
		r = listen_patiently(&m->house, cfg, &passed, why);
	activation_fini(&passed);
	return r;
}

/* Folders, ports and sockets. */
static int
occupy(struct master *m, const struct config *cfg, struct errmsg *why)
{
	struct house *h = &m->house;
	int r;

	h->worker_id = identity_find("WORKER_USER", cfg->worker_user);
	h->admin_id = identity_find("ADMIN_USER", cfg->admin_user);
	r = premises_open(cfg, &h->admin_id, &h->premises, why);
	if (r == 0)
		r = take_sockets(m, cfg, why);
	if (r == 0)
		r = premises_open_socket(&h->premises, &h->worker_id, why);
	return r;
}

static void
log_listening(const struct listeners *l, const struct config *cfg)
{
	for (size_t i = 0; i < l->listen_text.n; i++)
		log_info("listening", "%s://%s",
		    cfg->listen[i].scheme == LISTEN_HTTPS ? "https" : "http",
		    l->listen_text.v[i]);
	for (size_t i = 0; i < l->admin_text.n; i++)
		log_info("listening", "%s://%s, /admin only",
		    cfg->admin_listen[i].scheme == LISTEN_HTTPS ? "https" : "http",
		    l->admin_text.v[i]);
	for (size_t i = 0; i < l->metrics_text.n; i++)
		log_info("listening", "http://%s, metrics", l->metrics_text.v[i]);
}

static void
announce(struct master *m, const struct config *cfg)
{
	log_info("start", "gatehouse %s, %u workers, configuration %s, %u keys",
	    GATEHOUSE_VERSION, m->workers,
	    cfg->file != NULL ? cfg->file : "from the environment",
	    keyring_count(shared_keyring(m->house.shared.published)));
	log_listening(&m->house.listeners, cfg);
}

int
start_up(struct master *m, struct errmsg *why)
{
	struct inputs *in = &state_generation(m, FIRST_GENERATION)->inputs;
	int r;

	process_blank(m);
	m->current = FIRST_GENERATION;
	m->started_wall_ms = clock_wall_ms();
	if ((r = process_take(&m->house, why)) != 0 ||
	    (r = open_pipe(&m->house, why)) != 0 || (r = read_config(m, in, why)) != 0 ||
	    (r = read_rest(m, in, why)) != 0 || (r = occupy(m, in->config, why)) != 0 ||
	    (r = settle_start(m, why)) != 0 ||
	    (r = settle_prepare(m, in->config, why)) != 0 ||
	    (r = publish_inputs(m, in, why)) != 0)
		return r;
	inputs_drop_data(in);
	figures_start(m);
	announce(m, in->config);
	limits_check(in->config, m->house.listeners.n_worker);
	rights_report(&m->house);
	return 0;
}

void
start_undo(struct master *m)
{
	const struct ticket_keys none = { 0 };
	struct house *h = &m->house;

	OPENSSL_cleanse(&m->tickets, sizeof(m->tickets));
	if (h->shared.published != NULL)
		shared_put_tickets(h->shared.published, &none);
	upstream_process_fini(m);
	inputs_fini(&m->reload.next);
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		inputs_fini(&m->generations[i].inputs);
	notify_close(m);
	process_close(&h->signal_fd);
	process_close(&h->reload_pipe[0]);
	process_close(&h->reload_pipe[1]);
	listen_close(&h->listeners);
	settle_close(m);
	premises_close(&h->premises);
	shared_destroy(&h->shared);
}
