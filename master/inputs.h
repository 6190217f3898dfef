/*
 * All that a start, a reload and `gatehouse check` read: configuration, keys,
 * settings, models, certificates. Loaded whole before anything is changed, so that
 * refusing costs nothing. Runs in the master and in the CLI.
 */
#ifndef GATEHOUSE_MASTER_INPUTS_H
#define GATEHOUSE_MASTER_INPUTS_H

#include <stdbool.h>

#include "common/config.h"
#include "common/keyfile.h"
#include "common/models.h"
#include "common/shared.h"
#include "common/tls.h"
#include "common/tls_client.h"

/* Zero-initialised it is empty. Everything is owned. */
struct inputs {
	struct config *config;
	struct keyset *keys;
	struct settings settings;
	struct models *models;
	struct tls_server *tls;          /* NULL: no certificate */
	struct tls_client *upstream_tls; /* NULL: the upstream is not https */
};

/* How a key file with single faulty entries is taken (CONTRACT section 3). */
enum inputs_rigour {
	INPUTS_LENIENT, /* a start: faulty entries are left out, unless STRICT_KEYS or none is left */
	INPUTS_STRICT, /* a reload, a check: any fault refuses the file */
};

/*
 * Load the keys that cfg names.
 * out     set on 0 only; the caller's, keyset_destroy().
 * faults  one line is added for each fault; owned by the caller.
 * Returns 0, ERR_INVALID or -ENOMEM.
 */
int inputs_load_keys(const struct config *cfg, enum inputs_rigour rigour,
    struct keyset **out, struct strlist *faults) MUSTCHECK;

/*
 * Load the keys, settings and models that in->config names; in->keys, in->settings and
 * in->models are replaced on 0 only.
 * faults  one line is added for each fault; owned by the caller.
 * Returns 0, ERR_INVALID or -ENOMEM.
 */
int inputs_load_data(
    struct inputs *in, enum inputs_rigour rigour, struct strlist *faults) MUSTCHECK;

/*
 * Load all that in->config names: keys, settings, models, certificates. Every fault is
 * found, not just the first. published is borrowed by in->tls; NULL: no tickets.
 * Returns 0, ERR_INVALID or -ENOMEM; on error `in` is still the caller's to free.
 */
int inputs_load(struct inputs *in, const struct published *published,
    enum inputs_rigour rigour, struct strlist *faults) MUSTCHECK;

/*
 * Free the keys and models, which are of no use once they are published. To be done before
 * the rest is shared (roll.h): who shares must not free what the other still names.
 */
void inputs_drop_data(struct inputs *in);

/* Free everything; leaves it empty. */
void inputs_fini(struct inputs *in);

/* All lines of l in one, "; " between them, for a single line in the log. */
struct errmsg inputs_join(const struct strlist *l);

#endif
