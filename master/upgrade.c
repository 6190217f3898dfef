/*
 * The upgrade, step by step; see upgrade.h. Runs in the master, the old one up to the
 * execve() and the new one from there on. `started` is counted, and written to RUN_DIR,
 * before anything else, as a reload's is.
 */
#include "master/upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/version.h"
#include "master/admin_child.h"
#include "master/child.h"
#include "master/crew.h"
#include "master/handover.h"
#include "master/notify.h"
#include "master/roll.h"
#include "master/settle.h"
#include "master/status.h"
#include "master/upgrade_exec.h"

enum { CHECK_MS = 60000 };

#define FAULT "fault: " /* how `gatehouse check` begins a line that says what is wrong */

void
upgrade_request(struct master *m)
{
	m->upgrade.task.wanted = true;
}

/* The outcome, for the log and for who waits. */
static void
finish(struct master *m, enum task_result result, const struct errmsg *reason)
{
	struct upgrade *u = &m->upgrade;

	if (u->check_fd > 0)
		close(u->check_fd);
	u->check_fd = 0;
	u->step = UPGRADE_IDLE;
	task_finish(&u->task, "upgrade", result, reason);
	m->status_dirty = true;
}

/* --- the old program --- */

static void
begin_check(struct master *m, uint64_t now_ms)
{
	struct upgrade *u = &m->upgrade;
	struct handover h = { .fd = -1 };
	struct errmsg why = { "" };
	int r = settle_prepare(m, state_config(m), &why);

	if (r == 0)
		r = handover_make(m, &h, &why);
	if (r == 0) {
		u->said_n = 0;
		u->check_ended = false;
		u->check_until_ms = now_ms + CHECK_MS;
		u->check_pid = upgrade_exec_check(m, &h, &u->check_fd);
		r = u->check_pid < 0 ? u->check_pid : 0;
	}
	handover_fini(&h);
	if (r == 0) {
		u->step = UPGRADE_CHECKING;
		log_info("upgrade", "%s checks itself", m->exe);
		return;
	}
	u->check_pid = 0;
	if (why.text[0] == '\0')
		errmsg_set(&why, "the check can't be started: %s", err_text(r));
	finish(m, TASK_REFUSED, &why);
}

/* The new generation needs the place of the oldest one, as with a reload. */
static void
step_room(struct master *m, uint64_t now_ms)
{
	if (crew_make_room(m, now_ms))
		begin_check(m, now_ms);
}

/* Keep what the check says, as far as there is room. */
static void
hear(struct upgrade *u)
{
	char bytes[512];
	ssize_t n;

	while ((n = read(u->check_fd, bytes, sizeof(bytes))) > 0) {
		const size_t room = sizeof(u->said) - 1 - u->said_n;
		const size_t kept = (size_t)n < room ? (size_t)n : room;

		memcpy(u->said + u->said_n, bytes, kept);
		u->said_n += kept;
	}
	u->said[u->said_n] = '\0';
}

