/*
 * The listening sockets: made and kept by the master, inherited by every child and
 * its successors, so that queued connections survive a death. One SO_REUSEPORT
 * socket per worker slot and address; one plain one per metrics address.
 */
#ifndef GATEHOUSE_MASTER_LISTEN_H
#define GATEHOUSE_MASTER_LISTEN_H

#include <stddef.h>

#include "common/config.h"
#include "common/err.h"
#include "master/activation.h"
#include "worker/worker.h"

struct listeners {
	struct worker_listener *worker; /* all slots' sockets, slot by slot for each address */
	size_t n_worker;
	int *metrics;
	size_t n_metrics;
	/* "[::]:8443": the ports really bound, in the configuration's order */
	struct strlist listen_text, admin_text, metrics_text;
};

/*
 * Bind all of cfg's addresses; those that passed has a socket for use a duplicate of it in
 * each slot. A passed socket that is left over is refused. Port 0 is any free port, the same for all slots. A
 * port that another process serves is refused, also where SO_REUSEPORT would let
 * it be shared. [::] takes IPv4 too, and 0.0.0.0 where there is no IPv6.
 * Returns 0, or a negative code with one line in why; then nothing stays open.
 */
int listen_open(const struct config *cfg, struct activation *passed,
    struct listeners *out, struct errmsg *why) MUSTCHECK;

/*
 * Say which sockets speak TLS. A reload may change that, for it comes with the
 * certificate; cfg has the addresses that l was opened with.
 */
void listen_mark_tls(struct listeners *l, const struct config *cfg);

/* Close everything, in the master at its end. */
void listen_close(struct listeners *l);

/* In a child: close what its role does not serve. */
void listen_drop_worker(struct listeners *l);
void listen_drop_metrics(struct listeners *l);

#endif
