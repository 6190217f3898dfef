/*
 * The admin process as a whole: a child runs admin_main(), the tests speak to its
 * sockets, look at what it publishes, and end it.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "admin/admin.h"
#include "common/clock.h"
#include "tests/unit/http_client.h"
#include "tests/unit/ledger_bench.h"

enum { PATIENCE_MS = 10000, ANSWER_BYTES = 65536 };

struct bench {
	char dir[64];
	struct config config;
	struct shared shared;
	struct admin_args args;
	int metrics_fd;
	struct http_place admin;
	struct http_place metrics;
	pid_t pid;
	char answer[ANSWER_BYTES];
};

static void
path_in(const struct bench *b, const char *name, char *out, size_t cap)
{
	snprintf(out, cap, "%s/%s", b->dir, name);
}

static int
open_sockets(struct bench *b)
{
	char path[96];

	path_in(b, "sock", path, sizeof(path));
	b->args.socket_fd = http_place_listen(&b->admin, path);
	b->metrics_fd = http_place_listen(&b->metrics, NULL);
	b->args.metrics_fds = &b->metrics_fd;
	b->args.n_metrics_fds = 1;
	return b->args.socket_fd == -1 || b->metrics_fd == -1 ? -1 : 0;
}

static int
set_up(void **state)
{
	static char host[] = "localhost", user[] = "nobody";
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL || shared_create(16, &b->shared) != 0)
		return -1;
	snprintf(b->dir, sizeof(b->dir), "/tmp/gatehouse-test-admin-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	b->config.upstream.host = host;
	b->config.worker_user = user;
	b->config.acme_webroot = b->dir;
	b->config.data_dir = b->dir;
	b->config.log_level = LOG_LEVEL_ERROR;
	b->args.config = &b->config;
	b->args.shared = &b->shared;
	b->args.master_pid = getpid();
	b->args.reload_fd = -1;
	*state = b;
	return open_sockets(b);
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	if (b->pid > 0) {
		kill(b->pid, SIGKILL);
		waitpid(b->pid, NULL, 0);
	}
	close(b->args.socket_fd);
	close(b->metrics_fd);
	shared_destroy(&b->shared);
	ledger_bench_remove(b->dir);
	free(b);
	return 0;
}

/* As the master does: signals blocked over the fork. */
static void
start(struct bench *b)
{
	sigset_t all, before;

	sigfillset(&all);
	assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
	b->pid = fork();
	assert_int_not_equal(b->pid, -1);
	if (b->pid == 0)
		exit(admin_main(&b->args));
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static int
end(struct bench *b, int signo)
{
	int status;

	assert_int_equal(kill(b->pid, signo), 0);
	assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
	b->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *
ask(struct bench *b, const struct http_place *place, const char *method,
    const char *target)
{
	assert_true(http_ask(place, method, target, "", b->answer, sizeof(b->answer)) > 0);
	return b->answer;
}

static void
without_a_password_admin_says_that_it_is_off(void **state)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PATCH", "DELETE" };
	struct bench *b = *state;
	const char *a;

	start(b);
	a = ask(b, &b->admin, "GET", "/admin");
	assert_int_equal(http_status(a), 404);
	assert_non_null(strstr(a, "\"code\":\"admin_off\""));
	assert_non_null(strstr(a, "ADMIN_PASSWORD"));
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		assert_int_equal(
		    http_status(ask(b, &b->admin, methods[i], "/admin/api/v1/keys")), 404);
	assert_int_equal(http_status(ask(b, &b->admin, "GET", "/metrics")), 404);
	assert_int_equal(end(b, SIGTERM), 0);
}

static void
with_a_password_what_does_not_exist_is_404(void **state)
{
	static char password[] = "correct horse battery";
	struct bench *b = *state;
	const char *a;

	b->config.admin_password = password;
	start(b);
	a = ask(b, &b->admin, "GET", "/admin/api/v1/nothing");
	assert_int_equal(http_status(a), 404);
	assert_non_null(strstr(a, "\"code\":\"not_found\""));
	assert_int_equal(end(b, SIGQUIT), 0);
}

static void
clients_are_not_given_the_state_that_commands_are(void **state)
{
	struct bench *b = *state;

	start(b);
	assert_int_equal(http_status(ask(b, &b->admin, "GET", "/internal/state")), 200);
	assert_int_equal(http_status(ask(b, &b->admin, "POST", "/internal/state")), 404);
	assert_int_equal(http_status(ask(b, &b->admin, "HEAD", "/internal/state")), 404);
	assert_true(
	    http_ask(&b->admin, "GET", "/internal/state",
		"X-Gatehouse-Client: 192.0.2.1\r\n", b->answer, sizeof(b->answer)) > 0);
	assert_int_equal(http_status(b->answer), 404);
	assert_int_equal(end(b, SIGTERM), 0);
}

static void
challenges_are_served_from_the_webroot(void **state)
{
	struct bench *b = *state;
	char well_known[96], folder[128], path[160];
	const char *a;
	FILE *f;

	path_in(b, ".well-known", well_known, sizeof(well_known));
	path_in(b, ".well-known/acme-challenge", folder, sizeof(folder));
	path_in(b, ".well-known/acme-challenge/tok", path, sizeof(path));
	assert_int_equal(mkdir(well_known, 0755), 0);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_non_null(f = fopen(path, "we"));
	assert_true(fputs("tok.thumb", f) >= 0);
	assert_int_equal(fclose(f), 0);
	start(b);
	a = ask(b, &b->admin, "GET", "/.well-known/acme-challenge/tok");
	assert_int_equal(http_status(a), 200);
	assert_non_null(strstr(a, "\r\n\r\ntok.thumb"));
	a = ask(b, &b->admin, "HEAD", "/.well-known/acme-challenge/tok");
	assert_int_equal(http_status(a), 200);
	assert_non_null(strstr(a, "\r\nContent-Length: 9\r\n"));
	assert_null(strstr(a, "tok.thumb"));
	a = ask(b, &b->admin, "POST", "/.well-known/acme-challenge/tok");
	assert_int_equal(http_status(a), 405);
	a = ask(b, &b->admin, "GET", "/.well-known/acme-challenge/../tok");
	assert_int_equal(http_status(a), 404);
	a = ask(b, &b->admin, "GET", "/.well-known/acme-challenge/");
	assert_int_equal(http_status(a), 404);
	assert_int_equal(end(b, SIGTERM), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(rmdir(well_known), 0);
}

static void
without_a_webroot_there_are_no_challenges(void **state)
{
	struct bench *b = *state;

	b->config.acme_webroot = NULL;
	start(b);
	assert_int_equal(
	    http_status(ask(b, &b->admin, "GET", "/.well-known/acme-challenge/tok")), 404);
	assert_int_equal(end(b, SIGTERM), 0);
}

static void
metrics_are_served_on_their_own_socket(void **state)
{
	static char token[] = "metrics-token";
	struct bench *b = *state;
	const char *a;

	b->config.metrics_token = token;
	start(b);
	a = ask(b, &b->metrics, "GET", "/metrics");
	assert_int_equal(http_status(a), 401);
	assert_non_null(strstr(a, "\r\nWWW-Authenticate: Bearer\r\n"));
	assert_null(strstr(a, "gatehouse_build_info"));
	assert_true(http_ask(&b->metrics, "GET", "/metrics",
			"Authorization: Bearer metrics-token\r\n", b->answer,
			sizeof(b->answer)) > 0);
	assert_int_equal(http_status(b->answer), 200);
	assert_non_null(strstr(
	    b->answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	assert_non_null(strstr(b->answer, "\ngatehouse_build_info{version=\""));
	assert_non_null(
	    strstr(b->answer, "\nprocess_cpu_seconds_total{role=\"master\"} "));
	assert_int_equal(http_status(ask(b, &b->metrics, "GET", "/admin")), 404);
	assert_int_equal(end(b, SIGTERM), 0);
}

static void
upstreams_addresses_are_published(void **state)
{
	struct bench *b = *state;
	uint64_t deadline = clock_mono_ms() + PATIENCE_MS;
	struct upstream_addrs a = { 0 };

	start(b);
	while (a.ok == 0 && clock_mono_ms() < deadline) {
		if (shared_get_upstream(b->shared.state, &a, NULL) != 0)
			a.ok = 0;
		assert_int_equal(poll(NULL, 0, 1), 0);
	}
	assert_int_equal(a.ok, 1);
	assert_in_range(a.n, 1, SHARED_ADDRESSES);
	assert_true(addr_is_loopback(&a.v[0].addr));
	assert_int_equal(end(b, SIGTERM), 0);
}

static void
the_masters_signals_are_not_admins(void **state)
{
	static const int others[] = { SIGHUP, SIGINT, SIGUSR1, SIGUSR2 };
	struct bench *b = *state;

	start(b);
	assert_int_equal(http_status(ask(b, &b->admin, "GET", "/admin")), 404);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(kill(b->pid, others[i]), 0);
	assert_int_equal(http_status(ask(b, &b->admin, "GET", "/admin")), 404);
	assert_int_equal(end(b, SIGTERM), 0);
}

/* A master in between: it starts admin, tells its pid, waits for the word and dies. */
static void
the_masters_death_ends_admin(void **state)
{
	struct bench *b = *state;
	int from_master[2], life[2];
	pid_t master, pid;
	char c;

	assert_int_equal(pipe(from_master), 0);
	assert_int_equal(
	    pipe(life), 0); /* its write end lives as long as the last of both */
	master = fork();
	assert_int_not_equal(master, -1);
	if (master == 0) {
		b->args.master_pid = getpid();
		start(b);
		if (write(from_master[1], &b->pid, sizeof(b->pid)) != sizeof(b->pid))
			_exit(1);
		for (;;)
			pause();
	}
	close(life[1]);
	assert_int_equal(read(from_master[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(http_status(ask(b, &b->admin, "GET", "/admin")), 404);
	assert_int_equal(kill(master, SIGKILL), 0);
	assert_int_equal(waitpid(master, NULL, 0), master);
	assert_int_equal(read(life[0], &c, 1), 0);
	close(life[0]);
	close(from_master[0]);
	close(from_master[1]);
}

static void
an_admin_without_its_master_leaves_at_once(void **state)
{
	struct bench *b = *state;
	int status;

	b->args.master_pid = getppid();
	start(b);
	assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
	b->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(without_a_password_admin_says_that_it_is_off),
		BENCH(with_a_password_what_does_not_exist_is_404),
		BENCH(clients_are_not_given_the_state_that_commands_are),
		BENCH(challenges_are_served_from_the_webroot),
		BENCH(without_a_webroot_there_are_no_challenges),
		BENCH(metrics_are_served_on_their_own_socket),
		BENCH(upstreams_addresses_are_published),
		BENCH(the_masters_signals_are_not_admins),
		BENCH(the_masters_death_ends_admin),
		BENCH(an_admin_without_its_master_leaves_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
