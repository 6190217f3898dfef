/* An address on its way to being bound. Pure. */
#ifndef GATEHOUSE_MASTER_LISTEN_TARGET_H
#define GATEHOUSE_MASTER_LISTEN_TARGET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/config.h"
#include "common/err.h"

enum { LISTEN_TARGET_TEXT_BYTES = 80 };

struct listen_target {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* Fill t from a configured address. Returns 0 or ERR_SYNTAX (no literal address). */
int listen_target_from(const struct listen_addr *a, struct listen_target *t) MUSTCHECK;

/* An IPv4 address; port in the machine's order. */
void listen_target_v4(struct listen_target *t, struct in_addr host, uint16_t port);

/* "[::]:8080", "127.0.0.1:8080". */
void listen_target_text(const struct listen_target *t, char out[LISTEN_TARGET_TEXT_BYTES]);

uint16_t listen_target_port(const struct listen_target *t);

/* Is it the address that stands for all, of both families? */
bool listen_target_is_any6(const struct listen_target *t);

/* The same family, address and port? */
bool listen_target_same(
    const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif
