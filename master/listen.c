/*
 * Opening the listening sockets; see listen.h. Runs in the master before the first
 * fork. The rule here: on an error nothing stays open and the reason names the
 * address.
 */
#include "master/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/listen_target.h"

enum { PRIVILEGED_PORTS = 1024 };

/* What listen_open() is at. */
struct opening {
	const struct config *cfg;
	struct activation *passed;
	struct listeners l;
	struct errmsg *why;
};

/* Close fd and return the error that was pending before. */
static int
close_keeping_errno(int fd)
{
	int r = -errno;

	close(fd);
	return r;
}

/* A socket bound to t. Returns a descriptor or -errno. */
static int
bind_one(const struct listen_target *t, bool reuseport)
{
	const int on = 1;
	const int only_v6 = listen_target_is_any6(t) ? 0 : 1;
	int fd = socket(t->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == -1) ||
	    (t->sa.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6)) ==
		    -1) ||
	    bind(fd, (const struct sockaddr *)&t->sa, t->len) == -1)
		return close_keeping_errno(fd);
	return fd;
}

/* Does the machine have no IPv6 at all, so that [::] means 0.0.0.0? */
static bool
lacks_ipv6(int r)
{
	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -EPROTONOSUPPORT;
}

/*
 * Try t without SO_REUSEPORT: another process's port is then seen. Port 0 needs no
 * try. Falls back from [::] to 0.0.0.0, in t. Returns 0 or -errno.
 */
