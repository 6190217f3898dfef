/*
 * The supervising loop. Single-threaded, no event library: signals arrive through a
 * descriptor, everything else is a matter of time. Each round hands one `now` to
 * every part, which does what is due and says when it wants to be called again.
 */
#include "master/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "common/clock.h"
#include "common/log.h"
#include "master/admin_child.h"
#include "master/crew.h"
#include "master/enact.h"
#include "master/expiry.h"
#include "master/handover.h"
#include "master/notify.h"
#include "master/publish.h"
#include "master/reload.h"
#include "master/resume.h"
#include "master/roll.h"
#include "master/settle.h"
#include "master/start.h"
#include "master/state.h"
#include "master/status.h"
#include "master/stop.h"
#include "master/upgrade.h"
#include "master/upgrade_exec.h"
#include "master/upstream_process.h"
#include "master/watch.h"

/* Everybody who died is reaped, also those that pid 1 of a container inherits. */
static void
reap(struct master *m, uint64_t now_ms)
{
	int status = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!crew_on_exit(m, pid, status, now_ms) &&
		    !admin_child_on_exit(m, pid, status, now_ms) &&
		    !upgrade_on_exit(m, pid, status))
			(void)upstream_process_on_exit(m, pid, status, now_ms);
}

static void
on_signal(struct master *m, uint32_t sig, uint64_t now_ms)
{
	switch (sig) {
	case SIGHUP: reload_request(m); break;
	case SIGTERM:
	case SIGINT: stop_request(m, false, now_ms); break;
	case SIGQUIT: stop_request(m, true, now_ms); break;
	case SIGUSR2: upgrade_request(m); break;
	case SIGCHLD: /* reap() looks in every round */
	case SIGUSR1: /* logs go to stderr: there is nothing to open anew */ break;
	}
}

static void
read_signals(struct master *m, uint64_t now_ms)
{
	struct signalfd_siginfo info;

	while (read(m->house.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		on_signal(m, info.ssi_signo, now_ms);
}

/* Admin says with a byte what it asks for; how many there are of a kind does not matter. */
static void
read_reload_pipe(struct master *m)
{
	char bytes[64];
	ssize_t n;

	while ((n = read(m->house.reload_pipe[0], bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i] == ADMIN_WISH_ENACT)
				enact_request(m);
			else
				reload_request(m);
		}
	}
}

/* Must the first workers wait until admin has looked for upstream's addresses? (A
 * literal one takes it a moment, too.) Those of a later generation wait themselves. */
static bool
awaits_upstream(struct master *m, uint64_t now_ms)
{
	const struct upstream_url *up = &state_config(m)->upstream;
	struct upstream_addrs found;

	if (up->scheme == UPSTREAM_UNIX || now_ms >= m->resolve_ms)
		return false;
	return shared_get_upstream(m->house.shared.state, &found, NULL) != 0 ||
	    !shared_is_upstream_of(&found, up->host) || found.tries == 0;
}

/* From the first fork to the moment when all workers serve. */
static void
step_start(struct master *m, uint64_t now_ms)
{
	struct generation *g = state_generation(m, m->current);

	if (m->phase == MASTER_RESOLVING) {
		struct inputs in = g->inputs;

		if (awaits_upstream(m, now_ms)) {
			state_wake_at(m, now_ms + STATE_POLL_MS);
			return;
		}
		m->phase = MASTER_STARTING;
		crew_start(m, m->current, GENERATION_SERVING, &in, now_ms);
	}
	if (m->phase == MASTER_STARTING && crew_is_ready(m, g)) {
		m->phase = MASTER_READY;
		m->status_dirty = true;
		log_info("ready", "%u workers serve", m->workers);
	}
}

/* One round: all that is due. */
static void
step(struct master *m, uint64_t now_ms)
{
	m->wake_ms = now_ms + STATE_TICK_MS;
	reap(m, now_ms);
	read_signals(m, now_ms);
	read_reload_pipe(m);
	enact_step(m);
	step_start(m, now_ms);
	crew_step(m, now_ms);
	reload_step(m, now_ms);
	upgrade_step(m, now_ms);
	roll_step(m, now_ms);
	settle_step(m, now_ms);
	admin_child_step(m, now_ms);
	upstream_process_step(m, now_ms);
	watch_step(m, now_ms);
	publish_step_tickets(m, now_ms);
	expiry_step(m, now_ms, clock_wall_ms() / 1000);
	stop_step(m, now_ms);
	if (m->status_dirty)
		status_save(m);
	notify_step(m, now_ms); /* who is told may look at the status */
}

/* Sleep until a signal, a byte from admin, or the time that a part has asked for. */
static void
wait_for_work(struct master *m)
{
	struct pollfd fds[] = { { .fd = m->house.signal_fd, .events = POLLIN },
		{ .fd = m->house.reload_pipe[0], .events = POLLIN } };
	const uint64_t now_ms = clock_mono_ms();
	const int wait_ms = m->wake_ms > now_ms ? (int)(m->wake_ms - now_ms) : 0;

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), wait_ms) == -1 && errno != EINTR) {
		log_error("poll", "%s", err_text(-errno));
		abort(); /* it can't fail; going on would burn the processor */
	}
}

/* The first children of a master that has just been started. */
static void
begin(struct master *m, uint64_t now_ms)
{
	m->phase = MASTER_RESOLVING;
	m->resolve_ms = now_ms + STATE_RESOLVE_MS;
	m->tickets_ms = now_ms;
	publish_step_tickets(m, now_ms); /* before the first worker */
	upstream_process_step(m, now_ms);
	admin_child_start(m, now_ms);
}

static void
serve(struct master *m)
{
	m->status_dirty = true;
	notify_open(m);
	for (;;) {
		step(m, clock_mono_ms());
		if (m->phase == MASTER_GONE)
			return;
		wait_for_work(m);
	}
}

/* Start, or go on where another program in this process has stopped. */
static int
come_up(struct master *m, struct errmsg *why)
{
	const int fd = handover_find();
	int r;

	proctitle_unset_env(&m->title, HANDOVER_ENV);
	if (fd != -1)
		return resume_up(m, fd, why);
	r = start_up(m, why);
	if (r == 0)
		begin(m, clock_mono_ms());
	return r;
}

int
master_run(const char *config_file, int argc, char **argv)
{
	struct master *m = calloc(1, sizeof(*m));
	struct errmsg why = { "" };
	int r;

	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	r = m != NULL ? upgrade_exec_find(argc > 0 ? argv[0] : NULL, m->exe) : -ENOMEM;
	if (r == 0)
		r = proctitle_init(&m->title, argc, argv);
	if (r != 0) {
		log_error("refused", "%s", err_text(r));
		free(m);
		return 1;
	}
	m->config_file = config_file;
	proctitle_set(&m->title, "gatehouse: master");
	r = come_up(m, &why);
	if (r != 0)
		log_error("refused", "%s", why.text);
	else
		serve(m);
	start_undo(m);
	if (r == 0)
		log_info("stop", "all workers and admin have left");
	proctitle_wipe_env(&m->title);
	free(m);
	return r == 0 ? 0 : 1;
}
