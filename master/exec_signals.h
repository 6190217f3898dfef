/* Signals as a program that is executed expects them. Runs in the child, before it. */
#ifndef GATEHOUSE_MASTER_EXEC_SIGNALS_H
#define GATEHOUSE_MASTER_EXEC_SIGNALS_H

#include "common/err.h"

/* None is ignored, SIGPIPE included, and none is blocked. Returns 0 or -errno. */
int exec_signals_reset(void) MUSTCHECK;

#endif
