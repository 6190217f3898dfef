/* RUN_DIR/status: what the master says of itself, for the CLI, admin and tests. */
#ifndef GATEHOUSE_MASTER_STATUS_H
#define GATEHOUSE_MASTER_STATUS_H

#include "master/state.h"

/* Write it now; a failure is logged once and tried again with the next change. */
void status_save(struct master *m);

/* "empty", "starting", "ready", "draining". */
const char *status_phase_name(uint32_t phase);

#endif
