/* Datagrams to systemd; see notify.h. Runs in the master. */
#include "master/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/crew.h"

enum { MESSAGE_BYTES = 512 };

#define USEC_PER_MS 1000

/* Fill n's address. Returns 0 or ERR_INVALID. */
static int
set_address(struct notify *n, const char *text)
{
	const size_t bytes = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || bytes < 2 ||
	    bytes >= sizeof(n->to.sun_path))
		return ERR_INVALID;
	n->to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(n->to.sun_path, text, bytes);
	n->to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
	if (text[0] == '@')
		n->to.sun_path[0] = '\0';
	else
		n->to_bytes++; /* the NUL */
	return 0;
}

/* A number of the environment that is above 0; 0: none. */
static uint64_t
number_of(const char *name)
{
	const char *text = getenv(name);
	char *end = NULL;
	unsigned long long n;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? n : 0;
}

/* Is the watchdog meant for this process? */
static uint64_t
watchdog_ms(pid_t self)
{
	const uint64_t pid = number_of("WATCHDOG_PID");
	const uint64_t usec = number_of("WATCHDOG_USEC");

	if (usec == 0 || (pid != 0 && pid != (uint64_t)self))
		return 0;
	return usec / 2 / USEC_PER_MS + (usec / 2 < USEC_PER_MS);
}

void
notify_open(struct master *m)
{
	const char *text = getenv("NOTIFY_SOCKET");
	struct notify *n = &m->notify;

	n->fd = -1;
	if (text == NULL || text[0] == '\0')
		return;
	if (set_address(n, text) != 0) {
		log_warn("notify", "NOTIFY_SOCKET is neither a path nor an abstract name");
		return;
	}
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd == -1)
		log_warn("notify", "no socket for it: %s", err_text(-errno));
	n->watchdog_ms = watchdog_ms(m->pid);
}

static void
send_text(struct notify *n, const char *text)
{
	const bool failed = sendto(n->fd, text, strlen(text), MSG_NOSIGNAL,
				(const struct sockaddr *)&n->to, n->to_bytes) == -1;

	if (failed && !n->failing)
		log_warn("notify", "systemd can't be told: %s", err_text(-errno));
	n->failing = failed;
}

static void
send_reloading(struct notify *n)
{
	char text[MESSAGE_BYTES];

	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    clock_mono_ns() / 1000);
	send_text(n, text);
	n->told = NOTIFY_RELOADING;
}

void
notify_reloading(struct master *m)
{
	if (m->notify.fd != -1 && m->notify.told == NOTIFY_READY)
		send_reloading(&m->notify);
}

/* How it is with the service now. */
static enum notify_state
state_now(const struct master *m)
{
	if (state_is_stopping(m))
		return NOTIFY_STOPPING;
	if (m->phase != MASTER_READY)
		return NOTIFY_STARTING;
	if (m->notify.told == NOTIFY_STARTING)
		return NOTIFY_READY; /* first of all */
	return m->reload.step != RELOAD_IDLE || m->upgrade.step != UPGRADE_IDLE
	    ? NOTIFY_RELOADING
	    : NOTIFY_READY;
}

static void
tell_state(struct master *m)
{
	struct notify *n = &m->notify;
	const enum notify_state now = state_now(m);

	if (now == n->told)
		return;
	switch (now) {
	case NOTIFY_STARTING: return;
	case NOTIFY_READY: send_text(n, "READY=1"); break;
	case NOTIFY_RELOADING: send_reloading(n); break;
	case NOTIFY_STOPPING: send_text(n, "STOPPING=1"); break;
	}
	n->told = now;
}

/* The line that `systemctl status` shows. */
static void
tell_line(struct master *m)
{
	struct notify *n = &m->notify;
	char line[sizeof(n->line)];

	if (state_is_stopping(m))
		(void)snprintf(line, sizeof(line),
		    "STATUS=Stopping: %u workers finish what is in flight", crew_alive(m));
	else if (m->phase == MASTER_READY)
		(void)snprintf(line, sizeof(line), "STATUS=%u workers serve %u keys",
		    m->workers, keyring_count(shared_keyring(m->house.shared.published)));
	else
		(void)snprintf(line, sizeof(line), "STATUS=Starting");
	if (strcmp(line, n->line) == 0)
		return;
	memcpy(n->line, line, sizeof(line));
	send_text(n, line);
}

void
notify_step(struct master *m, uint64_t now_ms)
{
	struct notify *n = &m->notify;

	if (n->fd == -1)
		return;
	tell_state(m);
	tell_line(m);
	if (n->watchdog_ms == 0)
		return;
	if (now_ms >= n->watchdog_due_ms) {
		send_text(n, "WATCHDOG=1");
		n->watchdog_due_ms = now_ms + n->watchdog_ms;
	}
	state_wake_at(m, n->watchdog_due_ms);
}

void
notify_close(struct master *m)
{
	if (m->notify.fd != -1)
		close(m->notify.fd);
	m->notify.fd = -1;
}
