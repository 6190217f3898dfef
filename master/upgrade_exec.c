/* Executing the new program; see upgrade_exec.h. Runs in the master and in its check. */
#include "master/upgrade_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/command.h"
#include "master/exec_signals.h"

enum { MAX_ARGS = 6, HANDOVER_LINE_BYTES = 40 };

#define SELF "/proc/self/exe"
#define DELETED " (deleted)"

/* --- where it lies --- */

/* path from the root on, links and all. Returns 0 or -errno. */
static int
make_absolute(const char *path, char out[PATH_MAX])
{
	char cwd[PATH_MAX];
	int n;

	if (path[0] == '/')
		n = snprintf(out, PATH_MAX, "%s", path);
	else if (getcwd(cwd, sizeof(cwd)) != NULL)
		n = snprintf(out, PATH_MAX, "%s/%s", cwd, path);
	else
		return -errno;
	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Does path lead to the program that runs? */
static bool
is_self(const char *path)
{
	struct stat a;
	struct stat b;

	return stat(path, &a) == 0 && stat(SELF, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino;
}

/* The kernel's own word; a file that has been replaced since is called by its place. */
static int
find_by_kernel(char out[PATH_MAX])
{
	const size_t suffix = strlen(DELETED);
	ssize_t n = readlink(SELF, out, PATH_MAX - 1);

	if (n == -1)
		return -errno;
	out[n] = '\0';
	if ((size_t)n > suffix && strcmp(out + n - suffix, DELETED) == 0)
		out[(size_t)n - suffix] = '\0';
	return 0;
}

int
upgrade_exec_find(const char *argv0, char out[PATH_MAX])
{
	char found[PATH_MAX];

	if (argv0 != NULL && command_find(argv0, getenv("PATH"), found) == 0 &&
	    make_absolute(found, out) == 0 && is_self(out))
		return 0;
	return find_by_kernel(out);
}

/* --- what it is started with --- */

/* The master's environment and the handover's number; borrows, line must live on. */
static char **
make_env(int fd, char line[HANDOVER_LINE_BYTES])
{
	char **env;
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	memcpy(env, environ, n * sizeof(*env));
	(void)snprintf(line, HANDOVER_LINE_BYTES, HANDOVER_ENV "=%d", fd);
	env[n] = line;
	return env;
}

/* A word as execve() wants it, which changes none. */
static char *
word(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* Execute the program with its handover. Returns -errno. */
static int
execute(const struct master *m, const struct handover *h, const char *command,
    const char *option)
{
	char line[HANDOVER_LINE_BYTES];
	char *argv[MAX_ARGS + 1] = { word(m->exe), word(command) };
	char **env = make_env(h->fd, line);
	size_t n = 2;
	int r = env == NULL ? -ENOMEM : 0;

	if (option != NULL)
		argv[n++] = word(option);
	if (m->config_file != NULL) {
		argv[n++] = word("-c");
		argv[n++] = word(m->config_file);
	}
	if (r == 0)
		r = handover_keep(h, true);
	if (r == 0) {
		(void)execve(m->exe, argv, env);
		r = -errno;
	}
	free(env);
	return r;
}

/* --- the check --- */

static int
open_streams(int to)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd == -1 || dup2(null_fd, STDIN_FILENO) == -1 ||
	    dup2(null_fd, STDOUT_FILENO) == -1 || dup2(to, STDERR_FILENO) == -1)
		return -errno;
	return 0;
}

/* In the child: it ends with the master, and has the signals of a command. */
static _Noreturn void
run_check(const struct master *m, const struct handover *h, int to)
{
	int r = open_streams(to);

	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		r = -errno;
	if (r == 0 && getppid() != m->pid)
		r = -ESRCH;
	if (r == 0)
		r = exec_signals_reset();
	if (r == 0)
		r = execute(m, h, "check", "--upgrade");
	dprintf(STDERR_FILENO, "fault: %s can't be executed: %s\n", m->exe, err_text(r));
	_exit(1);
}

pid_t
upgrade_exec_check(const struct master *m, const struct handover *h, int *fd_out)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -errno;
	pid = fork();
	if (pid == 0)
		run_check(m, h, ends[1]);
	if (pid == -1)
		pid = -errno;
	close(ends[1]);
	if (pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) == -1) {
		close(ends[0]);
		return pid < 0 ? pid : -errno;
	}
	*fd_out = ends[0];
	return pid;
}

int
upgrade_exec_become(const struct master *m, const struct handover *h)
{
	int r = execute(m, h, "run", NULL);

	if (handover_keep(h, false) != 0)
		abort(); /* or a child would keep what is not its own */
	return r;
}
