/* Sockets from systemd; see activation.h. Runs in the master, at its start. */
#include "master/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/listen_target.h"

enum { FIRST_FD = 3, MOST_FDS = 1024 };

/* A number of the environment; -1: none. */
static long
number_of(const char *name)
{
	const char *text = getenv(name);
	char *end = NULL;
	long n;

	if (text == NULL || text[0] == '\0')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && n >= 0 ? n : -1;
}

/* Is it a TCP socket that listens? Its address goes to sa. Returns 0 or a negative code. */
static int
look_at(int fd, struct sockaddr_storage *sa)
{
	socklen_t len = sizeof(*sa);
	socklen_t on_len = sizeof(int);
	int on = 0;
	int type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &on_len) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &on_len) == -1 ||
	    getsockname(fd, (struct sockaddr *)sa, &len) == -1)
		return -errno;
	return type == SOCK_STREAM && on &&
		(sa->ss_family == AF_INET || sa->ss_family == AF_INET6)
	    ? 0
	    : ERR_INVALID;
}

/* The socket is ours: it ends with an execve(), and nobody waits in accept(). */
static int
own(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) == -1
	    ? -errno
	    : 0;
}

static int
take_all(struct activation *out, size_t n, struct errmsg *why)
{
	out->v = calloc(n + 1, sizeof(*out->v));
	if (out->v == NULL) {
		errmsg_set(why, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		struct activated *a = &out->v[i];
		int r;

		a->fd = FIRST_FD + (int)i;
		r = look_at(a->fd, &a->sa);
		if (r == 0)
			r = own(a->fd);
		if (r != 0) {
			errmsg_set(why,
			    "LISTEN_FDS: descriptor %d is no TCP socket that listens",
			    a->fd);
			return r;
		}
		out->n++;
	}
	return 0;
}

int
activation_take(struct proctitle *title, struct activation *out, struct errmsg *why)
{
	const long pid = number_of("LISTEN_PID");
	const long n = number_of("LISTEN_FDS");

	*out = (struct activation){ .n = 0 };
	proctitle_unset_env(title, "LISTEN_PID");
	proctitle_unset_env(title, "LISTEN_FDS");
	proctitle_unset_env(title, "LISTEN_FDNAMES");
	if (pid != (long)getpid() || n <= 0)
		return 0;
	if (n > MOST_FDS) {
		errmsg_set(why, "LISTEN_FDS is more than %d", MOST_FDS);
		return ERR_INVALID;
	}
	return take_all(out, (size_t)n, why);
}

int
activation_find(struct activation *a, const struct sockaddr_storage *sa)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].used || !listen_target_same(&a->v[i].sa, sa))
			continue;
		a->v[i].used = true;
		return a->v[i].fd;
	}
	return -1;
}

void
activation_reset(struct activation *a)
{
	for (size_t i = 0; i < a->n; i++)
		a->v[i].used = false;
}

int
activation_check(const struct activation *a, struct errmsg *why)
{
	char text[LISTEN_TARGET_TEXT_BYTES];

	for (size_t i = 0; i < a->n; i++) {
		const struct listen_target t = { .sa = a->v[i].sa };

		if (a->v[i].used)
			continue;
		listen_target_text(&t, text);
		errmsg_set(why,
		    "LISTEN_FDS: the socket of %s is of no address in LISTEN, ADMIN_LISTEN "
		    "or METRICS_LISTEN, or of one that has another socket",
		    text);
		return ERR_INVALID;
	}
	return 0;
}

void
activation_fini(struct activation *a)
{
	for (size_t i = 0; i < a->n; i++)
		close(a->v[i].fd);
	free(a->v);
	*a = (struct activation){ .n = 0 };
}
