/*
 * Values that name a place on the network: listening addresses and upstream's
 * URL. Pure. Private to the config_*.c files.
 */
#ifndef GATEHOUSE_COMMON_CONFIG_NET_H
#define GATEHOUSE_COMMON_CONFIG_NET_H

#include "common/config.h"

/*
 * Parse "[http://|https://]ADDRESS:PORT"; ADDRESS is an IPv4 literal, an IPv6
 * literal in brackets, or "*" (or nothing) for [::].
 * out  set on 0 only; free with listen_addr_fini().
 * why  says what is wrong, without quoting the text.
 * Returns 0, ERR_INVALID or -ENOMEM.
 */
int listen_addr_parse(
    const char *text, struct listen_addr *out, struct errmsg *why) MUSTCHECK;

/* Deep copy. Returns 0 or -ENOMEM. */
int listen_addr_copy(const struct listen_addr *from, struct listen_addr *out) MUSTCHECK;

void listen_addr_fini(struct listen_addr *a);

/* The same address and port, whatever the scheme? */
bool listen_addr_same_place(const struct listen_addr *a, const struct listen_addr *b);

/* Room for "https://[...]:65535" and the NUL. */
#define LISTEN_TEXT_BYTES (ADDR_TEXT_BYTES + 18)

/* Write it as it would be parsed, the scheme too unless it is AUTO. */
void listen_addr_format(const struct listen_addr *a, char out[LISTEN_TEXT_BYTES]);

/*
 * Parse "http://HOST[:PORT]", "https://HOST[:PORT]" or "unix:/PATH"; one slash
 * behind the port is let pass, a path, a query or a user is not.
 * Same results as listen_addr_parse(); free with upstream_url_fini().
 */
int upstream_url_parse(
    const char *text, struct upstream_url *out, struct errmsg *why) MUSTCHECK;

void upstream_url_fini(struct upstream_url *u);

bool upstream_url_eq(const struct upstream_url *a, const struct upstream_url *b);

/* Is it this machine: a UNIX socket, localhost or a loopback literal? */
bool upstream_url_is_local(const struct upstream_url *u);

#endif
