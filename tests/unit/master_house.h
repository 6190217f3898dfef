/*
 * A whole master for tests: master_run() in a process of its own, with its own
 * folder, two small roles in place of the real ones, and helpers that wait for what
 * RUN_DIR/status says. Included by one file per test binary: it defines worker_main()
 * and admin_main().
 *
 * The worker says who it is to whoever connects. What it does beside that is told by
 * the CORS origin of its configuration: https://die.example exits before it is ready,
 * https://deaf.example ignores SIGTERM, as one does whose streams go on; https://filter.example dies as one
 * does whom the filter of system calls refuses ptrace(). Each answer is
 * counted in the worker's arena; https://open.example never settles it, and
 * https://fill.example uses three quarters of the cells with the first one.
 */
#ifndef GATEHOUSE_TESTS_MASTER_HOUSE_H
#define GATEHOUSE_TESTS_MASTER_HOUSE_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/admin.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/rundir.h"
#include "master/master.h"
#include "tests/unit/tempdir.h"
#include "worker/worker.h"

enum { HOUSE_WAIT_MS = 20000, HOUSE_ENV = 32, FAKE_DIES = 9 };

/* --- the roles --- */

static volatile sig_atomic_t fake_term, fake_quit, fake_deaf;

static inline void
fake_on_signal(int sig)
{
	if (sig == SIGQUIT)
		fake_quit = 1;
	else if (!fake_deaf)
		fake_term = 1;
}

static inline void
fake_signals(void)
{
	const struct sigaction sa = { .sa_handler = fake_on_signal }; /* no SA_RESTART */

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGQUIT, &sa, NULL);
}

/* What a worker tells: generation, slot, pid, keys, limit, uid, TLS. */
static inline void
fake_identify(const struct worker_args *a, const struct worker_listener *l, int fd)
{
	struct settings s = { 0 };
	char text[256];
	int n;

	if (shared_get_settings(a->shared->published, &s) != 0)
		abort();
	n = snprintf(text, sizeof(text), "%llu %u %d %u %u %u %d\n",
	    (unsigned long long)a->generation, a->slot, (int)getpid(),
	    keyring_count(shared_keyring(a->shared->published)), s.rate.requests,
	    (unsigned)getuid(), (int)l->tls);
	if (write(fd, text, (size_t)n) != n)
		abort();
}

/* As sandbox.c's handler: noted, then the default end. */
static inline void
fake_refused(_Atomic uint64_t *refused)
{
	(void)signal(SIGSYS, SIG_DFL);
	atomic_store(refused, (uint64_t)SYS_ptrace + 1);
	(void)raise(SIGSYS);
}

static inline bool
fake_is_told(const struct worker_args *a, const char *origin)
{
	return a->config->cors_origins.n > 0 &&
	    strcmp(a->config->cors_origins.v[0], origin) == 0;
}

/* Cells for as many keys. */
static inline void
fake_fill(struct arena *arena, uint32_t n)
{
	char key[16];
	uint32_t cell;

	for (uint32_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		if (arena_cell_for(arena, key, "m", "chat", &cell) != 0)
			abort();
	}
}

/* One more request. */
static inline void
fake_count(const struct worker_args *a)
{
	const struct usage u = { .v = { [USAGE_REQUESTS] = 1 } };
	uint32_t cell;
	uint32_t slot;

	if (fake_is_told(a, "https://fill.example"))
		fake_fill(a->arena, arena_capacity(a->arena) / 4 * 3);
	if (arena_cell_for(a->arena, "k0", "m", "chat", &cell) != 0 ||
	    arena_slot_open(a->arena, cell, &slot) != 0)
		abort();
	arena_slot_put(a->arena, slot, &u);
	if (!fake_is_told(a, "https://open.example"))
		arena_slot_settle(a->arena, slot);
}

static inline void
fake_serve(const struct worker_args *a, const struct worker_listener *l)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd == -1)
		return; /* another worker took it */
	fake_count(a);
	fake_identify(a, l, fd);
	close(fd);
}

int
worker_main(const struct worker_args *a)
{
	struct scoreboard_row *row = shared_row(a->shared->state, a->generation, a->slot);
	struct pollfd fds[64];
	const struct worker_listener *from[64];
	nfds_t n = 0;

	fake_signals();
	if (arena_adopt(a->arena) != 0)
		abort();
	if (fake_is_told(a, "https://die.example"))
		return FAKE_DIES;
	if (fake_is_told(a, "https://filter.example"))
		fake_refused(&row->refused_call);
	fake_deaf = fake_is_told(a, "https://deaf.example");
	for (size_t i = 0; i < a->n_listeners && n < 64; i++) {
		if (a->listeners[i].slot != a->slot)
			continue;
		from[n] = &a->listeners[i];
		fds[n++] = (struct pollfd){ .fd = a->listeners[i].fd, .events = POLLIN };
	}
	atomic_store(&row->phase, WORKER_READY);
	while (!fake_term && !fake_quit && getppid() == a->master_pid) {
		if (poll(fds, n, 50) <= 0)
			continue;
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].revents != 0)
				fake_serve(a, from[i]);
	}
	atomic_store(&row->phase, WORKER_DRAINING);
	return 0;
}

enum { FAKE_ENACTED = 100, FAKE_KEYS_GOOD = 1, FAKE_SETTINGS_GOOD = 2 };

/* Ask for an enactment and wait for it: FAKE_ENACTED and what of it was good. */
static inline int
fake_enact(const struct admin_args *a)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	const uint64_t until_ms = clock_mono_ms() + HOUSE_WAIT_MS;
	const uint64_t began = atomic_load(&a->shared->state->figures.enact_started);
	const char wish = ADMIN_WISH_ENACT;
	struct shared_enacted e = { .number = 0 };

	if (write(a->reload_fd, &wish, 1) != 1)
		abort();
	while (shared_get_enacted(a->shared->state, &e) != 0 || e.number <= began) {
		if (clock_mono_ms() > until_ms)
			abort();
		(void)nanosleep(&pause, NULL);
	}
	return FAKE_ENACTED + (e.keys.good > began ? FAKE_KEYS_GOOD : 0) +
	    (e.settings.good > began ? FAKE_SETTINGS_GOOD : 0);
}

/* Admin: 'r' asks for a reload, 'e' for an enactment, 'x' aborts, 'f' meets the filter; it is
 * answered with the pid, or with what came of the enactment. */
static inline void
fake_admin_serve(const struct admin_args *a)
{
	int fd = accept4(a->socket_fd, NULL, NULL, SOCK_CLOEXEC);
	char text[32];
	char what = 0;
	int n;

	if (fd == -1 || read(fd, &what, 1) != 1)
		abort();
	if (what == 'x')
		abort();
	if (what == 'f')
		fake_refused(&a->shared->state->admin_refused_call);
	if (what == 'r' && write(a->reload_fd, "r", 1) != 1)
		abort();
	n = snprintf(
	    text, sizeof(text), "%d\n", what == 'e' ? fake_enact(a) : (int)getpid());
	if (write(fd, text, (size_t)n) != n)
		abort();
	close(fd);
}

int
admin_main(const struct admin_args *a)
{
	struct upstream_addrs found = { .tries = 1 };
	struct pollfd p = { .fd = a->socket_fd, .events = POLLIN };

	fake_signals();
	if (a->config->upstream.host != NULL)
		snprintf(found.host, sizeof(found.host), "%s", a->config->upstream.host);
	shared_put_upstream(a->shared->state, &found);
	while (!fake_term && !fake_quit && getppid() == a->master_pid)
		if (poll(&p, 1, 50) > 0)
			fake_admin_serve(a);
	return 0;
}

/* --- a master in a process of its own --- */

struct house {
	struct tempdir *dir;
	char config[128], keys[128], settings[128], log[128];
	char *env[HOUSE_ENV + 1];
	size_t n_env;
	pid_t pid; /* 0: none runs */
};

/* Set NAME=value for the next start. */
static inline void
house_env(struct house *h, const char *name, const char *value)
{
	assert_true(h->n_env < HOUSE_ENV);
	assert_int_not_equal(asprintf(&h->env[h->n_env++], "%s=%s", name, value), -1);
}

