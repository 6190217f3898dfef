/*
 * The workers, generation by generation: forked, seen to be ready, replaced when
 * they die, sent away when their time is over. The master's side of the scoreboard.
 */
#ifndef GATEHOUSE_MASTER_CREW_H
#define GATEHOUSE_MASTER_CREW_H

#include "master/state.h"

/*
 * Give g's free place to a new generation and fork its workers, with the arenas that
 * settle_prepare() has made. inputs is taken over (left empty). A fork that fails counts as a death at once.
 */
void crew_start(struct master *m, uint64_t number, enum generation_state state,
    struct inputs *inputs, uint64_t now_ms);

/* A child was reaped: was it a worker? Then its row is emptied and its end noted. */
bool crew_on_exit(struct master *m, pid_t pid, int status, uint64_t now_ms);

/* Respawns, phases, endings. */
void crew_step(struct master *m, uint64_t now_ms);

/* Have all of g's workers said that they serve? */
bool crew_is_ready(struct master *m, const struct generation *g);

/* g's workers are ready: it is the current generation now, and the one before leaves. */
void crew_promote(struct master *m, struct generation *g, uint64_t now_ms);

/*
 * Is it only the current generation that takes connections? For who waits for a reload:
 * until then a new connection may still meet the old certificates and settings. While not,
 * the loop is woken soon. A worker that does not answer is not waited for long, and one
 * whose scoreboard this program can't read (upgrade.h) not at all.
 */
bool crew_is_alone(struct master *m, uint64_t now_ms) MUSTCHECK;

/* Let g's workers finish for patience_ms, then make them leave. Those that leave already
 * are told again: sockets that they kept for a successor are to be closed at a stop. */
void crew_dismiss(
    struct master *m, struct generation *g, uint64_t now_ms, uint64_t patience_ms);

/* A new generation that will not become the current one leaves: those of its workers
 * that serve already finish what they have taken, in DRAIN_TIMEOUT. */
void crew_give_up(struct master *m, struct generation *g, uint64_t now_ms);

/*
 * Is there a place for the next generation? If not, a child's death will wake the loop
 * when there is. There are four places: the oldest generation is hurried out of its
 * own; one that was given up has some seconds left for what it has taken.
 */
bool crew_make_room(struct master *m, uint64_t now_ms) MUSTCHECK;

/* No more patience with g. */
void crew_hurry(struct generation *g, uint64_t now_ms);

/* Workers alive, in all generations. */
uint32_t crew_alive(const struct master *m);

#endif
