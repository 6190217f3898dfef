/*
 * The end: workers finish what is in flight, then admin flushes what was counted and
 * UPSTREAM_COMMAND is stopped, then the master leaves. SIGTERM waits for streams, SIGQUIT or a second SIGTERM
 * does not.
 */
#ifndef GATEHOUSE_MASTER_STOP_H
#define GATEHOUSE_MASTER_STOP_H

#include "master/state.h"

/* Begin to stop; once begun, or with quit, without patience. */
void stop_request(struct master *m, bool quit, uint64_t now_ms);

/* On to the next part, when the one before is over. */
void stop_step(struct master *m, uint64_t now_ms);

#endif
