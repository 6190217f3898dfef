/*
 * The state of a client connection, shared by client.c (its life and its events),
 * client_pump.c (bytes that come) and client_answer.c (bytes that go); nobody else
 * includes this.
 */
#ifndef GATEHOUSE_WORKER_CLIENT_STATE_H
#define GATEHOUSE_WORKER_CLIENT_STATE_H

#include <event2/event_struct.h>

#include "worker/client.h"
#include "worker/pace.h"

enum {
	CLIENT_DISCARD_MS = 10000, /* how long the rest of a body is thrown away */
	CLIENT_LAST_MS = 1000 /* draining: for the first request, and after the last */
};

enum client_state {
	CLIENT_HEAD,    /* handshake, idle, or reading a head */
	CLIENT_BODY,    /* a request is in flight, its body is coming */
	CLIENT_ANSWER,  /* its body is complete, its answer is not */
	CLIENT_DISCARD, /* it is answered, the rest of its body is thrown away */
	CLIENT_CLOSING, /* the last bytes are on their way out */
	CLIENT_LINGER,  /* all is sent; what still comes is thrown away until FIN */
	CLIENT_DEAD,
};

struct client {
	struct env_grave grave; /* first: the graveyard casts back */
	uint32_t magic;
	uint8_t state;  /* enum client_state */
	bool keep;      /* after DISCARD: another request may follow */
	bool paused;    /* the owner wants no more body now */
	bool pumping;   /* client_pump is on the stack */
	bool reading;   /* read_event watches for data, not just for the end */
	bool body_here; /* some of the body came with the head */
	bool answering; /* the answer has begun: BODY_TIMEOUT does not hold */
	bool doomed;    /* a write failed: on_gone comes from the loop */
	bool no_linger;
	bool reset;
	struct worker_env *env;
	struct client_list *list;
	struct client *next, *prev;
	const struct client_port *port;
	const struct client_ops *ops;
	void *request;
	void (*on_closed)(void *arg, const struct addr *addr);
	void *on_closed_arg;
	struct wire wire;
	struct http1 http;
	struct pace pace; /* of the request's body */
	struct event read_event, write_event;
	struct wheel_entry timer;
	struct addr addr;
	char *in; /* bytes that wait to be worked off; NULL mostly */
	size_t in_n, in_cap;
	uint64_t discarded;
};

/* client.c */

/* Free the bytes that wait. */
void client_free_in(struct client *c);
/* Close and bury. The owner must have let go. */
void client_destroy(struct client *c);
/* The connection is of no use any more: tell the owner, close. */
void client_lost(struct client *c);
/* Have on_gone told from the loop: the owner is on the stack right now. */
void client_doom(struct client *c);
void client_set_timer(struct client *c, uint64_t ms);
/* Have BODY_TIMEOUT run if it is more of the body that is awaited, else nothing. */
void client_set_body_timer(struct client *c);
/* The connection is between two requests from now on. */
void client_set_idle_timer(struct client *c);
/* Watch for data, or only for the client's leaving. */
void client_watch(struct client *c, bool data);

/* client_pump.c */

/* Work off what waits and fresh (may be empty) behind it. */
void client_pump(struct client *c, struct span fresh);
/* The last answer has left: on to the next head, some of which may be here. */
void client_next_head(struct client *c);
/* Tell the owner of a fault; whoever has no request has begun none. */
void client_fault(struct client *c, enum client_fault f, enum http1_fault head);

/* client_answer.c */

/* All is sent: close, or wait until the client has seen it. */
void client_finish_closing(struct client *c);
/* The kernel took not all: the client has IDLE_TIMEOUT to read some of it. */
void client_await_writable(struct client *c);

#endif