static inline void
house_write(const char *path, const char *text)
{
	tempdir_write_at(path, text, strlen(text), 0600);
}

/* Write beside and rename, as an editor does. */
static inline void
house_replace(const char *path, const char *text)
{
	char beside[160];

	snprintf(beside, sizeof(beside), "%s.new", path);
	house_write(beside, text);
	assert_int_equal(rename(beside, path), 0);
}

static inline int
house_setup(void **state)
{
	struct house *h = calloc(1, sizeof(*h));
	void *dir = NULL;

	if (h == NULL || tempdir_make(&dir) != 0)
		return -1;
	h->dir = dir;
	snprintf(h->config, sizeof(h->config), "%s/gatehouse.json", h->dir->path);
	snprintf(h->keys, sizeof(h->keys), "%s/api_keys.json", h->dir->path);
	snprintf(h->settings, sizeof(h->settings), "%s/settings.json", h->dir->path);
	snprintf(h->log, sizeof(h->log), "%s/log", h->dir->path);
	house_write(h->config, "{}");
	house_write(h->keys,
	    "{\"keys\": [{\"key_id\": \"a\", \"key\": \"pm_aaaaaaaaaaaaaaaaaaaa\"}]}");
	house_env(h, "DATA_DIR", h->dir->path);
	house_env(h, "API_KEYS_FILE", h->keys);
	house_env(h, "LISTEN", "127.0.0.1:0");
	house_env(h, "METRICS_LISTEN", "127.0.0.1:0");
	house_env(h, "WORKERS", "2");
	house_env(h, "WORKER_USER", "nobody");
	house_env(h, "ADMIN_USER", "nobody");
	house_env(h, "ADMIN_PASSWORD", "a password that must not be seen");
	*state = h;
	return 0;
}

/* Run master_run() with the folder's log for stderr. Does not return. */
static inline void
house_child(struct house *h)
{
	static char name[256] = "gatehouse";
	char *argv[] = { name, NULL };

	if (freopen(h->log, "a", stderr) == NULL)
		abort();
	environ = h->env;
	exit(master_run(h->config, 1, argv));
}

static inline void
house_start(struct house *h)
{
	fflush(NULL);
	h->pid = fork();
	assert_int_not_equal(h->pid, -1);
	if (h->pid == 0)
		house_child(h);
}

/* The exit status of the master, waited for; -1 when a signal killed it. */
static inline int
house_wait(struct house *h)
{
	int status = 0;

	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	h->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int
house_stop(struct house *h)
{
	kill(h->pid, SIGTERM);
	return house_wait(h);
}

static inline int
house_teardown(void **state)
{
	struct house *h = *state;
	void *dir = h->dir;

	if (h->pid != 0) {
		kill(h->pid, SIGKILL);
		waitpid(h->pid, NULL, 0);
	}
	for (size_t i = 0; i < h->n_env; i++)
		free(h->env[i]);
	free(h);
	return tempdir_remove(&dir);
}

/* The status file, NULL while there is none. The caller's. */
static inline json_t *
house_status(const struct house *h)
{
	json_t *status = NULL;

	return rundir_load_status(h->dir->path, &status) == 0 ? status : NULL;
}

static inline json_int_t
house_number(const struct house *h, const char *name)
{
	json_t *status = house_status(h);
	json_int_t n = json_integer_value(json_object_get(status, name));

	json_decref(status);
	return n;
}

/* Poll until what(h, arg) holds; fail after HOUSE_WAIT_MS. */
static inline void
house_await(struct house *h, bool (*what)(struct house *h, long arg), long arg)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	const uint64_t until_ms = clock_mono_ms() + HOUSE_WAIT_MS;

	while (!what(h, arg)) {
		if (clock_mono_ms() > until_ms)
			fail_msg("waited in vain, for %ld", arg);
		(void)nanosleep(&pause, NULL);
	}
}

