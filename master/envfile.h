/*
 * An environment file as systemd's EnvironmentFile and docker's --env-file have it:
 * NAME=value lines, comments, values optionally in quotes. Nothing is expanded.
 */
#ifndef GATEHOUSE_MASTER_ENVFILE_H
#define GATEHOUSE_MASTER_ENVFILE_H

#include "common/err.h"
#include "common/strlist.h"

/*
 * Add the file's lines to env, as "NAME=value"; the names that env has already
 * keep their values. A file that does not exist adds nothing.
 * Returns 0 or -errno.
 */
int envfile_add(const char *path, struct strlist *env) MUSTCHECK;

/* A copy of an environment (NULL: an empty one) as a list, to be freed with
 * strlist_wipe(). 0 or -ENOMEM. */
int envfile_copy(char *const *env, struct strlist *out) MUSTCHECK;

/* The list as an environment: borrowed strings, the array is the caller's; NULL: no memory. */
char **envfile_environ(const struct strlist *env) MUSTCHECK;

#endif
