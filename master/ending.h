/*
 * The end of a child or of a generation of them: asked politely (SIGTERM), then
 * firmly (SIGQUIT), then not asked (SIGKILL). Pure: tells which signal is due; who
 * calls sends it.
 */
#ifndef GATEHOUSE_MASTER_ENDING_H
#define GATEHOUSE_MASTER_ENDING_H

#include <stdbool.h>
#include <stdint.h>

enum { ENDING_GRACE_MS = 5000 }; /* between SIGQUIT and SIGKILL */

/* Zero-initialised: not begun. */
struct ending {
	bool begun;
	int sent;             /* the last signal that was due; 0: none yet */
	uint64_t due_ms;      /* monotonic: when the next, harder one is due */
	uint64_t patience_ms; /* between SIGTERM and SIGQUIT */
};

/* Begin: SIGTERM is due at now_ms, SIGQUIT patience_ms later. One that has begun
 * loses what patience it has beyond that. */
void ending_begin(struct ending *e, uint64_t now_ms, uint64_t patience_ms);

/* Leave out what patience is left: SIGQUIT is due at now_ms. Begins if need be. */
void ending_hurry(struct ending *e, uint64_t now_ms);

/* The signal that is due at now_ms, each one once; 0: none. */
int ending_due(struct ending *e, uint64_t now_ms);

/* When ending_due() will next have one; UINT64_MAX: never. */
uint64_t ending_next_ms(const struct ending *e);

#endif
