/*
 * A coarse timer wheel: time-outs of seconds for tens of thousands of
 * connections, without a system call or a sorted structure per request. An entry
 * fires up to one tick late, never early. Moving a deadline further away is one
 * store; the entry is put right when its old slot comes round.
 */
#ifndef GATEHOUSE_WORKER_WHEEL_H
#define GATEHOUSE_WORKER_WHEEL_H

#include <stdint.h>

enum { WHEEL_TICK_MS = 250, WHEEL_SLOTS = 256 };

struct wheel_entry;
typedef void (*wheel_fire_fn)(struct wheel_entry *e);

/* Embedded in what it times; zero-initialised is "not armed". */
struct wheel_entry {
	struct wheel_entry *prev, *next; /* ring of a slot; NULL: not armed */
	uint64_t due_ms;
	wheel_fire_fn fire;
};

struct wheel {
	struct wheel_entry slots[WHEEL_SLOTS]; /* ring heads */
	uint64_t tick;                         /* last tick that was worked off */
	uint64_t armed;                        /* number of entries */
};

/* Start an empty wheel at now_ms of the monotonic clock. */
void wheel_init(struct wheel *w, uint64_t now_ms);

/* Arm e, or move its deadline, to due_ms; fire is called then with e not armed. */
void wheel_set(
    struct wheel *w, struct wheel_entry *e, uint64_t due_ms, wheel_fire_fn fire);

/* Disarm e; harmless when it is not armed. */
void wheel_cancel(struct wheel *w, struct wheel_entry *e);

/* Fire all that is due at now_ms. Callbacks may arm and disarm anything. */
void wheel_advance(struct wheel *w, uint64_t now_ms);

#endif
