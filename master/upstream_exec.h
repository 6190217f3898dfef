/*
 * From fork to execve of UPSTREAM_COMMAND. Runs in the child. The program gets nothing
 * of ours: no descriptor but 0 (/dev/null), 1 and 2 (both the master's stderr), no
 * variable that holds a setting, no signal blocked or ignored, no capability; it can't
 * gain rights, leaves no core file, and is sent SIGINT when the master dies.
 */
#ifndef GATEHOUSE_MASTER_UPSTREAM_EXEC_H
#define GATEHOUSE_MASTER_UPSTREAM_EXEC_H

#include <sys/types.h>

#include "master/command.h"
#include "master/identity.h"

/* Become the program, as id, with home for HOME (NULL: the master's own). Does not
 * return: what goes wrong is one error line, and exit status 127. */
_Noreturn void upstream_exec(const struct command_line *c, const struct identity *id,
    const char *home, pid_t master);

#endif
