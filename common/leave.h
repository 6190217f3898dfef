/*
 * The last steps of a worker or of admin: from the end of its loop to its exit.
 */
#ifndef GATEHOUSE_COMMON_LEAVE_H
#define GATEHOUSE_COMMON_LEAVE_H

/*
 * Keep SIGTERM and SIGQUIT, which told this process to leave, pending from here on. Else
 * one more, once their handlers have been taken down, would end it as if it had failed.
 */
void leave_block_signals(void);

#endif
