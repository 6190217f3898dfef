/*
 * The two shared regions (DESIGN: Shared memory). The master makes them before
 * the first fork; children inherit the mappings. Fixed-size slots, a magic, a
 * version and a layout hash; no pointers, no locks.
 *
 *   published  written by the master alone, mapped read-only elsewhere, kept out
 *              of dumps: settings, TLS ticket keys, keyring.
 *   state      read-write everywhere: upstream's addresses (admin writes), the
 *              scoreboard (each worker writes its own slot), rate windows and the
 *              address table (any worker).
 */
#ifndef GATEHOUSE_COMMON_SHARED_H
#define GATEHOUSE_COMMON_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/addrtab.h"
#include "common/config.h"
#include "common/keyring.h"
#include "common/models.h"
#include "common/seqbox.h"
#include "common/stats.h"
#include "common/window.h"

enum {
	SHARED_MAX_GENERATIONS = 4,
	SHARED_WORKER_SLOTS = CONFIG_MAX_WORKERS, /* listener slots: 0 .. WORKERS - 1 */
	SHARED_ADDRESSES = 16,
	SHARED_HOST_BYTES = 256, /* a name has at most 253 (RFC 1035 section 2.3.4) */
	SHARED_CLIENT_ADDRESSES = 65536, /* that are held to the address limit at a time */
	SHARED_TICKET_KEYS = 3
};

/* Limits in force: from the configuration or the settings file. The versions go up
 * when a window's length changes, which starts it anew; shared_put_settings() sets them. */
struct settings {
	struct rate_setting rate;
	struct rate_setting ip_rate;
	uint32_t rate_version;
	uint32_t ip_version;
};

/* One session ticket key (RFC 5077 section 4). */
struct ticket_key {
	uint8_t name[16];
	uint8_t aes[32];
	uint8_t hmac[32];
};

/* keys[0] encrypts, all decrypt. n 0: no tickets. */
struct ticket_keys {
	uint64_t n;
	struct ticket_key keys[SHARED_TICKET_KEYS];
};

struct published {
	uint64_t magic;
	uint64_t version; /* of the layout: shared_layout() */
	uint64_t max_keys;
	SEQBOX(sizeof(struct settings)) settings;
	SEQBOX(sizeof(struct ticket_keys)) tickets;
	SEQBOX(sizeof(struct models)) models;
	/* the keyring follows at offset SHARED_KEYRING_OFFSET */
};

/* An upstream address as found by the resolver. */
struct upstream_addr {
	uint64_t family; /* AF_INET, AF_INET6; port is in the configuration */
	struct addr addr;
};

/* What was found for a host. tries: how often resolving was finished, ok: how often it found
 * something. */
struct upstream_addrs {
	char host[SHARED_HOST_BYTES]; /* "": nobody has looked for any yet */
	uint64_t tries;
	uint64_t ok;
	uint64_t n;
	struct upstream_addr v[SHARED_ADDRESSES];
};

enum worker_phase {
	WORKER_EMPTY = 0, /* no process in this slot */
	WORKER_STARTING,
	WORKER_READY,
	WORKER_DRAINING,
};

/*
 * One process that serves, or served, a listener slot. The scoreboard has a row
 * for each slot of each living generation: row = (generation % 4) * 256 + slot.
 * The worker writes its own row; the master sets pid/generation/phase at fork and
 * empties it after waitpid.
 */
struct scoreboard_row {
	_Alignas(64) _Atomic uint32_t phase; /* enum worker_phase */
	_Atomic uint32_t pid;
	_Atomic uint64_t generation;
	_Atomic uint64_t since_ms; /* monotonic: when the phase began */
	_Atomic uint64_t connections;
	_Atomic uint64_t requests_in_flight;
	_Atomic uint64_t requests;
	_Atomic uint64_t upstream_ok_ms; /* monotonic: last good upstream traffic or connect */
	_Atomic uint64_t upstream_fail_ms; /* last failure; up is ok_ms >= fail_ms */
	_Atomic uint64_t refused_call;     /* as sandbox_enter() notes it; 0: none */
	struct stats stats;                /* outlives the row's process */
};

/* What came of reading a file anew: 0, or a negative code and why. */
struct shared_verdict {
	int64_t code;
	uint64_t good; /* number of the last enactment in which it was 0 */
	struct errmsg reason;
};

/*
 * What came of the last enactment: keys and settings read and published because admin had
 * asked for it, whatever else is wrong with configuration or certificates. The one with
 * this number began after `enact_started` had been below it: who writes a file, notes
 * `enact_started`, asks, and sees a higher number knows that its change was read.
 */
struct shared_enacted {
	uint64_t number;
	struct shared_verdict keys, settings;
};

