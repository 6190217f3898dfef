/* Beginnings and outcomes; see task.h. Runs in the master. */
#include "master/task.h"

#include "common/clock.h"
#include "common/log.h"

const char *
task_result_name(enum task_result r)
{
	switch (r) {
	case TASK_NONE: return "none";
	case TASK_OK: return "ok";
	case TASK_REFUSED: return "refused";
	case TASK_FAILED: return "failed";
	}
	return "none";
}

void
task_begin(struct task *t)
{
	t->wanted = false;
	t->started++;
}

void
task_finish(struct task *t, const char *event, enum task_result result,
    const struct errmsg *reason)
{
	t->finished++;
	t->last = result;
	t->reason = *reason;
	t->last_wall_ms = clock_wall_ms();
	log_write(result == TASK_OK ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, event, "%s: %s",
	    task_result_name(result), reason->text);
}
