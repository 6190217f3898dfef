/*
 * What one request has used, on its way into this worker's arena: the name it counts
 * under, its price, and the rule that what an answer's bytes say is in the arena
 * before those bytes go to the client.
 */
#ifndef GATEHOUSE_WORKER_ACCOUNT_H
#define GATEHOUSE_WORKER_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/endpoint.h"
#include "common/models.h"
#include "common/shared.h"
#include "common/span.h"
#include "common/usage.h"

/* What all requests of a worker share: its arena, the models, names that upstream knows. */
struct accounts;

/* arena, shared: borrowed for its life. Returns 0 or -ENOMEM. */
int accounts_create(
    struct arena *arena, const struct shared *shared, struct accounts **out) MUSTCHECK;
void accounts_destroy(struct accounts **a);

/* One request's; embedded, zero-initialised is "not open". */
struct account {
	bool open;
	uint32_t slot;
	struct model_price price; /* fixed when the answer begins */
	struct usage noted;
	char model[MODEL_NAME_MAX + 1]; /* the name it counts under; "" before */
};

/*
 * The answer begins: `requests` is 1 from now on.
 * model   as the request named it; n 0: it named none.
 * status  upstream's; a 2xx vouches for an unknown model's name.
 * now_ms  wall clock, for the price that holds.
 */
void account_open(struct accounts *a, struct account *acc, const char *key_id,
    struct span model, enum endpoint endpoint, unsigned status, int64_t now_ms);

/* Note what was used until now (tokens and audio, absolute); its cost is worked out here.
 * complete: the last bytes of the answer are about to go. Harmless when not open. */
void account_note(
    struct accounts *a, struct account *acc, const struct usage *used, bool complete);

/* The request is over, well or not: settle what was noted last. Harmless when not open. */
void account_settle(struct accounts *a, struct account *acc);

#endif
