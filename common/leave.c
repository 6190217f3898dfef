/* Leaving; see leave.h. */
#include "common/leave.h"

#include <signal.h>
#include <stddef.h>

void
leave_block_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGQUIT);
	(void)sigprocmask(SIG_BLOCK, &ending, NULL); /* fails only for a wrong argument */
}
