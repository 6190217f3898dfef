/*
 * Listening addresses and upstream's URL. Runs in whoever loads or prints a
 * configuration; pure. Reasons never quote: a URL may hold a password.
 */
#include "common/config_net.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/addr.h"
#include "common/span.h"

enum { HOST_BYTES = 253 }; /* RFC 1035 section 2.3.4 */

/* Does *text begin with the prefix, letters in any case? Then step over it. */
static bool
skip_prefix(const char **text, const char *prefix)
{
	const size_t n = strlen(prefix);

	if (strncasecmp(*text, prefix, n) != 0)
		return false;
	*text += n;
	return true;
}

static int
refuse(struct errmsg *why, const char *text)
{
	errmsg_set(why, "%s", text);
	return ERR_INVALID;
}

/* Digits of a port at s, all of it. Returns 0 or ERR_SYNTAX. */
static int
parse_port(struct span s, uint16_t *out)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 5)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_SYNTAX;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	if (v > UINT16_MAX)
		return ERR_SYNTAX;
	*out = (uint16_t)v;
	return 0;
}

/* "HOST", "HOST:PORT" or "[HOST]:PORT"; brackets stay with the host. */
struct host_port {
	struct span host;
	struct span port; /* p NULL: none */
};

static struct host_port
split_port(struct span s)
{
	struct host_port hp = { .host = s };
	const char *colon = memrchr(s.p, ':', s.n);

	if (colon == NULL || memchr(colon, ']', s.n - (size_t)(colon - s.p)) != NULL)
		return hp;
	hp.host.n = (size_t)(colon - s.p);
	hp.port = (struct span){ colon + 1, s.n - hp.host.n - 1 };
	return hp;
}

/* The literal as text of our own: canonical, no brackets. */
static int
literal_text(struct span host, char out[ADDR_TEXT_BYTES])
{
	struct addr a;
	int r;

	if (host.n > 0 && host.p[0] != '[' && memchr(host.p, ':', host.n) != NULL)
		return ERR_SYNTAX; /* IPv6 without brackets */
	if ((r = addr_parse(host, &a)) != 0)
		return r;
	addr_format(&a, out);
	return 0;
}

int
listen_addr_parse(const char *text, struct listen_addr *out, struct errmsg *why)
{
	struct listen_addr a = { .scheme = LISTEN_AUTO };
	char host[ADDR_TEXT_BYTES] = "::";
	struct host_port hp;

	if (skip_prefix(&text, "https://"))
		a.scheme = LISTEN_HTTPS;
	else if (skip_prefix(&text, "http://"))
		a.scheme = LISTEN_HTTP;
	hp = split_port(span_of(text));
	if (hp.port.p == NULL)
		return refuse(why, "is no ADDRESS:PORT");
	if (parse_port(hp.port, &a.port) != 0)
		return refuse(why, "has no port from 0 to 65535");
	if (hp.host.n > 0 && !span_eq(hp.host, SPAN("*")) &&
	    literal_text(hp.host, host) != 0)
		return refuse(why, "has no literal address before its port (IPv6 in [])");
	a.host = strdup(host);
	if (a.host == NULL)
		return -ENOMEM;
	*out = a;
	return 0;
}

int
listen_addr_copy(const struct listen_addr *from, struct listen_addr *out)
{
	struct listen_addr a = *from;

	a.host = strdup(from->host);
	if (a.host == NULL)
		return -ENOMEM;
	*out = a;
	return 0;
}

void
listen_addr_fini(struct listen_addr *a)
{
	free(a->host);
	*a = (struct listen_addr){ .scheme = LISTEN_AUTO };
}

