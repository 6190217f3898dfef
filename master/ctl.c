/*
 * Reload, upgrade and stop, from the CLI's side; see ctl.h. The master is held by a pidfd, so
 * that its death is seen at once and its pid can't become another process's.
 */
#include "master/ctl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <jansson.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/rundir.h"

enum {
	LOOK_EVERY_MS = 20,
	TASK_WAIT_MS = 120000, /* new workers may take 30 s, an old generation's end too */
	STOP_SPARE_MS = 60000, /* beyond DRAIN_TIMEOUT */
	DRAIN_DEFAULT_MS = 30000,
};

/* Hold the running master. Returns a pidfd, -ENOENT when none runs, or -errno. */
static int
hold_master(const char *run_dir, pid_t *pid_out)
{
	int r = rundir_find_master(run_dir, pid_out);
	int fd;

	if (r != 0)
		return r;
	fd = (int)syscall(SYS_pidfd_open, *pid_out, 0);
	if (fd == -1)
		return errno == ESRCH ? -ENOENT : -errno;
	/* Still the one that holds the lock, and not its pid's next owner? */
	r = rundir_find_master(run_dir, pid_out);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int
signal_master(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == -1 ? -errno : 0;
}

static int
unreached(const char *run_dir, int r, FILE *err)
{
	if (r == -ENOENT)
		fprintf(err, "gatehouse: none runs in %s\n", run_dir);
	else
		fprintf(err, "gatehouse: the one in %s can't be reached: %s\n", run_dir,
		    err_text(r));
	return EXIT_UNREACHED;
}

/* Wait for the master's death, wait_ms at most. Returns whether it died. */
static bool
dies_within(int pidfd, uint64_t wait_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	const uint64_t until_ms = clock_mono_ms() + wait_ms;

	for (;;) {
		const uint64_t now_ms = clock_mono_ms();
		const int left = now_ms < until_ms ? (int)(until_ms - now_ms) : 0;
		const int n = poll(&p, 1, left);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

/* One number of the status. Returns 0 or a negative code. */
static int
read_number(const char *run_dir, const char *name, json_int_t *out)
{
	json_t *status = NULL;
	int r = rundir_load_status(run_dir, &status);

	if (r != 0)
		return r;
	*out = json_integer_value(json_object_get(status, name));
	json_decref(status);
	return 0;
}

/* Something that the master does when it is asked by a signal, and reports in its status. */
struct task {
	const char *name;
	int signal;
	const char *started, *finished, *last; /* fields of the status */
};

static const struct task reload_task = { "reload", SIGHUP, "reloads_started",
	"reloads_finished", "last_reload" };
static const struct task upgrade_task = { "upgrade", SIGUSR2, "upgrades_started",
	"upgrades_finished", "last_upgrade" };

/* Tell how the task that has just finished went. */
static int
print_result(const char *run_dir, const struct task *t, FILE *out, FILE *err)
{
	json_t *status = NULL;
	const char *result = "";
	const char *reason = "";
	int r = rundir_load_status(run_dir, &status);

	if (r != 0)
		return unreached(run_dir, r, err);
	(void)json_unpack(
	    status, "{s:{s:s, s:s}}", t->last, "result", &result, "reason", &reason);
	r = result[0] == 'o' ? EXIT_DONE : EXIT_REFUSED;
	fprintf(r == EXIT_DONE ? out : err, "%s %s: %s\n", t->name, result, reason);
	json_decref(status);
	return r;
}

/* Wait until a task finishes that began after `before`. */
static int
await(const char *run_dir, const struct task *t, int pidfd, json_int_t before, FILE *out,
    FILE *err)
{
	const uint64_t until_ms = clock_mono_ms() + TASK_WAIT_MS;
	json_int_t finished = 0;

	while (clock_mono_ms() < until_ms) {
		const bool died = dies_within(pidfd, LOOK_EVERY_MS);
		const int r = read_number(run_dir, t->finished, &finished);

		if (r == 0 && finished > before)
			return print_result(run_dir, t, out, err);
		if (died)
			return unreached(run_dir, -ENOENT, err);
	}
	fprintf(err, "%s: not finished after %d s\n", t->name, TASK_WAIT_MS / 1000);
	return EXIT_REFUSED;
}

/* Ask the master for a task, and wait for the outcome. */
static int
ask(const char *run_dir, const struct task *t, FILE *out, FILE *err)
{
	json_int_t started = 0;
	pid_t pid = 0;
	int status;
	int r;
	int fd = hold_master(run_dir, &pid);

	if (fd < 0)
		return unreached(run_dir, fd, err);
	r = read_number(run_dir, t->started, &started);
	if (r == -ENOENT)
		r = 0; /* it has only just started: none was begun yet */
	if (r == 0)
		r = signal_master(fd, t->signal);
	status = r == 0 ? await(run_dir, t, fd, started, out, err)
			: unreached(run_dir, r, err);
	close(fd);
	return status;
}

int
ctl_reload(const char *run_dir, FILE *out, FILE *err)
{
	return ask(run_dir, &reload_task, out, err);
}

int
ctl_upgrade(const char *run_dir, FILE *out, FILE *err)
{
	return ask(run_dir, &upgrade_task, out, err);
}

int
ctl_stop(const char *run_dir, FILE *out, FILE *err)
{
	json_int_t drain_ms = DRAIN_DEFAULT_MS;
	pid_t pid = 0;
	int status = EXIT_DONE;
	int fd = hold_master(run_dir, &pid);
	int r;

	if (fd < 0)
		return unreached(run_dir, fd, err);
	(void)read_number(run_dir, "drain_timeout_ms", &drain_ms); /* else the default */
	r = signal_master(fd, SIGTERM);
	if (r != 0) {
		status = unreached(run_dir, r, err);
	} else if (dies_within(fd, (uint64_t)drain_ms + STOP_SPARE_MS)) {
		fprintf(out, "gatehouse (pid %d) has stopped\n", (int)pid);
	} else {
		fprintf(err, "gatehouse (pid %d) still runs\n", (int)pid);
		status = EXIT_REFUSED;
	}
	close(fd);
	return status;
}