static inline bool
house_is_state(struct house *h, const char *state)
{
	json_t *status = house_status(h);
	const char *now = json_string_value(json_object_get(status, "state"));
	const bool is = now != NULL && strcmp(now, state) == 0;

	json_decref(status);
	return is;
}

static inline bool
is_ready(struct house *h, long arg)
{
	(void)arg; /* a master that was killed may have left its status behind */
	return house_number(h, "pid") == h->pid && house_is_state(h, "ready");
}

static inline bool
has_finished_reloads(struct house *h, long n)
{
	return house_number(h, "reloads_finished") >= n;
}

static inline void
house_start_ready(struct house *h)
{
	house_start(h);
	house_await(h, is_ready, 0);
}

/* The result of the last reload, as one word the test compares. */
static inline void
assert_last_reload(struct house *h, const char *result)
{
	json_t *status = house_status(h);
	json_t *last = json_object_get(status, "last_reload");

	assert_string_equal(json_string_value(json_object_get(last, "result")), result);
	json_decref(status);
}

/* SIGHUP, and wait until the reload that it asked for is finished. */
static inline void
house_reload(struct house *h)
{
	const json_int_t before = house_number(h, "reloads_started");

	kill(h->pid, SIGHUP);
	house_await(h, has_finished_reloads, (long)before + 1);
}

/* How many lines of the log hold text. */
static inline int
house_log_count(const struct house *h, const char *text)
{
	FILE *f = fopen(h->log, "r");
	char *line = NULL;
	size_t room = 0;
	int n = 0;

	if (f == NULL)
		return 0;
	while (getline(&line, &room, f) != -1)
		n += strstr(line, text) != NULL;
	free(line);
	fclose(f);
	return n;
}

/* --- asking the workers --- */

struct answer {
	unsigned long long generation;
	unsigned slot;
	int pid;
	unsigned keys, limit, uid;
	int tls;
};

static inline int
house_port(const struct house *h)
{
	json_t *status = house_status(h);
	const char *url =
	    json_string_value(json_array_get(json_object_get(status, "listen"), 0));
	int port;

	assert_non_null(url);
	port = (int)strtol(strrchr(url, ':') + 1, NULL, 10);
	json_decref(status);
	return port;
}

/* The next number of an answer. */
static inline unsigned long long
take_number(char **at)
{
	char *from = *at;
	unsigned long long n = strtoull(from, at, 10);

	assert_ptr_not_equal(from, *at);
	return n;
}

/* Ask whichever worker the kernel chooses who it is. */
static inline struct answer
ask(const struct house *h)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)house_port(h)),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct answer a = { 0 };
	char text[256] = "";
	char *at = text;

	assert_int_not_equal(fd, -1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	a.generation = take_number(&at);
	a.slot = (unsigned)take_number(&at);
	a.pid = (int)take_number(&at);
	a.keys = (unsigned)take_number(&at);
	a.limit = (unsigned)take_number(&at);
	a.uid = (unsigned)take_number(&at);
	a.tls = (int)take_number(&at);
	return a;
}

/* Ask until the worker of that slot answers. */
static inline struct answer
ask_slot(const struct house *h, unsigned slot)
{
	struct answer a = ask(h);

	for (int i = 0; i < 1000 && a.slot != slot; i++)
		a = ask(h);
	assert_int_equal(a.slot, slot);
	return a;
}

/* The pid of the worker of a generation's slot as the status has it; 0: none. */
static inline pid_t
house_worker(const struct house *h, json_int_t generation, json_int_t slot)
{
	json_t *status = house_status(h);
	pid_t pid = 0;
	size_t i;
	json_t *w;

	json_array_foreach(json_object_get(status, "processes"), i,
	    w) if (json_integer_value(json_object_get(w, "generation")) == generation &&
	    json_integer_value(json_object_get(w, "slot")) == slot) pid =
	    (pid_t)json_integer_value(json_object_get(w, "pid"));
	json_decref(status);
	return pid;
}

/* Send admin a byte over its socket. Returns the pid that answers, 0: nobody did. */
static inline pid_t
ask_admin(const struct house *h, char what)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[32] = "";

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/admin.sock", h->dir->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(write(fd, &what, 1), 1);
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

#endif
