/*
 * One client of the load: a connection, the request under way on it, and its answer.
 */
#ifndef GATEHOUSE_TESTS_BENCH_LOAD_CLIENT_H
#define GATEHOUSE_TESTS_BENCH_LOAD_CLIENT_H

#include "tests/bench/load_answer.h"
#include "tests/bench/load_conn.h"
#include "tests/bench/load_count.h"
#include "tests/bench/load_options.h"

enum {
	LOAD_HEAD_MAX = 2048, /* a request's head; a body that fits goes along */
	LOAD_CARRY_MAX = 48,  /* the end of a piece in which an event's time was cut */
	LOAD_SCRATCH = 128 * 1024,
};

enum load_client_state {
	LOAD_CLIENT_CLOSED,
	LOAD_CLIENT_HANDSHAKE,
	LOAD_CLIENT_SEND,
	LOAD_CLIENT_READ,
	LOAD_CLIENT_END,  /* the answer has come; the gateway is to close */
	LOAD_CLIENT_IDLE, /* open, nothing under way */
};

/* What all clients share. */
struct load_shared {
	const struct load_options *options;
	SSL_CTX *context; /* NULL: plain */
	struct load_count *count;
	uint64_t n_keys_used; /* each request takes the next key */
	char scratch[LOAD_SCRATCH];
};

struct load_client {
	struct load_shared *shared;
	struct load_conn conn;
	enum load_client_state state;
	bool served;           /* an answer, or an event, has come */
	uint64_t begun_ns;     /* the request */
	size_t n_head, key_at; /* key_at: where in head the secret stands */
	char head[LOAD_HEAD_MAX];
	struct span out[2]; /* still to be sent: of head, of the body behind it */
	size_t n_carry;
	char carry[LOAD_CARRY_MAX];
	struct load_answer answer;
};

/* Returns 0, or -EMSGSIZE if the request's head is too long. */
int load_client_init(struct load_client *c, struct load_shared *shared);
void load_client_fini(struct load_client *c);

/* Begin a request that was due at begun_ns: opens the connection if there is none.
 * Returns 0 or a negative errno. The next thing is load_client_pump(). */
int load_client_begin(struct load_client *c, uint64_t begun_ns);

/*
 * Go on as far as possible without waiting. Then state says what is under way; IDLE or
 * CLOSED: the request is over, well or (counted) not.
 */
void load_client_pump(struct load_client *c);

#endif
