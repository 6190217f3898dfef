/*
 * UPSTREAM_COMMAND ready to be executed: its words, and the file that the first one
 * stands for. Found before the fork, so that a missing program is a fault of the
 * configuration and not of a child. Runs in the master and in the CLI.
 */
#ifndef GATEHOUSE_MASTER_COMMAND_H
#define GATEHOUSE_MASTER_COMMAND_H

#include <limits.h>
#include <stdbool.h>

#include "common/err.h"
#include "common/strlist.h"

#define COMMAND_PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin" /* where PATH is not set */

struct command_line {
	struct strlist words; /* one at least */
	char path[PATH_MAX];  /* of the program */
};

/*
 * Find word as execvp() would: one with a slash is a path, another is looked for in
 * search (PATH; NULL: the default). Returns 0, -ENOENT, -EACCES, -ENAMETOOLONG.
 */
int command_find(const char *word, const char *search, char path[PATH_MAX]) MUSTCHECK;

/*
 * Take text apart and find its program. Returns 0, or a negative code with why set,
 * which names UPSTREAM_COMMAND and the program. command_fini() in both cases.
 */
int command_parse(
    const char *text, struct command_line *out, struct errmsg *why) MUSTCHECK;

void command_fini(struct command_line *c);

/*
 * May a variable of the master's environment go to the program? PATH, HOME and those
 * that say which proxy to use, in both cases; TRUST_PROXY is a setting of ours.
 */
bool command_may_know(const char *line);

#endif
