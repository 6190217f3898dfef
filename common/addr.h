/*
 * IP addresses and networks (CIDR), IPv4 and IPv6 in one 16-byte form: IPv4 is
 * held as its mapped address (RFC 4291 section 2.5.5.2), so that a dual-stack
 * socket's peers compare equal to their IPv4 text.
 */
#ifndef GATEHOUSE_COMMON_ADDR_H
#define GATEHOUSE_COMMON_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/span.h"

struct addr {
	uint8_t b[16];
};

struct cidr {
	struct addr net;
	unsigned bits; /* of 128; an IPv4 /8 is 104 */
};

#define ADDR_TEXT_BYTES 46

/* From a peer's socket address; a UNIX socket's becomes ::1. */
void addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);

/* Parse a literal: "192.0.2.1", "2001:db8::1", with optional "[..]" and ":port"
 * (the forms seen in X-Forwarded-For). Returns 0 or ERR_SYNTAX. */
int addr_parse(struct span text, struct addr *out) MUSTCHECK;

/* Write the usual text of a (IPv4 as dotted quad), NUL-terminated. */
void addr_format(const struct addr *a, char out[ADDR_TEXT_BYTES]);

bool addr_eq(const struct addr *a, const struct addr *b);
bool addr_is_v4(const struct addr *a);
bool addr_is_loopback(const struct addr *a);

/* The unit that limits count by: IPv4 whole, IPv6 by its /64. */
void addr_limit_unit(const struct addr *a, struct addr *out);

/* Parse "10.0.0.0/8" or a bare address. Returns 0 or ERR_SYNTAX (bits out of
 * range, or bits set beyond the prefix). */
int cidr_parse(struct span text, struct cidr *out) MUSTCHECK;
bool cidr_contains(const struct cidr *c, const struct addr *a);

#endif
