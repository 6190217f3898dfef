/*
 * Requests to one target (privatemode-proxy, or the admin process): a pool of
 * keep-alive connections, sending, and the answer delivered as it comes. Knows
 * nothing of clients. A request is never sent twice unless that is harmless
 * (DESIGN: Stale connections).
 */
#ifndef GATEHOUSE_WORKER_UPSTREAM_H
#define GATEHOUSE_WORKER_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/span.h"
#include "worker/env.h"
#include "worker/http1.h"

struct upstream;
struct upstream_conn;

enum upstream_failure {
	UPSTREAM_NO_ADDRESS,      /* its name has not been resolved yet */
	UPSTREAM_NO_CONNECTION,   /* no address took the connection */
	UPSTREAM_CONNECT_TIMEOUT, /* the same, in time */
	UPSTREAM_NO_MEMORY,       /* for a body that waits for the connection */
	UPSTREAM_UNSENT,  /* the connection broke; nothing of the request was taken */
	UPSTREAM_BROKEN,  /* it broke, or talked nonsense, before the answer's head */
	UPSTREAM_TIMEOUT, /* no answer in time */
	UPSTREAM_CUT,     /* it broke off, or fell silent, in the middle of the answer */
};

struct upstream_ops {
	/* An interim answer (1xx, not 101). */
	void (*on_interim)(void *arg, const struct http1_head *head);
	/* The answer's head; end: there is no body. Spans are valid during the call. */
	void (*on_head)(void *arg, const struct http1_head *head, bool end);
	/* Some of its body; end: this was the last. */
	void (*on_body)(void *arg, struct span data, bool end);
	/* What one read brought has all been delivered and there is more to come. */
	void (*on_flush)(void *arg);
	/* More of the request's body may be sent. */
	void (*on_writable)(void *arg);
	/* It is over without a complete answer. */
	void (*on_fail)(void *arg, enum upstream_failure f);
};

/*
 * One request on its way. Embedded in its owner; all fields are upstream.c's. The
 * call is over after a callback with end, after on_fail, or upstream_cancel().
 */
struct upstream_call {
	struct upstream *up;
	struct upstream_conn *conn; /* NULL: not under way */
	const struct upstream_ops *ops;
	void *arg;
	char *held; /* owned: request bytes as long as they may have to be sent (again) */
	size_t held_n;
	bool complete;     /* all of the request was handed over */
	bool whole;        /* ... and all of it is in held */
	bool idempotent;   /* GET or HEAD */
	bool head_request; /* HEAD */
	bool retried;
	bool answered; /* a byte of the answer has come */
	bool paused;
};

/*
 * A target at the configured UPSTREAM_URL (unix_path NULL) or at a UNIX socket.
 * Borrows env for its life. Returns 0 or -ENOMEM.
 */
int upstream_create(struct worker_env *env, const char *unix_path, bool probe,
    struct upstream **out) MUSTCHECK;
void upstream_destroy(struct upstream **up);

/* Close the connections that wait in the pool. */
void upstream_drain(struct upstream *up);

/*
 * Send a request. No callback comes before this has returned.
 * held      taken over: head and as much of the body as is there; malloc'ed, its
 *           held_n bytes are accounted with env_hold() and released here.
 * complete  this is all of the request.
 * Returns 0, or -ENOMEM with everything released.
 */
int upstream_start(struct upstream *up, struct upstream_call *call,
    const struct upstream_ops *ops, void *arg, enum http_method method, char *held,
    size_t held_n, bool complete) MUSTCHECK;

/* Send more of the body (framed by the caller), up to WIRE_PIECES_MAX pieces as one; last:
 * nothing follows. */
void upstream_send(
    struct upstream_call *call, const struct span *pieces, size_t n, bool last);

/* Should the caller wait for on_writable before it sends more? */
bool upstream_congested(const struct upstream_call *call);

/* Stop and go on reading the answer. */
void upstream_pause(struct upstream_call *call);
void upstream_resume(struct upstream_call *call);

/* Give the request up, closing its connection. Harmless when it is over. */
void upstream_cancel(struct upstream_call *call);

/* If nothing was heard of the target for ms, see whether it takes a connection. One that
 * is down is tried each time, half a second apart at least: readiness waits for it. */
void upstream_probe(struct upstream *up, uint64_t ms);

#endif
