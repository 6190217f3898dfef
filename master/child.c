/*
 * From fork to the role's own main function. Runs in the child but for the fork
 * itself. A child that can't be set up as it should exits with 1 and a line saying
 * why: it must never serve with the master's rights.
 *
 * PR_SET_PDEATHSIG is set after the ids were dropped, which would clear it; a master
 * that died before is then seen by getppid().
 */
#include "master/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "common/log.h"
#include "master/settle.h"
#include "worker/worker.h"

/* Signals as a role expects them: the polite and the firm one end it until it has
 * handlers, the rest of the master's business is ignored. */
static int
reset_signals(void)
{
	const int ignored[] = { SIGHUP, SIGINT, SIGPIPE, SIGUSR1, SIGUSR2 };
	const int usual[] = { SIGTERM, SIGQUIT, SIGCHLD };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			return -errno;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (signal(usual[i], SIG_DFL) == SIG_ERR)
			return -errno;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == -1 ? -errno : 0;
}

/* Close what only the master, or the other role, has a use for. */
static void
close_foreign(struct master *m, bool is_admin)
{
	struct house *h = &m->house;

	close(h->signal_fd);
	if (m->notify.fd != -1)
		close(m->notify.fd);
	close(h->reload_pipe[0]);
	close(h->shared.published_fd);
	close(h->shared.state_fd);
	h->shared.published_fd = -1;
	h->shared.state_fd = -1;
	premises_leave(&h->premises, is_admin);
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		if (m->generations[i].old_state_fd != 0)
			close(m->generations[i].old_state_fd);
	if (m->upgrade.check_fd != 0)
		close(m->upgrade.check_fd);
	if (is_admin) {
		listen_drop_worker(&h->listeners);
	} else {
		close(h->reload_pipe[1]);
		listen_drop_metrics(&h->listeners);
	}
}

/* Give up the master's rights, and tie the own life to the master's. */
static int
become(const struct master *m, const struct identity *id)
{
	int r = identity_apply(id);

	if (r != 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == -1)
		return -errno;
	return getppid() == m->pid ? 0 : -ESRCH;
}

/* All of a child's way to its role; leaves the process when it fails. */
static void
settle_in(struct master *m, const struct config *cfg, bool is_admin)
{
	struct house *h = &m->house;
	int r;

	log_init(is_admin ? "admin" : "worker", cfg->log_level, cfg->log_format);
	proctitle_wipe_env(&m->title);
	close_foreign(m, is_admin);
	r = shared_protect(&h->shared);
	if (r == 0)
		r = become(m, is_admin ? &h->admin_id : &h->worker_id);
	if (r == 0)
		r = reset_signals();
	if (r == 0)
		return;
	log_error("start", "the process can't be set up: %s", err_text(r));
	exit(1);
}

/* Fork. Signals stay blocked in the child until it has settled in. */
static pid_t
fork_child(void)
{
	pid_t pid = fork();

	return pid == -1 ? -errno : pid;
}

pid_t
child_fork_worker(struct master *m, struct generation *g, uint32_t slot)
{
	struct house *h = &m->house;
	pid_t pid = fork_child();

	if (pid != 0)
		return pid;
	proctitle_set(&m->title, "gatehouse: worker %u", slot + 1);
	settle_leave(m, g->places[slot].arena);
	settle_in(m, g->inputs.config, false);
	listen_mark_tls(&h->listeners, g->inputs.config);
	exit(worker_main(&(struct worker_args){
	    .config = g->inputs.config,
	    .shared = &h->shared,
	    .arena = g->places[slot].arena,
	    .tls = g->inputs.tls,
	    .upstream_tls = g->inputs.upstream_tls,
	    .listeners = h->listeners.worker,
	    .n_listeners = h->listeners.n_worker,
	    .slot = slot,
	    .generation = g->number,
	    .master_pid = m->pid,
	    .admin_socket = h->premises.admin_path,
	}));
}

/*
 * The configuration as admin sees it: where its user may not pass the folders above
 * DATA_DIR (one below /root, say), DATA_DIR is the working directory, which was
 * entered with the master's rights. Shallow; borrows cfg.
 */
static struct config
config_from_inside(const struct config *cfg)
{
	static char here[] = ".";
	const size_t n = strlen(cfg->data_dir);
	struct config inside = *cfg;

	if (access(cfg->data_dir, W_OK | X_OK) == 0)
		return inside;
	inside.data_dir = here;
	if (cfg->usage_file != NULL && strncmp(cfg->usage_file, cfg->data_dir, n) == 0 &&
	    cfg->usage_file[n] == '/')
		inside.usage_file = cfg->usage_file + n + 1;
	return inside;
}

pid_t
child_fork_admin(struct master *m)
{
	struct house *h = &m->house;
	struct config cfg;
	pid_t pid = fork_child();

	if (pid != 0)
		return pid;
	proctitle_set(&m->title, "gatehouse: admin");
	settle_leave(m, NULL);
	if (chdir(state_config(m)->data_dir) == -1)
		log_warn("start", "DATA_DIR can't be entered: %s", strerror(errno));
	settle_in(m, state_config(m), true);
	cfg = config_from_inside(state_config(m));
	exit(admin_main(&(struct admin_args){
	    .config = &cfg,
	    .shared = &h->shared,
	    .master_pid = m->pid,
	    .socket_fd = h->premises.admin_fd,
	    .metrics_fds = h->listeners.metrics,
	    .n_metrics_fds = h->listeners.n_metrics,
	    .reload_fd = h->reload_pipe[1],
	}));
}

struct errmsg
child_end_text(int status)
{
	struct errmsg e;
	const char *name;

	if (!WIFSIGNALED(status)) {
		errmsg_set(&e, "exit status %d", WEXITSTATUS(status));
		return e;
	}
	name = sigabbrev_np(WTERMSIG(status));
	if (name != NULL)
		errmsg_set(&e, "signal SIG%s", name);
	else
		errmsg_set(&e, "signal %d", WTERMSIG(status));
	return e;
}
