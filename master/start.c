/*
 * Starting up; see start.h. Runs in the master. The order matters: signals are taken
 * first, for whoever finds the pid file may send one; what is read is checked before
 * the folders are locked, and the folders are locked before a port is bound, so that a
 * second master on the same folders is told about them first.
 */
#include "master/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/version.h"
#include "master/figures.h"
#include "master/publish.h"
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

/* No core file, not even one through a pipe: 1 is the kernel's word for that. */
static int
forbid_cores(void)
{
	const struct rlimit none = { .rlim_cur = 1, .rlim_max = 1 };

	return setrlimit(RLIMIT_CORE, &none) == -1 ? -errno : 0;
}

/* Every connection takes two descriptors, so take what the system allows. */
static void
raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &l) == -1)
			log_warn("limits", "RLIMIT_NOFILE can't be raised: %s",
			    err_text(-errno));
	}
}

/* The master's signals are read from a descriptor; nothing interrupts it. */
static int
take_signals(struct house *h)
{
	const int mine[] = { SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGCHLD };
	sigset_t set;

	if (signal(SIGUSR2, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(mine) / sizeof(mine[0]); i++)
		sigaddset(&set, mine[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	h->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return h->signal_fd == -1 ? -errno : 0;
}

static int
take_process(struct house *h, struct errmsg *why)
{
	int r = forbid_cores();

	raise_descriptors();
	if (r == 0)
		r = take_signals(h);
	if (r == 0 && pipe2(h->reload_pipe, O_NONBLOCK | O_CLOEXEC) == -1)
		r = -errno;
	if (r != 0)
		errmsg_set(why, "the process can't be set up: %s", err_text(r));
	return r;
}

/*
 * Bind everything. After a master's sudden death its children still hold the ports
 * for the moment that it takes them to leave: that is sat out.
 */
static int
listen_patiently(struct house *h, const struct config *cfg, struct errmsg *why)
{
	const struct timespec pause = { .tv_nsec = LISTEN_RETRY_MS * 1000000L };
	const uint64_t until_ms = clock_mono_ms() + LISTEN_PATIENCE_MS;
	int r;

	for (;;) {
		why->text[0] = '\0';
		r = listen_open(cfg, &h->listeners, why);
		if (r != -EADDRINUSE || !h->premises.after_crash ||
		    clock_mono_ms() > until_ms)
			return r;
		(void)nanosleep(&pause, NULL);
	}
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
		r = listen_patiently(h, cfg, why);
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

	m->pid = getpid();
	m->current = FIRST_GENERATION;
	m->started_wall_ms = clock_wall_ms();
	m->house.signal_fd = m->house.reload_pipe[0] = m->house.reload_pipe[1] = -1;
	m->house.shared = (struct shared){ .published_fd = -1, .state_fd = -1 };
	m->house.premises = premises_none();
	if ((r = take_process(&m->house, why)) != 0 ||
	    (r = read_config(m, in, why)) != 0 || (r = read_rest(m, in, why)) != 0 ||
	    (r = occupy(m, in->config, why)) != 0 || (r = settle_start(m, why)) != 0 ||
	    (r = settle_prepare(m, in->config, why)) != 0 ||
	    (r = publish_inputs(m, in, why)) != 0)
		return r;
	keyset_destroy(&in->keys);
	figures_start(m);
	announce(m, in->config);
	return 0;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
start_undo(struct master *m)
{
	struct house *h = &m->house;

	upstream_process_fini(m);
	inputs_fini(&m->reload.next);
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		inputs_fini(&m->generations[i].inputs);
	close_fd(&h->signal_fd);
	close_fd(&h->reload_pipe[0]);
	close_fd(&h->reload_pipe[1]);
	listen_close(&h->listeners);
	settle_close(m);
	premises_close(&h->premises);
	shared_destroy(&h->shared);
}
