/*
 * Who a request really comes from when a trusted proxy stands before us
 * (TRUST_PROXY, TRUSTED_PROXIES). Pure.
 */
#ifndef GATEHOUSE_WORKER_PEER_H
#define GATEHOUSE_WORKER_PEER_H

#include <stdbool.h>

#include "common/addr.h"
#include "common/config.h"
#include "worker/http1.h"

/* May what this connection's peer says of the client be believed? */
bool peer_is_proxy(const struct config *cfg, const struct addr *peer);

/*
 * The client's address: the rightmost of X-Forwarded-For that is not in the list
 * (without a list: the rightmost); the peer's own when it is no trusted proxy, or
 * what it says is no address.
 */
void peer_client(const struct config *cfg, const struct http1_head *head,
    const struct addr *peer, struct addr *out);

/* Did the client come over TLS: ours, or by the trusted proxy's X-Forwarded-Proto? */
bool peer_is_https(const struct config *cfg, const struct http1_head *head,
    const struct addr *peer, bool tls);

#endif
