/* Small parts of a handover, as they are read: descriptors and lists of strings. */
#ifndef GATEHOUSE_MASTER_HANDOVER_TAKE_H
#define GATEHOUSE_MASTER_HANDOVER_TAKE_H

#include <jansson.h>

#include "common/err.h"
#include "common/strlist.h"

/* Take fd, which is open and none of 0 to 2: it ends with the next execve(). Returns 0,
 * ERR_SYNTAX or -errno. */
int handover_take_fd(int fd, int *out) MUSTCHECK;

/* The same for a socket that listens. */
int handover_take_listening(int fd, int *out) MUSTCHECK;

/* Append the strings of list to out. Returns 0, ERR_SYNTAX or -ENOMEM. */
int handover_take_list(const json_t *list, struct strlist *out) MUSTCHECK;

#endif
