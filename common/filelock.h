/*
 * Locks of files that several programs edit (flock(2)): waited for with patience, but not
 * for ever. A lock ends with its descriptor.
 */
#ifndef GATEHOUSE_COMMON_FILELOCK_H
#define GATEHOUSE_COMMON_FILELOCK_H

#include <stdbool.h>

#include "common/err.h"

/* Lock fd, a file or a folder, for this process alone. May block for five seconds. Returns 0,
 * -EWOULDBLOCK (somebody else has it all the time) or -errno. */
int filelock_wait(int fd) MUSTCHECK;

/* Is fd the file that path names now, and not one that was replaced while it was waited
 * for? */
bool filelock_is_current(int fd, const char *path);

#endif
