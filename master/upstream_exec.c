/* The last steps before UPSTREAM_COMMAND is executed; see upstream_exec.h. */
#include "master/upstream_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "master/exec_signals.h"
#include "master/rights.h"

enum { CANT_EXECUTE = 127 };

/* Descriptors 0 to 2, and no others. */
static int
reset_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd == -1 || dup2(fd, STDIN_FILENO) == -1 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) == -1 ||
	    close_range(STDERR_FILENO + 1, UINT_MAX, 0) == -1)
		return -errno;
	return 0;
}

/* The program's environment out of ours, borrowed. NULL: no memory. */
static char **
make_env(const char *home)
{
	static char home_line[PATH_MAX + sizeof("HOME=")];
	char **env;
	size_t n = 0;
	size_t all = 0;

	while (environ != NULL && environ[all] != NULL)
		all++;
	env = calloc(all + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	for (size_t i = 0; i < all; i++)
		if (command_may_know(environ[i]) &&
		    (home == NULL || strncmp(environ[i], "HOME=", 5) != 0))
			env[n++] = environ[i];
	if (home != NULL) {
		(void)snprintf(home_line, sizeof(home_line), "HOME=%s", home);
		env[n] = home_line;
	}
	return env;
}

/* The words as execve() wants them. NULL: no memory. */
static char **
make_argv(const struct strlist *words)
{
	char **argv = calloc(words->n + 1, sizeof(*argv));

	if (argv != NULL)
		memcpy(argv, words->v, words->n * sizeof(*argv));
	return argv;
}

void
upstream_exec(const struct command_line *c, const struct identity *id, const char *home,
    pid_t master)
{
	char **argv = make_argv(&c->words);
	char **env = make_env(home);
	int r = argv == NULL || env == NULL ? -ENOMEM : 0;

	if (setpgid(0, 0) == -1 && r == 0)
		r = -errno;
	if (r == 0)
		r = rights_drop(id, master, SIGINT);
	if (r == 0)
		r = reset_descriptors();
	if (r == 0)
		r = exec_signals_reset();
	if (r == 0) {
		(void)execve(c->path, argv, env);
		r = -errno;
	}
	log_error("upstream_start", "UPSTREAM_COMMAND: %s can't be executed: %s", c->path,
	    err_text(r));
	_exit(CANT_EXECUTE);
}
