/* SIGTERM, SIGQUIT, SIGKILL, each in its time; see ending.h. Runs in the master. */
#include "master/ending.h"

#include <signal.h>

void
ending_begin(struct ending *e, uint64_t now_ms, uint64_t patience_ms)
{
	if (!e->begun)
		*e = (struct ending){
			.begun = true, .due_ms = now_ms, .patience_ms = patience_ms
		};
	else if (e->sent == 0 && e->patience_ms > patience_ms)
		e->patience_ms = patience_ms;
	else if (e->sent == SIGTERM && e->due_ms > now_ms + patience_ms)
		e->due_ms = now_ms + patience_ms;
}

void
ending_hurry(struct ending *e, uint64_t now_ms)
{
	ending_begin(e, now_ms, 0);
	if (e->sent == 0)
		e->sent = SIGTERM; /* the firm word serves for both */
}

int
ending_due(struct ending *e, uint64_t now_ms)
{
	if (now_ms < ending_next_ms(e))
		return 0;
	if (e->sent == 0) {
		e->sent = SIGTERM;
		e->due_ms = now_ms + e->patience_ms;
	} else if (e->sent == SIGTERM) {
		e->sent = SIGQUIT;
		e->due_ms = now_ms + ENDING_GRACE_MS;
	} else {
		e->sent = SIGKILL;
	}
	return e->sent;
}

uint64_t
ending_next_ms(const struct ending *e)
{
	return !e->begun || e->sent == SIGKILL ? UINT64_MAX : e->due_ms;
}
