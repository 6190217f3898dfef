/*
 * What the master tells the metrics, in shared memory: reloads and the certificates'
 * expiry. Counters of it are those of the region, which outlives an upgrade.
 */
#ifndef GATEHOUSE_MASTER_FIGURES_H
#define GATEHOUSE_MASTER_FIGURES_H

#include "master/state.h"

/* At the start: what was read serves; nothing was reloaded yet. */
void figures_start(struct master *m);

/* After an upgrade: the counters go on. */
void figures_resume(struct master *m);

/* A reload has come to its end, at m->reload.task.last_wall_ms; what serves now is
 * m->current. */
void figures_on_reload(struct master *m, enum task_result result);

#endif
