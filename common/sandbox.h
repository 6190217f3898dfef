/*
 * The system calls that are left to a role (seccomp(2)): an allow-list each, in force
 * from the moment it serves. A call that is not on it ends the process by SIGSYS, after
 * its number was noted for the master, which logs the call's name. The lists stand in
 * sandbox_calls.c.
 *
 * In builds with sanitizers there is no filter: what their run-time calls is not ours
 * to list. The release build is what the tests of the filter run.
 */
#ifndef GATEHOUSE_COMMON_SANDBOX_H
#define GATEHOUSE_COMMON_SANDBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum sandbox_role { SANDBOX_WORKER, SANDBOX_ADMIN };

enum { SANDBOX_NAME_BYTES = 48 };

/* Does a sanitizer's run-time work in this build? Then its processes need more. */
bool sandbox_is_sanitized(void);

/* Why there is no filter here, for people: the build, or the kernel. NULL: there is. */
const char *sandbox_missing(void);

/*
 * Leave the calls of role to this process and all its threads, for good. Needs
 * PR_SET_NO_NEW_PRIVS. Where sandbox_missing() says why, nothing happens.
 * refused  in shared memory, for the process's life: the number of the refused call
 *          plus 1 is stored there before the process dies.
 * Returns 0 or -errno (the process must not serve).
 */
int sandbox_enter(enum sandbox_role role, _Atomic uint64_t *refused) MUSTCHECK;

/*
 * The name of the call that was noted, its number where it has none ("call 1234").
 * refused  not 0, and not trusted: who wrote it may have been taken over.
 */
void sandbox_name(uint64_t refused, char out[SANDBOX_NAME_BYTES]);

#endif
