/*
 * What a signal asks of the master and takes its time: SIGHUP's reload, SIGUSR2's upgrade.
 * Counted when it begins and when it ends, so that who waits for one can tell it from those
 * before it, and remembers how the last one went.
 */
#ifndef GATEHOUSE_MASTER_TASK_H
#define GATEHOUSE_MASTER_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum task_result { TASK_NONE, TASK_OK, TASK_REFUSED, TASK_FAILED };

struct task {
	bool wanted; /* asked for, and not begun yet */
	uint64_t started, finished;
	enum task_result last;
	struct errmsg reason;
	int64_t last_wall_ms; /* since 1970, when it was finished */
};

/* "none", "ok", "refused", "failed". */
const char *task_result_name(enum task_result r);

/* It is begun: wanted no longer. What is asked for from here on is another one. */
void task_begin(struct task *t);

/*
 * The outcome, now: counted, kept, and logged as an event of this name.
 * The caller tells RUN_DIR/status (m->status_dirty).
 */
void task_finish(struct task *t, const char *event, enum task_result result,
    const struct errmsg *reason);

#endif