static int
probe(struct listen_target *t)
{
	const struct in_addr any4 = { .s_addr = htonl(INADDR_ANY) };
	int fd = bind_one(t, false);

	if (fd < 0 && listen_target_is_any6(t) && lacks_ipv6(fd)) {
		listen_target_v4(t, any4, listen_target_port(t));
		fd = bind_one(t, false);
	}
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Listen on a socket bound to t, and put the port that it got into t. */
static int
listen_one(struct listen_target *t, bool reuseport, int *fd_out)
{
	int fd = bind_one(t, reuseport);

	if (fd < 0)
		return fd;
	t->len = sizeof(t->sa);
	if (listen(fd, SOMAXCONN) == -1 ||
	    getsockname(fd, (struct sockaddr *)&t->sa, &t->len) == -1)
		return close_keeping_errno(fd);
	*fd_out = fd;
	return 0;
}

/* One line for a person about an address that can't be had. */
static int
refuse(const struct listen_target *t, int r, struct errmsg *why)
{
	char text[LISTEN_TARGET_TEXT_BYTES];

	listen_target_text(t, text);
	if (r == -EADDRINUSE)
		errmsg_set(why, "can't listen on %s: the port is already in use", text);
	else if (r == -EACCES && listen_target_port(t) < PRIVILEGED_PORTS)
		errmsg_set(why,
		    "can't listen on %s: permission denied (a port below 1024 needs root "
		    "or CAP_NET_BIND_SERVICE)",
		    text);
	else
		errmsg_set(why, "can't listen on %s: %s", text, err_text(r));
	return r;
}

/* A socket that was passed, n times: each slot has a descriptor of its own. */
static int
share_passed(
    int passed, size_t n, int *fds, const struct listen_target *t, struct errmsg *why)
{
	for (size_t i = 0; i < n; i++) {
		fds[i] = fcntl(passed, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (fds[i] != -1)
			continue;
		const int r = -errno;

		while (i > 0)
			close(fds[--i]);
		return refuse(t, r, why);
	}
	return 0;
}

/* n sockets for one address into fds: a passed one for all, or bound ones. */
static int
open_address(struct opening *o, const struct listen_addr *a, size_t n, int *fds,
    struct listen_target *t)
{
	struct errmsg *why = o->why;
	size_t open;
	int r = listen_target_from(a, t);
	int passed;

	if (r != 0) {
		errmsg_set(why, "can't listen on \"%s\": it is no address", a->host);
		return r;
	}
	passed = activation_find(o->passed, &t->sa);
	if (passed != -1)
		return share_passed(passed, n, fds, t, why);
	r = probe(t);
	for (open = 0; r == 0 && open < n; open += r == 0)
		r = listen_one(t, n > 1, &fds[open]);
	if (r == 0)
		return 0;
	for (size_t i = 0; i < open; i++)
		close(fds[i]);
	return refuse(t, r, why);
}

/* Note an address as people write it, with the port that it got. */
static int
add_text(struct strlist *l, const struct listen_target *t)
{
	char text[LISTEN_TARGET_TEXT_BYTES];

	listen_target_text(t, text);
	return strlist_add(l, text);
}

/* How the sockets of one list of addresses are marked. */
struct marks {
	bool admin_only;
	bool no_admin;
};

/* Bind one worker address for every slot, and append the sockets to l. */
static int
add_worker_address(struct opening *o, const struct listen_addr *a, struct marks marks)
{
	const struct config *cfg = o->cfg;
	struct listeners *l = &o->l;
	struct worker_listener *to = l->worker + l->n_worker;
	int fds[CONFIG_MAX_WORKERS] = { 0 };
	struct listen_target t;
	int r = open_address(o, a, cfg->workers, fds, &t);

	if (r != 0)
		return r;
	for (uint32_t i = 0; i < cfg->workers; i++)
		to[i] = (struct worker_listener){ .fd = fds[i],
			.slot = i,
			.admin_only = marks.admin_only,
			.no_admin = marks.no_admin };
	l->n_worker += cfg->workers;
	return add_text(marks.admin_only ? &l->admin_text : &l->listen_text, &t);
}

static int
add_metrics_address(struct opening *o, const struct listen_addr *a)
{
	struct listeners *l = &o->l;
	struct listen_target t;
	int r = open_address(o, a, 1, &l->metrics[l->n_metrics], &t);

	if (r != 0)
		return r;
	l->n_metrics++;
	return add_text(&l->metrics_text, &t);
}

static int
open_all(struct opening *o)
{
	const struct config *cfg = o->cfg;
	struct listeners *l = &o->l;
	const struct marks clients = { .no_admin = cfg->n_admin_listen > 0 };
	const struct marks admin = { .admin_only = true };
	int r = 0;

	l->worker = calloc(
	    (cfg->n_listen + cfg->n_admin_listen) * cfg->workers, sizeof(*l->worker));
	l->metrics = calloc(cfg->n_metrics_listen + 1, sizeof(*l->metrics));
	if (l->worker == NULL || l->metrics == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->n_listen && r == 0; i++)
		r = add_worker_address(o, &cfg->listen[i], clients);
	for (size_t i = 0; i < cfg->n_admin_listen && r == 0; i++)
		r = add_worker_address(o, &cfg->admin_listen[i], admin);
	for (size_t i = 0; i < cfg->n_metrics_listen && r == 0; i++)
		r = add_metrics_address(o, &cfg->metrics_listen[i]);
	return r == 0 ? activation_check(o->passed, o->why) : r;
}

int
listen_open(const struct config *cfg, struct activation *passed, struct listeners *out,
    struct errmsg *why)
{
	struct opening o = { .cfg = cfg, .passed = passed, .why = why };
	int r;

	activation_reset(passed);
	r = open_all(&o);
	if (r == 0) {
		*out = o.l;
		return 0;
	}
	if (why->text[0] == '\0')
		errmsg_set(why, "can't listen: %s", err_text(r));
	listen_close(&o.l);
	return r;
}

void
listen_mark_tls(struct listeners *l, const struct config *cfg)
{
	for (size_t i = 0; i < l->n_worker; i++) {
		const size_t at =
		    i / cfg->workers; /* the address: its slots lie together */
		const struct listen_addr *a = at < cfg->n_listen
		    ? &cfg->listen[at]
		    : &cfg->admin_listen[at - cfg->n_listen];

		l->worker[i].tls = a->scheme == LISTEN_HTTPS;
	}
}

void
listen_drop_worker(struct listeners *l)
{
	for (size_t i = 0; i < l->n_worker; i++)
		close(l->worker[i].fd);
	l->n_worker = 0;
}

void
listen_drop_metrics(struct listeners *l)
{
	for (size_t i = 0; i < l->n_metrics; i++)
		close(l->metrics[i]);
	l->n_metrics = 0;
}

void
listen_close(struct listeners *l)
{
	listen_drop_worker(l);
	listen_drop_metrics(l);
	free(l->worker);
	free(l->metrics);
	strlist_free(&l->listen_text);
	strlist_free(&l->admin_text);
	strlist_free(&l->metrics_text);
	*l = (struct listeners){ 0 };
}