bool
listen_addr_same_place(const struct listen_addr *a, const struct listen_addr *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void
listen_addr_format(const struct listen_addr *a, char out[LISTEN_TEXT_BYTES])
{
	const char *scheme = a->scheme == LISTEN_HTTPS ? "https://"
	    : a->scheme == LISTEN_HTTP                 ? "http://"
						       : "";
	const bool v6 = strchr(a->host, ':') != NULL;

	snprintf(out, LISTEN_TEXT_BYTES, "%s%s%.45s%s:%u", scheme, v6 ? "[" : "", a->host,
	    v6 ? "]" : "", (unsigned)a->port);
}

static bool
is_name(struct span host)
{
	for (size_t i = 0; i < host.n; i++)
		if (!isalnum((unsigned char)host.p[i]) && strchr(".-_", host.p[i]) == NULL)
			return false;
	return host.n > 0 && host.n <= HOST_BYTES;
}

/* Fill host and authority. */
static int
set_host(struct upstream_url *u, struct span host, bool default_port, struct errmsg *why)
{
	char name[HOST_BYTES + 1], authority[HOST_BYTES + 9];
	bool v6;

	if (literal_text(host, name) != 0) {
		if (!is_name(host))
			return refuse(why, "has no valid host");
		memcpy(name, host.p, host.n);
		name[host.n] = '\0';
	}
	v6 = strchr(name, ':') != NULL;
	snprintf(authority, sizeof(authority), default_port ? "%s%s%s" : "%s%s%s:%u",
	    v6 ? "[" : "", name, v6 ? "]" : "", (unsigned)u->port);
	u->host = strdup(name);
	u->authority = strdup(authority);
	return u->host != NULL && u->authority != NULL ? 0 : -ENOMEM;
}

static int
parse_host_port(struct upstream_url *u, const char *text, struct errmsg *why)
{
	const uint16_t usual = u->scheme == UPSTREAM_HTTPS ? 443 : 80;
	struct span s = span_of(text);
	struct host_port hp;

	if (memchr(s.p, '@', s.n) != NULL)
		return refuse(why, "has a user or password");
	if (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	if (memchr(s.p, '/', s.n) != NULL || memchr(s.p, '?', s.n) != NULL ||
	    memchr(s.p, '#', s.n) != NULL)
		return refuse(why, "has a path or query");
	hp = split_port(s);
	u->port = usual;
	if (hp.port.p != NULL && (parse_port(hp.port, &u->port) != 0 || u->port == 0))
		return refuse(why, "has no port from 1 to 65535");
	return set_host(u, hp.host, u->port == usual, why);
}

static int
parse_unix(struct upstream_url *u, const char *path, struct errmsg *why)
{
	struct sockaddr_un un;

	if (path[0] != '/' || strlen(path) >= sizeof(un.sun_path))
		return refuse(why, "has no absolute path of at most 107 bytes");
	u->unix_path = strdup(path);
	u->authority = strdup("localhost");
	return u->unix_path != NULL && u->authority != NULL ? 0 : -ENOMEM;
}

int
upstream_url_parse(const char *text, struct upstream_url *out, struct errmsg *why)
{
	struct upstream_url u = { .scheme = UPSTREAM_HTTP };
	int r;

	if (skip_prefix(&text, "unix:")) {
		u.scheme = UPSTREAM_UNIX;
		r = parse_unix(&u, text, why);
	} else if (skip_prefix(&text, "https://")) {
		u.scheme = UPSTREAM_HTTPS;
		r = parse_host_port(&u, text, why);
	} else if (skip_prefix(&text, "http://")) {
		r = parse_host_port(&u, text, why);
	} else {
		r = refuse(why, "begins with none of http://, https://, unix:/");
	}
	if (r != 0)
		upstream_url_fini(&u);
	else
		*out = u;
	return r;
}

void
upstream_url_fini(struct upstream_url *u)
{
	free(u->host);
	free(u->unix_path);
	free(u->authority);
	*u = (struct upstream_url){ .scheme = UPSTREAM_HTTP };
}

bool
upstream_url_eq(const struct upstream_url *a, const struct upstream_url *b)
{
	if (a->scheme != b->scheme)
		return false;
	if (a->scheme == UPSTREAM_UNIX)
		return strcmp(a->unix_path, b->unix_path) == 0;
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool
upstream_url_is_local(const struct upstream_url *u)
{
	struct addr a;

	if (u->scheme == UPSTREAM_UNIX || strcasecmp(u->host, "localhost") == 0)
		return true;
	return addr_parse(span_of(u->host), &a) == 0 && addr_is_loopback(&a);
}
