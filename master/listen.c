/*
 * Opening the listening sockets; see listen.h. Runs in the master before the first
 * fork. The rule here: on an error nothing stays open and the reason names the
 * address.
 */
#include "master/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESS_TEXT_BYTES = 80, PRIVILEGED_PORTS = 1024 };

/* An address on its way to being bound. */
struct target {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* Close fd and return the error that was pending before. */
static int
close_keeping_errno(int fd)
{
	int r = -errno;

	close(fd);
	return r;
}

/* "[::]:8080", "127.0.0.1:8080". */
static void
target_text(const struct target *t, char out[ADDRESS_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (t->sa.ss_family == AF_INET6) {
		memcpy(&v6, &t->sa, sizeof(v6));
		(void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		(void)snprintf(out, ADDRESS_TEXT_BYTES, "[%s]:%u", host,
		    (unsigned)ntohs(v6.sin6_port));
	} else {
		memcpy(&v4, &t->sa, sizeof(v4));
		(void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		(void)snprintf(
		    out, ADDRESS_TEXT_BYTES, "%s:%u", host, (unsigned)ntohs(v4.sin_port));
	}
}

static uint16_t
target_port(const struct target *t)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (t->sa.ss_family == AF_INET6) {
		memcpy(&v6, &t->sa, sizeof(v6));
		return ntohs(v6.sin6_port);
	}
	memcpy(&v4, &t->sa, sizeof(v4));
	return ntohs(v4.sin_port);
}

static void
target_v4(struct target *t, struct in_addr host, uint16_t port)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_addr = host, .sin_port = htons(port)
	};

	*t = (struct target){ .len = sizeof(sa) };
	memcpy(&t->sa, &sa, sizeof(sa));
}

/* Fill t from a configured address. Returns 0 or ERR_SYNTAX (no literal address). */
static int
target_from(const struct listen_addr *a, struct target *t)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
	struct in_addr v4;

	if (inet_pton(AF_INET, a->host, &v4) == 1) {
		target_v4(t, v4, a->port);
		return 0;
	}
	if (inet_pton(AF_INET6, a->host, &v6.sin6_addr) != 1)
		return ERR_SYNTAX;
	*t = (struct target){ .len = sizeof(v6) };
	memcpy(&t->sa, &v6, sizeof(v6));
	return 0;
}

/* Is it the address that stands for all, of both families? */
static bool
target_is_any6(const struct target *t)
{
	struct sockaddr_in6 v6;

	if (t->sa.ss_family != AF_INET6)
		return false;
	memcpy(&v6, &t->sa, sizeof(v6));
	return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

/* A socket bound to t. Returns a descriptor or -errno. */
static int
bind_one(const struct target *t, bool reuseport)
{
	const int on = 1;
	const int only_v6 = target_is_any6(t) ? 0 : 1;
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
probe(struct target *t)
{
	const struct in_addr any4 = { .s_addr = htonl(INADDR_ANY) };
	int fd = bind_one(t, false);

	if (fd < 0 && target_is_any6(t) && lacks_ipv6(fd)) {
		target_v4(t, any4, target_port(t));
		fd = bind_one(t, false);
	}
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Listen on a socket bound to t, and put the port that it got into t. */
static int
listen_one(struct target *t, bool reuseport, int *fd_out)
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
refuse(const struct target *t, int r, struct errmsg *why)
{
	char text[ADDRESS_TEXT_BYTES];

	target_text(t, text);
	if (r == -EADDRINUSE)
		errmsg_set(why, "can't listen on %s: the port is already in use", text);
	else if (r == -EACCES && target_port(t) < PRIVILEGED_PORTS)
		errmsg_set(why,
		    "can't listen on %s: permission denied (a port below 1024 needs root "
		    "or CAP_NET_BIND_SERVICE)",
		    text);
	else
		errmsg_set(why, "can't listen on %s: %s", text, err_text(r));
	return r;
}

/* Bind n sockets for one address into fds. */
static int
open_address(
    const struct listen_addr *a, size_t n, int *fds, struct target *t, struct errmsg *why)
{
	size_t open;
	int r = target_from(a, t);

	if (r != 0) {
		errmsg_set(why, "can't listen on \"%s\": it is no address", a->host);
		return r;
	}
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
add_text(struct strlist *l, const struct target *t)
{
	char text[ADDRESS_TEXT_BYTES];

	target_text(t, text);
	return strlist_add(l, text);
}

/* How the sockets of one list of addresses are marked. */
struct marks {
	bool admin_only;
	bool no_admin;
};

/* Bind one worker address for every slot, and append the sockets to l. */
static int
add_worker_address(const struct config *cfg, const struct listen_addr *a,
    struct marks marks, struct listeners *l, struct errmsg *why)
{
	struct worker_listener *to = l->worker + l->n_worker;
	int fds[CONFIG_MAX_WORKERS] = { 0 };
	struct target t;
	int r = open_address(a, cfg->workers, fds, &t, why);

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
add_metrics_address(const struct listen_addr *a, struct listeners *l, struct errmsg *why)
{
	struct target t;
	int r = open_address(a, 1, &l->metrics[l->n_metrics], &t, why);

	if (r != 0)
		return r;
	l->n_metrics++;
	return add_text(&l->metrics_text, &t);
}

static int
open_all(const struct config *cfg, struct listeners *l, struct errmsg *why)
{
	const struct marks clients = { .no_admin = cfg->n_admin_listen > 0 };
	const struct marks admin = { .admin_only = true };
	int r = 0;

	l->worker = calloc(
	    (cfg->n_listen + cfg->n_admin_listen) * cfg->workers, sizeof(*l->worker));
	l->metrics = calloc(cfg->n_metrics_listen + 1, sizeof(*l->metrics));
	if (l->worker == NULL || l->metrics == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->n_listen && r == 0; i++)
		r = add_worker_address(cfg, &cfg->listen[i], clients, l, why);
	for (size_t i = 0; i < cfg->n_admin_listen && r == 0; i++)
		r = add_worker_address(cfg, &cfg->admin_listen[i], admin, l, why);
	for (size_t i = 0; i < cfg->n_metrics_listen && r == 0; i++)
		r = add_metrics_address(&cfg->metrics_listen[i], l, why);
	return r;
}

int
listen_open(const struct config *cfg, struct listeners *out, struct errmsg *why)
{
	struct listeners l = { 0 };
	int r = open_all(cfg, &l, why);

	if (r == 0) {
		*out = l;
		return 0;
	}
	if (why->text[0] == '\0')
		errmsg_set(why, "can't listen: %s", err_text(r));
	listen_close(&l);
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
