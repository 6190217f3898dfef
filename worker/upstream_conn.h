/*
 * One connection to a target: connecting, TLS, and handing an answer's bytes on.
 * Shared by upstream.c (calls, pool, retries), upstream_conn.c (its life) and
 * upstream_read.c (answers); nobody else includes this.
 */
#ifndef GATEHOUSE_WORKER_UPSTREAM_CONN_H
#define GATEHOUSE_WORKER_UPSTREAM_CONN_H

#include <sys/socket.h>
#include <event2/event_struct.h>

#include "worker/pace.h"
#include "worker/upstream.h"

enum conn_state {
	CONN_CONNECTING, /* TCP */
	CONN_HANDSHAKE,  /* TLS */
	CONN_BUSY,       /* a call is under way */
	CONN_IDLE,       /* in the pool */
	CONN_DEAD,
};

struct upstream {
	struct worker_env *env;
	const char *unix_path;        /* borrowed; NULL: the configured upstream */
	const struct tls_client *tls; /* NULL: plain */
	bool literal; /* the host is an address: nobody has to look it up */
	struct upstream_addrs addrs; /* the host's, as last seen; tries 0: not yet */
	uint16_t port;
	bool probes; /* reports its health to the scoreboard */
	bool probing;
	size_t preferred;            /* index of the address that worked last */
	struct upstream_conn *conns; /* all */
	struct upstream_conn *idle;  /* last used first */
	size_t n_idle;
	uint64_t heard_ms;
};

struct upstream_conn {
	struct env_grave grave; /* first */
	uint32_t magic;
	uint8_t state; /* enum conn_state */
	bool reused;
	bool broken;  /* a write failed, or connecting did at once: told from the loop */
	bool reading; /* read_event is added */
	bool keep_alive;
	struct upstream *up;
	struct upstream_call *call;
	struct upstream_conn *next, *prev;           /* of all */
	struct upstream_conn *idle_next, *idle_prev; /* of the pool */
	struct wire wire;
	struct http1 http;
	struct event read_event, write_event;
	struct wheel_entry timer;
	enum upstream_failure why; /* when broken before it was connected */
	size_t first;              /* index of the first address tried */
	size_t tried;              /* addresses tried so far */
	uint64_t sent_before;      /* wire.sent when the call began */
	bool in_body;              /* the answer's head is done */
	bool in_parts;             /* the answer takes more than one read */
	struct pace pace;          /* of the answer's body */
	uint8_t interims;          /* interim answers so far */
	char *in;                  /* part of an answer's head */
	size_t in_n;
};

/* upstream_conn.c */

/* Begin a connection for call (NULL: a probe). Failures are told from the loop. NULL: no
 * memory. */
struct upstream_conn *conn_open(struct upstream *up, struct upstream_call *call);
/* Close and bury; the call must be detached. */
void conn_destroy(struct upstream_conn *conn);
/* Let the loop tell of a failure: the caller's caller is on the stack. why counts only
 * while the connection does not stand yet. */
void conn_break(struct upstream_conn *conn, enum upstream_failure why);
/* Send up to WIRE_PIECES_MAX pieces, and wait for the kernel where it does not take all. */
void conn_write(
    struct upstream_conn *conn, const struct span *pieces, size_t n, enum wire_next next);
void conn_watch(struct upstream_conn *conn, bool on);
/* Have what the kernel did not take sent when it can be; nothing to do if it took all. */
void conn_send_rest(struct upstream_conn *conn);
void conn_set_timer(struct upstream_conn *conn, uint64_t ms);
/* UPSTREAM_IDLE_TIMEOUT runs anew, unless it is the client who keeps upstream waiting. */
void conn_set_silence_timer(struct upstream_conn *conn);

/* upstream_read.c: the socket of a busy connection is readable. */
void conn_read(struct upstream_conn *conn);

/* upstream.c */

/* Connected (and verified): send what the call has. */
void upstream_on_connected(struct upstream_conn *conn);
/* Everything written so far has been taken. */
void upstream_on_sent(struct upstream_conn *conn);
/* It broke: try again if that is harmless, else tell the call. */
void upstream_on_broken(struct upstream_conn *conn, enum upstream_failure why);
/* The answer is complete: detach the call, pool or close the connection. */
void upstream_on_answered(struct upstream_conn *conn, bool leftover);

#endif
