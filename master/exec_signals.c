/* See exec_signals.h. */
#include "master/exec_signals.h"

#include <errno.h>
#include <signal.h>

int
exec_signals_reset(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)signal(sig, SIG_DFL); /* those of the C library refuse */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == -1 ? -errno : 0;
}
