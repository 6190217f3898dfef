/* See listen_target.h. Runs in the master. */
#include "master/listen_target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void
listen_target_text(const struct listen_target *t, char out[LISTEN_TARGET_TEXT_BYTES])
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (t->sa.ss_family == AF_INET6) {
		memcpy(&v6, &t->sa, sizeof(v6));
		(void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		(void)snprintf(out, LISTEN_TARGET_TEXT_BYTES, "[%s]:%u", host,
		    (unsigned)ntohs(v6.sin6_port));
	} else {
		memcpy(&v4, &t->sa, sizeof(v4));
		(void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		(void)snprintf(out, LISTEN_TARGET_TEXT_BYTES, "%s:%u", host,
		    (unsigned)ntohs(v4.sin_port));
	}
}

uint16_t
listen_target_port(const struct listen_target *t)
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

void
listen_target_v4(struct listen_target *t, struct in_addr host, uint16_t port)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_addr = host, .sin_port = htons(port)
	};

	*t = (struct listen_target){ .len = sizeof(sa) };
	memcpy(&t->sa, &sa, sizeof(sa));
}

int
listen_target_from(const struct listen_addr *a, struct listen_target *t)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
	struct in_addr v4;

	if (inet_pton(AF_INET, a->host, &v4) == 1) {
		listen_target_v4(t, v4, a->port);
		return 0;
	}
	if (inet_pton(AF_INET6, a->host, &v6.sin6_addr) != 1)
		return ERR_SYNTAX;
	*t = (struct listen_target){ .len = sizeof(v6) };
	memcpy(&t->sa, &v6, sizeof(v6));
	return 0;
}

bool
listen_target_is_any6(const struct listen_target *t)
{
	struct sockaddr_in6 v6;

	if (t->sa.ss_family != AF_INET6)
		return false;
	memcpy(&v6, &t->sa, sizeof(v6));
	return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr);
}

bool
listen_target_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct sockaddr_in6 a6, b6;
	struct sockaddr_in a4, b4;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6) {
		memcpy(&a6, a, sizeof(a6));
		memcpy(&b6, b, sizeof(b6));
		return a6.sin6_port == b6.sin6_port &&
		    memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof(a6.sin6_addr)) == 0;
	}
	memcpy(&a4, a, sizeof(a4));
	memcpy(&b4, b, sizeof(b4));
	return a4.sin_port == b4.sin_port && a4.sin_addr.s_addr == b4.sin_addr.s_addr;
}
