/*
 * From fork to the role's own main function. Runs in the child but for the fork
 * itself. A child that can't be set up as it should exits with 1 and a line saying
 * why: it must never serve with the master's rights.
 *
 * The order matters: what is looked up through /proc comes before the ids change, what
 * takes the master's rights before they are dropped, and limits last, for they bind the
 * steps that follow them. The filter of system calls is the role's own last step.
 */
#include "master/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "common/secret.h"
#include "master/limits.h"
#include "master/rights.h"
#include "master/settle.h"
#include "master/shed.h"
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

/*
 * All of a child's way to its role, a worker's with its arena, admin's with NULL; leaves
 * the process when it fails.
 */
static void
settle_in(struct master *m, struct generation *g, const struct arena *arena)
{
	const bool is_admin = arena == NULL;
	const struct config *cfg = g->inputs.config;
	struct house *h = &m->house;
	int r;

	log_init(is_admin ? "admin" : "worker", cfg->log_level, cfg->log_format);
	shed_secrets(m, g, is_admin);
	r = shared_protect(&h->shared);
	if (r == 0)
		r = shed_descriptors(m, arena);
	if (r == 0)
		r = rights_drop(is_admin ? &h->admin_id : &h->worker_id, m->pid, SIGTERM);
	if (r == 0)
		r = reset_signals();
	rights_lock();
	if (!is_admin)
		secret_stop_wiping();
	if (r == 0)
		r = is_admin ? limits_apply_admin()
			     : limits_apply_worker(cfg, h->listeners.n_worker);
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
	int status;

	if (pid != 0)
		return pid;
	proctitle_set(&m->title, "gatehouse: worker %u", slot + 1);
	settle_leave(m, g->places[slot].arena);
	settle_in(m, g, g->places[slot].arena);
	listen_mark_tls(&h->listeners, g->inputs.config);
	status = worker_main(&(struct worker_args){
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
	});
	inputs_fini(&g->inputs); /* its secrets are wiped */
	exit(status);
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
	struct generation *g = state_generation(m, m->current);
	struct house *h = &m->house;
	struct config cfg;
	pid_t pid = fork_child();
	int status;

	if (pid != 0)
		return pid;
	proctitle_set(&m->title, "gatehouse: admin");
	settle_leave(m, NULL);
	if (chdir(state_config(m)->data_dir) == -1)
		log_warn("start", "DATA_DIR can't be entered: %s", strerror(errno));
	settle_in(m, g, NULL);
	cfg = config_from_inside(g->inputs.config);
	status = admin_main(&(struct admin_args){
	    .config = &cfg,
	    .shared = &h->shared,
	    .master_pid = m->pid,
	    .socket_fd = h->premises.admin_fd,
	    .metrics_fds = h->listeners.metrics,
	    .n_metrics_fds = h->listeners.n_metrics,
	    .reload_fd = h->reload_pipe[1],
	});
	inputs_fini(&g->inputs);
	exit(status);
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

struct errmsg
child_role_end_text(int status, uint64_t refused)
{
	char name[SANDBOX_NAME_BYTES];
	struct errmsg e;

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		return child_end_text(status);
	if (refused == 0) { /* it came while signals were blocked */
		errmsg_set(&e, "signal SIGSYS, the filter refused a system call");
		return e;
	}
	sandbox_name(refused, name);
	errmsg_set(&e, "signal SIGSYS, the filter refused the system call %s", name);
	return e;
}
