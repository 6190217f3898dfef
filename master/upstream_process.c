/*
 * The life of UPSTREAM_COMMAND's process; see upstream_process.h. Runs in the master.
 * Under a master that is root it runs as the user gatehouse-upstream, who is nobody
 * else: whoever takes it over can't reach the workers, the ledger or admin's socket.
 */
#include "master/upstream_process.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "master/child.h"
#include "master/command.h"
#include "master/upstream_exec.h"

#define UPSTREAM_USER "gatehouse-upstream"

/* Signal the whole group. */
static void
signal_group(pid_t pid, int sig)
{
	if (kill(-pid, sig) == -1 && errno != ESRCH)
		log_error("upstream", "pid %d can't be signalled: %s", (int)pid,
		    err_text(-errno));
}

/* The command in force; NULL: none, or the time for it is over. */
static const char *
wanted(struct master *m)
{
	return m->phase < MASTER_CLOSING ? state_config(m)->upstream_command : NULL;
}

/* Is what runs, or ran last, another command than this one (NULL: none)? */
static bool
is_other(const struct upstream_process *u, const char *command)
{
	return command == NULL || u->command == NULL || strcmp(u->command, command) != 0;
}

/* Who it runs as, looked up once: a missing user is one warning. */
static void
find_identity(struct upstream_process *u)
{
	const struct passwd *pw;

	if (u->id_known)
		return;
	u->id = identity_find("UPSTREAM_COMMAND", UPSTREAM_USER);
	u->id_known = true;
	pw = u->id.drop ? getpwuid(u->id.uid) : NULL;
	if (u->id.drop)
		u->home = strdup(pw != NULL ? pw->pw_dir : "/");
}

static void
after_death(struct upstream_process *u, uint64_t now_ms)
{
	struct place *p = &u->place;

	p->pid = 0;
	p->respawn_ms = now_ms;
	if (!u->leaving)
		p->respawn_ms += backoff_next_from(
		    &p->backoff, now_ms - p->started_ms, UPSTREAM_FIRST_MS);
	u->leaving = false;
	u->killed = false;
}

/* Fork and execute the command. Returns the pid or a negative code, why set. */
static pid_t
launch(struct master *m, const char *command, struct errmsg *why)
{
	struct upstream_process *u = &m->upstream;
	struct command_line line;
	pid_t pid = command_parse(command, &line, why);

	if (pid == 0) {
		find_identity(u);
		pid = fork();
		if (pid == 0) {
			log_init("upstream", state_config(m)->log_level,
			    state_config(m)->log_format);
			upstream_exec(&line, &u->id, u->home, m->pid);
		}
		if (pid == -1) {
			pid = -errno;
			errmsg_set(
			    why, "UPSTREAM_COMMAND can't be forked: %s", err_text(pid));
		}
	}
	if (pid > 0)
		(void)setpgid(pid, pid); /* the child does so, too: whoever is first */
	command_fini(&line);
	return pid;
}

static void
start(struct master *m, const char *command, uint64_t now_ms)
{
	struct upstream_process *u = &m->upstream;
	struct errmsg why = { "" };
	pid_t pid;

	if (is_other(u, command)) {
		free(u->command);
		u->command = strdup(command);
		u->place.backoff = (struct backoff){ 0 };
	}
	u->place.started_ms = now_ms;
	m->status_dirty = true;
	errmsg_set(&why, "UPSTREAM_COMMAND: %s", err_text(-ENOMEM));
	pid = u->command != NULL ? launch(m, command, &why) : -ENOMEM;
	if (pid > 0) {
		u->place.pid = pid;
		log_info("upstream", "UPSTREAM_COMMAND runs (pid %d)", (int)pid);
		return;
	}
	log_error("upstream", "%s", why.text);
	after_death(u, now_ms);
}

/* The process is there: is it to leave, and does it? */
static void
step_running(struct master *m, const char *command, uint64_t now_ms)
{
	struct upstream_process *u = &m->upstream;
	const pid_t pid = u->place.pid;

	if (!u->leaving && is_other(u, command)) {
		u->leaving = true;
		u->kill_ms = now_ms + (u->hurry ? UPSTREAM_HURRY_MS : UPSTREAM_LEAVE_MS);
		m->status_dirty = true;
		signal_group(pid, SIGINT);
	}
	if (!u->leaving || u->killed)
		return;
	if (now_ms < u->kill_ms) {
		state_wake_at(m, u->kill_ms);
		return;
	}
	u->killed = true;
	log_warn("upstream", "UPSTREAM_COMMAND (pid %d) does not leave: killed", (int)pid);
	signal_group(pid, SIGKILL);
}

void
upstream_process_step(struct master *m, uint64_t now_ms)
{
	struct upstream_process *u = &m->upstream;
	const char *command = wanted(m);

	if (u->place.pid != 0) {
		step_running(m, command, now_ms);
	} else if (command != NULL &&
	    (is_other(u, command) || now_ms >= u->place.respawn_ms)) {
		if (!is_other(u, command) && u->place.backoff.failures > 0) {
			u->restarts++;
			atomic_fetch_add(
			    &m->house.shared.state->figures.upstream_restarts, 1);
		}
		start(m, command, now_ms);
	} else if (command != NULL) {
		state_wake_at(m, u->place.respawn_ms);
	}
}

bool
upstream_process_on_exit(struct master *m, pid_t pid, int status, uint64_t now_ms)
{
	struct upstream_process *u = &m->upstream;
	const bool asked = u->leaving;
	const struct errmsg how = child_end_text(status);

	if (u->place.pid != pid || pid == 0)
		return false;
	(void)kill(-pid, SIGKILL); /* those it left behind would keep its port */
	after_death(u, now_ms);
	m->status_dirty = true;
	if (asked)
		log_info(
		    "upstream_exit", "UPSTREAM_COMMAND (pid %d): %s", (int)pid, how.text);
	else
		log_error("upstream_exit",
		    "UPSTREAM_COMMAND (pid %d): %s, unexpected; again in %llu ms",
		    (int)pid, how.text,
		    (unsigned long long)(u->place.respawn_ms - now_ms));
	return true;
}

void
upstream_process_hurry(struct master *m, uint64_t now_ms)
{
	struct upstream_process *u = &m->upstream;

	u->hurry = true;
	if (u->leaving && u->kill_ms > now_ms + UPSTREAM_HURRY_MS)
		u->kill_ms = now_ms + UPSTREAM_HURRY_MS;
	state_wake_at(m, now_ms);
}

const char *
upstream_process_state(const struct master *m)
{
	const struct upstream_process *u = &m->upstream;

	if (u->place.pid != 0)
		return u->leaving ? "stopping" : "running";
	return u->command != NULL ? "waiting" : "off";
}

void
upstream_process_fini(struct master *m)
{
	if (m->upstream.command != NULL)
		explicit_bzero(m->upstream.command, strlen(m->upstream.command));
	free(m->upstream.command);
	free(m->upstream.home);
	m->upstream = (struct upstream_process){ .id_known = false };
}