/* The faults of what the check said, in one line. Nothing else of it is believed. */
static void
collect_faults(const struct upgrade *u, struct errmsg *why)
{
	const size_t prefix = strlen(FAULT);
	size_t n = 0;

	why->text[0] = '\0';
	for (const char *p = u->said; *p != '\0'; p += *p != '\0') {
		const size_t line = strcspn(p, "\n");

		if (line > prefix && memcmp(p, FAULT, prefix) == 0 && n < sizeof(why->text))
			n += (size_t)snprintf(why->text + n, sizeof(why->text) - n,
			    "%s%.*s", n > 0 ? "; " : "", (int)(line - prefix), p + prefix);
		p += line;
	}
	for (char *c = why->text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = '?';
}

static void
refuse(struct master *m)
{
	struct upgrade *u = &m->upgrade;
	const struct errmsg how = child_end_text(u->check_status);
	struct errmsg why;

	collect_faults(u, &why);
	if (why.text[0] == '\0')
		errmsg_set(&why, "%s does not pass its own check: %s", m->exe, how.text);
	finish(m, TASK_REFUSED, &why);
}

/* The point of no return. What is handed over is as of now, not as of the check. */
static void
become(struct master *m)
{
	struct handover h = { .fd = -1 };
	struct errmsg why = { "" };
	int r;

	log_info("upgrade", "%s takes over", m->exe);
	close(m->upgrade.check_fd);
	m->upgrade.check_fd = 0;
	r = handover_make(m, &h, &why);
	if (r == 0) {
		r = upgrade_exec_become(m, &h);
		errmsg_set(&why, "%s can't be executed: %s", m->exe, err_text(r));
	}
	handover_fini(&h);
	finish(m, TASK_FAILED, &why);
}

static void
step_checking(struct master *m, uint64_t now_ms)
{
	struct upgrade *u = &m->upgrade;

	hear(u);
	if (u->check_ended) {
		if (WIFEXITED(u->check_status) && WEXITSTATUS(u->check_status) == 0)
			become(m);
		else
			refuse(m);
		return;
	}
	if (now_ms >= u->check_until_ms && u->check_pid > 0) {
		(void)kill(u->check_pid, SIGKILL);
		u->check_until_ms = STATE_NEVER; /* its end is refused as such */
	}
	state_wake_at(m, now_ms + STATE_POLL_MS);
}

bool
upgrade_on_exit(struct master *m, pid_t pid, int status)
{
	struct upgrade *u = &m->upgrade;

	if (u->check_pid != pid || pid == 0)
		return false;
	u->check_pid = 0;
	u->check_ended = true;
	u->check_status = status;
	return true;
}

/* --- the new program --- */

void
upgrade_resume(struct master *m)
{
	m->upgrade.step = UPGRADE_RISING;
	m->upgrade.target = m->current + 1;
	m->upgrade.begun = false;
}

static void
begin_rising(struct master *m, uint64_t now_ms)
{
	struct errmsg why = { "" };

	m->upgrade.begun = true;
	if (roll_begin(m, now_ms, &why) != 0)
		finish(m, TASK_FAILED, &why);
}

/* roll.c has the new workers in its care; the generation that serves tells how it went. */
static void
step_rising(struct master *m, uint64_t now_ms)
{
	const struct generation *rising = state_generation(m, m->upgrade.target);
	struct errmsg done;

	if (!m->upgrade.begun) {
		begin_rising(m, now_ms);
		return;
	}
	if (m->roll.rising)
		return;
	if (m->current == m->upgrade.target) {
		admin_child_dismiss(m, now_ms);
		m->upgrade.step = UPGRADE_HANDING_OVER;
	} else {
		const struct errmsg how = child_end_text(rising->last_status);

		errmsg_set(&done,
		    "gatehouse %s is the master, and a new worker ended before it was "
		    "ready (%s): the old ones serve on",
		    GATEHOUSE_VERSION, how.text);
		finish(m, TASK_FAILED, &done);
	}
}

static void
end_well(struct master *m)
{
	struct errmsg done;

	errmsg_set(&done, "gatehouse %s serves with generation %llu", GATEHOUSE_VERSION,
	    (unsigned long long)m->current);
	finish(m, TASK_OK, &done);
}

/* --- both --- */

static bool
may_begin(const struct master *m)
{
	return (m->phase == MASTER_STARTING || m->phase == MASTER_READY) &&
	    m->reload.step == RELOAD_IDLE && !m->reload.task.wanted && !m->roll.rising;
}

void
upgrade_step(struct master *m, uint64_t now_ms)
{
	struct upgrade *u = &m->upgrade;

	if (u->step == UPGRADE_IDLE && u->task.wanted && may_begin(m)) {
		task_begin(&u->task);
		u->step = UPGRADE_ROOM;
		status_save(m); /* before anything is done */
		notify_reloading(m);
	}
	if (u->step == UPGRADE_ROOM)
		step_room(m, now_ms);
	if (u->step == UPGRADE_CHECKING)
		step_checking(m, now_ms);
	else if (u->step == UPGRADE_RISING)
		step_rising(m, now_ms);
	if (u->step == UPGRADE_HANDING_OVER && crew_is_alone(m, now_ms))
		end_well(m);
	if (u->step == UPGRADE_IDLE && u->task.wanted)
		state_wake_at(m, now_ms + STATE_POLL_MS);
}

void
upgrade_abandon(struct master *m)
{
	const struct errmsg why = { "gatehouse stops" };
	struct upgrade *u = &m->upgrade;

	if (u->check_pid > 0)
		(void)kill(u->check_pid, SIGKILL); /* reaped as nobody's */
	u->check_pid = 0;
	if (u->step == UPGRADE_HANDING_OVER)
		end_well(m);
	else if (u->step != UPGRADE_IDLE)
		finish(m, TASK_FAILED, &why);
	if (!u->task.wanted)
		return;
	task_begin(&u->task);
	finish(m, TASK_FAILED, &why);
}
