/*
 * The live look at upstream: connects, and for https shakes hands, at the addresses that the
 * resolver has found, one after the other. Never a request: that would cost the
 * organisation's quota. Runs in the admin process's loop and holds nobody up.
 */
#ifndef GATEHOUSE_ADMIN_PROBE_H
#define GATEHOUSE_ADMIN_PROBE_H

#include <stdbool.h>

#include <event2/event.h>

#include "common/config.h"
#include "common/err.h"
#include "common/shared.h"
#include "common/tls.h"
#include "common/tls_client.h"

enum { PROBES_MAX = 8 }; /* at a time */

/* Why upstream could not be reached; of the last address tried. */
enum probe_fault {
	PROBE_FINE,
	PROBE_RESOLVE,     /* its name has no address */
	PROBE_REFUSED,     /* nobody listens there */
	PROBE_UNREACHABLE, /* no way there, or no right to it */
	PROBE_TIMEOUT,
	PROBE_TLS,       /* no handshake, or a certificate that is not trusted */
	PROBE_CANCELLED, /* admin leaves */
};

struct probe_result {
	enum probe_fault fault;
	bool tls;        /* the handshake is part of it */
	double taken_ms; /* of the address that answered */
};

/* "refused", ...; NULL for PROBE_FINE. */
const char *probe_fault_name(enum probe_fault f);

struct probe_room;

struct probe_options {
	const struct upstream_url *url;
	const struct state *state; /* the addresses */
	uint32_t timeout_ms;       /* for each address, handshake included */
};

/* Called once, from the loop. */
typedef void (*probe_fn)(const struct probe_result *result, void *arg);

/* All borrowed. Returns 0 or -ENOMEM. */
int probe_room_create(struct event_base *base, const struct probe_options *o,
    struct probe_room **out) MUSTCHECK;

/* Probes under way end in PROBE_CANCELLED. Accepts NULL inside, leaves NULL. */
void probe_room_destroy(struct probe_room **rp);

/*
 * The context for https, once it is there (it reads files, so a job makes it); the room's
 * from then on. Without one every probe of an https upstream ends in PROBE_TLS.
 */
void probe_room_give_tls(struct probe_room *room, struct tls_client *tls);
bool probe_room_wants_tls(const struct probe_room *room);

/* Begin one. Returns 0, or ERR_FULL or -ENOMEM: done is never called then. */
int probe_start(struct probe_room *room, probe_fn done, void *arg) MUSTCHECK;

#endif
