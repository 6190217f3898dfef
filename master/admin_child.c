/* The life of the admin process; see admin_child.h. Runs in the master. */
#include "master/admin_child.h"

#include <signal.h>
#include <sys/wait.h>

#include "common/log.h"
#include "master/child.h"

static void
after_death(struct place *p, uint64_t now_ms)
{
	p->pid = 0;
	p->respawn_ms = now_ms + backoff_next(&p->backoff, now_ms - p->started_ms);
}

void
admin_child_start(struct master *m, uint64_t now_ms)
{
	struct place *p = &m->admin.place;
	pid_t pid;

	p->started_ms = now_ms;
	p->respawn_ms = STATE_NEVER;
	m->admin.ending = (struct ending){ 0 };
	m->status_dirty = true;
	atomic_store(&m->house.shared.state->admin_refused_call, 0);
	pid = child_fork_admin(m);
	if (pid > 0) {
		p->pid = pid;
		return;
	}
	log_error("fork", "admin can't be forked: %s", err_text(pid));
	after_death(p, now_ms);
}

bool
admin_child_on_exit(struct master *m, pid_t pid, int status, uint64_t now_ms)
{
	const struct ending *e = &m->admin.ending;
	const bool ours = (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	    (WIFSIGNALED(status) && WTERMSIG(status) == e->sent);
	struct state *shared = m->house.shared.state;
	struct place *p = &m->admin.place;
	struct errmsg how;

	if (p->pid != pid)
		return false;
	how = child_role_end_text(status, atomic_load(&shared->admin_refused_call));
	log_write(e->begun && ours ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "child_exit",
	    "admin (pid %d): %s%s", (int)pid, how.text, e->begun ? "" : ", unexpected");
	after_death(p, now_ms);
	if (e->begun)
		p->respawn_ms =
		    now_ms; /* it was told to go: its successor need not wait */
	m->status_dirty = true;
	return true;
}

void
admin_child_dismiss(struct master *m, uint64_t now_ms)
{
	if (m->admin.place.pid == 0)
		return;
	ending_begin(&m->admin.ending, now_ms, STATE_ADMIN_MS);
	state_wake_at(m, now_ms);
}

static void
step_respawn(struct master *m, uint64_t now_ms)
{
	struct place *p = &m->admin.place;

	if (now_ms < p->respawn_ms) {
		state_wake_at(m, p->respawn_ms);
		return;
	}
	if (!m->admin.ending.begun)
		m->admin_restarts++;
	admin_child_start(m, now_ms);
	if (p->pid != 0)
		log_info("respawn", "admin (pid %d)", (int)p->pid);
}

void
admin_child_step(struct master *m, uint64_t now_ms)
{
	const pid_t pid = m->admin.place.pid;
	int sig;

	if (pid == 0) {
		if (m->phase < MASTER_CLOSING)
			step_respawn(m, now_ms);
		return;
	}
	sig = ending_due(&m->admin.ending, now_ms);
	if (sig != 0)
		(void)kill(pid, sig);
	if (sig == SIGKILL)
		log_warn("drain", "admin does not leave: killed");
	state_wake_at(m, ending_next_ms(&m->admin.ending));
}