/* What the master tells admin; it alone writes. They live as long as the region. */
struct master_figures {
	_Atomic uint64_t worker_restarts;
	_Atomic uint64_t upstream_restarts; /* of UPSTREAM_COMMAND's process */
	_Atomic uint64_t reloads_ok, reloads_refused, reloads_failed;
	_Atomic uint64_t last_reload_ok; /* 1 at the start, which reads all the same */
	_Atomic uint64_t last_reload_ms; /* wall clock */
	_Atomic uint64_t certificate_expiry_s; /* the earliest notAfter; 0: no TLS */
	_Atomic uint64_t started_ms;           /* wall clock: the master's start */
	_Atomic uint64_t enact_started;        /* counted before the first file is read */
	SEQBOX(sizeof(struct shared_enacted)) enacted;
	SEQBOX(sizeof(struct errmsg)) last_reload_reason;
};

/* The first three words stay where they are in all versions: see shared_tell_draining(). */
struct state {
	uint64_t magic;
	uint64_t version;
	_Atomic uint64_t draining; /* set once by the master when it stops: health answers 503 */
	struct master_figures figures;
	_Atomic uint64_t admin_refused_call; /* as a row's refused_call */
	SEQBOX(sizeof(struct upstream_addrs)) upstream;
	struct scoreboard_row rows[SHARED_MAX_GENERATIONS * SHARED_WORKER_SLOTS];
	struct window global; /* all keys together */
	/* a window for each slot of the keyring follows, then the address table */
};

/* Both regions of one master. */
struct shared {
	struct published *published;
	struct state *state;
	size_t published_bytes;
	size_t state_bytes;
	int published_fd; /* memfds, close-on-exec */
	int state_fd;
};

/*
 * Create and map both regions, zero-filled, the keyring laid out for max_keys.
 * Returns 0 or -errno (nothing is left behind).
 */
int shared_create(uint32_t max_keys, struct shared *out) MUSTCHECK;

/*
 * Map regions that this process had before it executed another program: the descriptors
 * become out's on 0. Nothing is written.
 * Returns 0, ERR_STALE (of another layout), ERR_SYNTAX (no such regions) or -errno.
 */
int shared_inherit(int published_fd, int state_fd, struct shared *out) MUSTCHECK;

/* Set `draining` in a state region of whatever layout, which only its fd is left of.
 * Returns 0 or -errno. */
int shared_tell_draining(int state_fd) MUSTCHECK;

/*
 * After the fork, in a worker or admin: make published read-only for good (mprotect()
 * can't undo it), at the address where it is, and close both descriptors, through which
 * it could be mapped again. Needs /proc. 0 or -errno (the process must not go on).
 */
int shared_protect(struct shared *sh) MUSTCHECK;

/*
 * Keep the ticket keys' pages out of swap, for everybody who maps them, as long as this
 * process lives. 0 or -errno (-ENOMEM, -EPERM: RLIMIT_MEMLOCK does not allow it).
 */
int shared_lock_tickets(const struct shared *sh) MUSTCHECK;

/* Unmap and close. */
void shared_destroy(struct shared *sh);

/* The window of a slot of the keyring (below max_keys), and the address table. */
struct window *shared_key_window(const struct shared *sh, uint32_t slot);
struct addrtab *shared_addrtab(const struct shared *sh);

/* The keyring inside published. */
const struct keyring *shared_keyring(const struct published *p);
struct keyring *shared_keyring_mutable(struct published *p);

void shared_put_settings(struct published *p, const struct settings *s);
int shared_get_settings(const struct published *p, struct settings *out) MUSTCHECK;
void shared_put_tickets(struct published *p, const struct ticket_keys *t);
/* seq_out (may be NULL): the sequence of the copy read. */
int shared_get_tickets(
    const struct published *p, struct ticket_keys *out, uint64_t *seq_out) MUSTCHECK;
void shared_put_models(struct published *p, const struct models *m);
/*
 * Read the list into out if it is another one than the copy read at *seq (0: none).
 * Returns 0 (out and *seq are new), -EALREADY (nothing has changed), or ERR_CHANGED
 * (the master has written meanwhile; out is undefined, *seq as it was).
 */
int shared_get_models(
    const struct published *p, struct models *out, uint64_t *seq) MUSTCHECK;
void shared_put_upstream(struct state *s, const struct upstream_addrs *a);
int shared_get_upstream(
    const struct state *s, struct upstream_addrs *out, uint64_t *seq_out) MUSTCHECK;
/* Is this what was found for host, and not for another one that was configured before? */
bool shared_is_upstream_of(const struct upstream_addrs *a, const char *host);

void shared_put_enacted(struct state *s, const struct shared_enacted *e);
int shared_get_enacted(const struct state *s, struct shared_enacted *out) MUSTCHECK;
void shared_put_reload_reason(struct state *s, const struct errmsg *reason);
int shared_get_reload_reason(const struct state *s, struct errmsg *out) MUSTCHECK;

/* The scoreboard row of a generation's slot. */
struct scoreboard_row *shared_row(struct state *s, uint64_t generation, uint32_t slot);

#endif
