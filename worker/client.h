/*
 * One client connection: TLS, bytes, time-outs, back-pressure, and the order of
 * HTTP/1 messages on it (keep-alive, pipelining, throwing away the rest of a body).
 * What a request means is decided above, by whoever gives the client_ops.
 *
 * At most one request is in flight on a connection: from on_head() until the owner
 * calls client_end() or client_abort(), or gets on_gone().
 */
#ifndef GATEHOUSE_WORKER_CLIENT_H
#define GATEHOUSE_WORKER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/span.h"
#include "worker/env.h"
#include "worker/http1.h"

struct client;

/* Why a connection's message can't go on, when it is not the head's syntax. */
enum client_fault {
	CLIENT_BAD_HEAD,     /* see enum http1_fault */
	CLIENT_BAD_BODY,     /* chunked framing is broken */
	CLIENT_HEAD_TIMEOUT, /* part of a head came, the rest did not */
	CLIENT_BODY_TIMEOUT, /* the body stopped coming */
	CLIENT_HTTP_ON_TLS,  /* plain HTTP on a TLS port */
};

/* What the owner of the requests is told. */
struct client_ops {
	/* A request begins. Spans in head are valid during the call only. */
	void (*on_head)(struct client *c, const struct http1_head *head);
	/* Some of its body; end: this was the last of it (data may be empty then).
	 * Not called for a request without a body. */
	void (*on_body)(struct client *c, struct span data, bool end);
	/* Everything written so far has left for the kernel. */
	void (*on_drained)(struct client *c);
	/* The message is at fault. With a request in flight (client_request(c) not
	 * NULL) the owner gives it up and answers if it still can; the connection is to
	 * be ended with client_end(.., false) or client_abort(). */
	void (*on_fault)(struct client *c, enum client_fault f, enum http1_fault head);
	/* The client has left, or its connection broke, with a request in flight. The
	 * owner lets go of c. Returns whether a plain end of the connection would seem to be
	 * that of the answer: then it is reset. */
	bool (*on_gone)(struct client *c);
};

/* What is true of all connections of a listener. */
struct client_port {
	bool tls;
	bool admin_only;
	bool no_admin;
};

/*
 * All connections of a worker: their list, their number.
 */
struct client_list {
	struct client *first;
	size_t n;
	size_t peak; /* the most there were; its reader sets it back */
};

/*
 * Take over an accepted non-blocking socket.
 * list, env, port, ops  borrowed for the connection's life.
 * on_closed             called once when the connection has ended (counting).
 * Returns 0; on failure -ENOMEM and the socket is closed.
 */
int client_open(struct worker_env *env, struct client_list *list,
    const struct client_port *port, const struct client_ops *ops, int fd,
    const struct addr *addr, void (*on_closed)(void *arg, const struct addr *addr),
    void *arg) MUSTCHECK;

/* Bytes of an answer in the order in which they go out, as one; each may be empty. Borrowed
 * for the call. */
struct client_bytes {
	struct span head, body, tail;
};

/* Write a part of the answer. A connection that turns out to be dead is told by on_gone(),
 * later. */
void client_write(struct client *c, const struct client_bytes *bytes);

/* Write the last part. The connection stays for another request if keep is set and
 * nothing speaks against it; else it is closed once all is sent. Ends the request. */
void client_end(struct client *c, const struct client_bytes *bytes, bool keep);

/*
 * End a broken answer so that it can't look complete: no close_notify, no last
 * chunk. tail is sent before that (may be empty); with reset, TCP says RST instead of
 * FIN.
 */
void client_abort(struct client *c, struct span tail, bool reset);

/* Bytes written that the kernel has not taken. */
size_t client_pending(const struct client *c);

/* Stop and go on reading the request's body. */
void client_pause(struct client *c);
void client_resume(struct client *c);

/* The answer has begun before the request's body has ended: from now on the answer's
 * time-outs decide, and the rest of the body may come when it likes. */
void client_answering(struct client *c);

/* Tell a client that waits for it to send its body (RFC 9110 section 10.1.1), unless
 * some of it is here already. */
void client_send_continue(struct client *c);

/* The owner's pointer for the request in flight; NULL: none. */
void client_set_request(struct client *c, void *request);
void *client_request(const struct client *c);

struct worker_env *client_env(const struct client *c);
const struct addr *client_addr(const struct client *c);
const struct client_port *client_port(const struct client *c);

/*
 * env->draining is set: connections between two requests are closed once they were
 * idle for env->grace_ms more (0: at once); the others when they have been told so, by
 * the head of their next answer. The grace spares clients that are just about to send.
 */
void client_list_drain(struct client_list *list);
/* Close all at once. */
void client_list_close(struct client_list *list);

#endif
