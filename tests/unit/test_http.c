/*
 * The admin process' HTTP server: routes, bounds, headers, and who may connect. The
 * server runs in a child, the tests speak to it over real sockets.
 */
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "admin/http.h"
#include "common/log.h"
#include "tests/unit/http_client.h"

enum { NOBODY = 65534, ANSWER_BYTES = 65536 };

static void
handle_hello(struct http_request *rq, void *arg)
{
	http_reply_json(rq, 200, json_pack("{s:s}", "hello", (const char *)arg));
}

/* How long the body was that came. */
static void
handle_size(struct http_request *rq, void *arg)
{
	size_t n = evbuffer_get_length(evhttp_request_get_input_buffer(rq->ev));

	(void)arg;
	http_reply_json(rq, 200, json_pack("{s:I}", "bytes", (json_int_t)n));
}

/* An answer that comes later: once the loop has gone round, in the order of the requests. */
static void
on_later(evutil_socket_t none, short what, void *arg)
{
	struct http_request rq;

	(void)none;
	(void)what;
	if (http_resume(arg, &rq))
		http_reply_json(&rq, 200, json_pack("{s:b}", "late", 1));
}

static void
handle_later(struct http_request *rq, void *arg)
{
	const struct timeval soon = { .tv_usec = 20000 };
	struct event_base *base =
	    evhttp_connection_get_base(evhttp_request_get_connection(rq->ev));
	struct http_deferred *d = http_defer(rq);

	(void)arg;
	if (d == NULL || event_base_once(base, -1, EV_TIMEOUT, on_later, d, &soon) != 0)
		abort();
}

static const struct http_route routes[] = {
	{ EVHTTP_REQ_GET, "/later", handle_later },
	{ EVHTTP_REQ_GET, "/hello", handle_hello },
	{ EVHTTP_REQ_GET, "/below/", handle_hello },
	{ EVHTTP_REQ_PATCH | EVHTTP_REQ_POST, "/size", handle_size },
};

struct server {
	struct http_place place;
	pid_t pid;
	char dir[64];
	char answer[ANSWER_BYTES];
};

static void
serve(int fd, const uid_t *uids, size_t n_uids)
{
	const struct http_options o = { routes, sizeof(routes) / sizeof(*routes),
		(void *)(uintptr_t) "you", uids, n_uids };
	struct event_base *base = event_base_new();
	struct http_server *s = NULL;

	log_init("test", LOG_LEVEL_WARN, LOG_FORMAT_JSON); /* and without SIGPIPE */
	if (base == NULL || http_server_create(base, &o, &s) != 0 ||
	    http_server_listen(s, fd) != 0)
		_exit(1);
	event_base_dispatch(base);
	_exit(1);
}

static int
start(void **state, bool local, const uid_t *uids, size_t n_uids)
{
	struct server *s = calloc(1, sizeof(*s));
	char path[96];
	int fd;

	*state = s;
	if (s == NULL)
		return -1;
	snprintf(s->dir, sizeof(s->dir), "/tmp/gatehouse-test-http-XXXXXX");
	if (mkdtemp(s->dir) == NULL || chmod(s->dir, 0755) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/sock", s->dir);
	fd = http_place_listen(&s->place, local ? path : NULL);
	if (fd == -1 || (local && chmod(path, 0666) == -1))
		return -1;
	s->pid = fork();
	if (s->pid == -1)
		return -1;
	if (s->pid == 0)
		serve(fd, uids, n_uids);
	close(fd);
	return 0;
}

static int
start_tcp(void **state)
{
	return start(state, false, NULL, 0);
}

static int
start_unix(void **state)
{
	const uid_t uids[] = { 4242, geteuid() };

	return start(state, true, uids, 2);
}

static int
stop(void **state)
{
	struct server *s = *state;
	char path[96];
	int status;

	kill(s->pid, SIGKILL);
	if (waitpid(s->pid, &status, 0) != s->pid || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGKILL)
		return -1; /* it must have lived until now */
	snprintf(path, sizeof(path), "%s/sock", s->dir);
	unlink(path);
	rmdir(s->dir);
	free(s);
	return 0;
}

static const char *
ask(struct server *s, const char *method, const char *target, const char *extra)
{
	assert_true(
	    http_ask(&s->place, method, target, extra, s->answer, sizeof(s->answer)) >= 0);
	return s->answer;
}

static void
a_known_path_is_answered_in_json_with_security_headers(void **state)
{
	const char *a = ask(*state, "GET", "/hello?secret=1", "");

	assert_int_equal(http_status(a), 200);
	assert_non_null(strstr(a, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(a, "\r\nContent-Length: 15\r\n"));
	assert_non_null(strstr(a, "\r\nX-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(a, "\r\nX-Frame-Options: DENY\r\n"));
	assert_non_null(strstr(a, "\r\nContent-Security-Policy: default-src 'none'; "));
	assert_null(strstr(a, "unsafe-inline"));
	assert_non_null(strstr(a, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(a, "\r\n\r\n{\"hello\":\"you\"}"));
}

static void
an_unknown_path_is_404_in_json(void **state)
{
	const char *a = ask(*state, "GET", "/hello/", "");

	assert_int_equal(http_status(a), 404);
	assert_non_null(strstr(a, "\"code\":\"not_found\""));
	assert_non_null(strstr(a, "\"param\":null"));
	assert_int_equal(http_status(ask(*state, "DELETE", "/", "")), 404);
}

static void
a_path_that_ends_in_a_slash_stands_for_all_below_it(void **state)
{
	assert_int_equal(http_status(ask(*state, "GET", "/below/a/b", "")), 200);
	assert_int_equal(http_status(ask(*state, "GET", "/below", "")), 404);
}

static void
a_method_that_the_path_has_not_is_405_with_allow(void **state)
{
	const char *a = ask(*state, "DELETE", "/hello", "");

	assert_int_equal(http_status(a), 405);
	assert_non_null(strstr(a, "\r\nAllow: GET, HEAD\r\n"));
	a = ask(*state, "GET", "/size", "");
	assert_non_null(strstr(a, "\r\nAllow: POST, PATCH\r\n"));
}

static void
patch_with_a_body_arrives(void **state)
{
	const char *a = ask(*state, "PATCH", "/size", "Content-Length: 0\r\n");

	assert_int_equal(http_status(a), 200);
	assert_non_null(strstr(a, "{\"bytes\":0}"));
}

static void
head_is_get_without_the_body(void **state)
{
	const char *a = ask(*state, "HEAD", "/hello", "");

	assert_int_equal(http_status(a), 200);
	assert_non_null(strstr(a, "\r\nContent-Length: 15\r\n"));
	assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
	a = ask(*state, "HEAD", "/nothing", "");
	assert_int_equal(http_status(a), 404);
	assert_string_equal(strstr(a, "\r\n\r\n"), "\r\n\r\n");
}

static void
a_connection_is_kept_for_the_next_request(void **state)
{
	static const char two[] =
	    "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	struct server *s = *state;
	const char *second;

	assert_true(http_ask_bytes(&s->place, two, sizeof(two) - 1, s->answer,
			sizeof(s->answer)) > 0);
	assert_int_equal(http_status(s->answer), 200);
	second = strstr(s->answer, "\r\n\r\nHTTP/1.1 200");
	assert_non_null(second);
	assert_non_null(strstr(second, "{\"hello\":\"you\"}"));
}

/* A request with a head of about head bytes and a body of body bytes. */
static int
status_of_size(struct server *s, size_t head, size_t body)
{
	char *request = malloc(head + body + 256);
	int n, status;

	assert_non_null(request);
	n = snprintf(request, 256,
	    "POST /size HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\nX-Fill: ",
	    body);
	memset(request + n, 'x', head);
	memcpy(request + n + head, "\r\n\r\n", 4);
	memset(request + n + head + 4, 'y', body);
	assert_true(http_ask_bytes(&s->place, request, (size_t)n + head + 4 + body,
			s->answer, sizeof(s->answer)) >= 0);
	status = http_status(s->answer);
	free(request);
	return status;
}

static void
heads_and_bodies_have_their_bounds(void **state)
{
	assert_int_equal(status_of_size(*state, 10, HTTP_BODY_BYTES), 200);
	assert_int_equal(status_of_size(*state, 10, HTTP_BODY_BYTES + 1), 413);
	assert_int_equal(status_of_size(*state, HTTP_HEADER_BYTES - 1024, 10), 200);
	assert_int_not_equal(status_of_size(*state, HTTP_HEADER_BYTES + 1, 10), 200);
	assert_int_equal(http_status(ask(*state, "GET", "/hello", "")), 200);
}

static void
malformed_requests_leave_the_server_alive(void **state)
{
	static const char *const bad[] = { "\r\n\r\n", "GET\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n",
		"GET http://[ HTTP/1.1\r\n\r\n",
		"POST /size HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST /size HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\n\r\n" };
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int fd = http_place_connect(&s->place);

		assert_int_not_equal(fd, -1);
		assert_int_equal(
		    send(fd, bad[i], strlen(bad[i]), MSG_NOSIGNAL), strlen(bad[i]));
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		assert_true(http_read_all(fd, s->answer, sizeof(s->answer)) >= 0);
		assert_int_not_equal(http_status(s->answer), 200);
		close(fd);
	}
	assert_int_equal(http_status(ask(s, "GET", "/hello", "")), 200);
}

static void
an_answer_may_come_later(void **state)
{
	static const char two[] =
	    "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
	    "HEAD /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	struct server *s = *state;
	const char *a = ask(s, "GET", "/later", "");

	assert_int_equal(http_status(a), 200);
	assert_non_null(strstr(a, "{\"late\":true}"));
	assert_true(http_ask_bytes(&s->place, two, sizeof(two) - 1, s->answer,
			sizeof(s->answer)) > 0);
	assert_non_null(strstr(s->answer, "{\"late\":true}HTTP/1.1 200"));
}

/* The clients go, each at another moment, before the answer that they asked for. */
static void
clients_that_do_not_wait_cost_nothing(void **state)
{
	static const char request[] = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
	struct server *s = *state;

	for (int i = 0; i < 200; i++) {
		const struct linger reset = { .l_onoff = i % 2, .l_linger = 0 };
		int fd = http_place_connect(&s->place);

		assert_int_not_equal(fd, -1);
		assert_int_equal(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL),
		    sizeof(request) - 1);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		if (i % 4 < 2)
			(void)shutdown(fd, SHUT_WR);
		close(fd);
	}
	assert_int_equal(http_status(ask(s, "GET", "/later", "")), 200);
}

/* evhttp would take such a body for the next request. */
static void
a_body_that_is_not_read_is_no_request(void **state)
{
	static const char *const methods[] = { "GET", "DELETE", "HEAD", "OPTIONS" };
	static const char inner[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		char request[512];
		int n = snprintf(request, sizeof(request),
		    "%s /hello HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
		    methods[i], sizeof(inner) - 1, inner);

		assert_true(http_ask_bytes(&s->place, request, (size_t)n, s->answer,
				sizeof(s->answer)) > 0);
		assert_int_equal(http_status(s->answer), 400);
		assert_null(strstr(s->answer, "{\"hello\""));
		n = snprintf(request, sizeof(request),
		    "%s /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "%zx\r\n%s\r\n0\r\n\r\n",
		    methods[i], sizeof(inner) - 1, inner);
		assert_true(http_ask_bytes(&s->place, request, (size_t)n, s->answer,
				sizeof(s->answer)) > 0);
		assert_int_equal(http_status(s->answer), 400);
		assert_null(strstr(s->answer, "{\"hello\""));
	}
}

static void
our_own_user_may_use_the_unix_socket(void **state)
{
	assert_int_equal(http_status(ask(*state, "GET", "/hello", "")), 200);
	assert_int_equal(http_status(ask(*state, "GET", "/hello", "")), 200);
}

/* In a child of another user: the bytes of the answer, or 255 for no end within the deadline. */
static int
ask_as(struct server *s, uid_t uid)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		ssize_t n;

		if (setgroups(0, NULL) == -1 || setgid(uid) == -1 || setuid(uid) == -1)
			_exit(254);
		n = http_ask(&s->place, "GET", "/hello", "", s->answer, sizeof(s->answer));
		_exit(n < 0 ? 255 : n > 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
strangers_are_closed_without_a_byte(void **state)
{
	if (geteuid() != 0) {
		print_message("not root: can't become another user\n");
		skip();
	}
	assert_int_equal(ask_as(*state, NOBODY), 0);
	assert_int_equal(ask_as(*state, 4242), 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask_as(*state, NOBODY), 0);
	assert_int_equal(http_status(ask(*state, "GET", "/hello", "")), 200);
}

/* Destroying a server takes its connections along, those not judged yet too. */
static void
a_server_is_destroyed_with_its_connections(void **state)
{
	const uid_t uids[] = { geteuid() };
	const struct http_options o = { routes, 1, NULL, uids, 1 };
	char dir[] = "/tmp/gatehouse-test-http-XXXXXX", path[64];
	struct event_base *base = event_base_new();
	struct http_server *s = NULL;
	struct http_place place;
	int fd, client[3];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	fd = http_place_listen(&place, path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(http_server_create(base, &o, &s), 0);
	assert_int_equal(http_server_listen(s, fd), 0);
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(client[i] = http_place_connect(&place), -1);
	assert_int_not_equal(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
	http_server_destroy(&s);
	assert_null(s);
	event_base_free(base);
	for (int i = 0; i < 3; i++) {
		char c;

		assert_true(recv(client[i], &c, 1, 0) <= 0);
		close(client[i]);
	}
	close(fd);
	unlink(path);
	rmdir(dir);
}

static struct http_deferred *kept;

static void
handle_keep(struct http_request *rq, void *arg)
{
	(void)arg;
	kept = http_defer(rq);
	assert_non_null(kept);
}

/* An answer that is still to come when the server ends: there is nobody to answer. */
static void
a_server_is_destroyed_with_its_deferred_answers(void **state)
{
	static const struct http_route keep = { EVHTTP_REQ_GET, "/keep", handle_keep };
	static const char request[] = "GET /keep HTTP/1.1\r\nHost: a\r\n\r\n";
	const struct http_options o = { &keep, 1, NULL, NULL, 0 };
	struct event_base *base = event_base_new();
	struct http_server *s = NULL;
	struct http_place place;
	struct http_request rq;
	int fd, client;

	(void)state;
	fd = http_place_listen(&place, NULL);
	assert_int_not_equal(fd, -1);
	assert_int_equal(http_server_create(base, &o, &s), 0);
	assert_int_equal(http_server_listen(s, fd), 0);
	assert_int_not_equal(client = http_place_connect(&place), -1);
	assert_int_equal(send(client, request, sizeof(request) - 1, MSG_NOSIGNAL),
	    sizeof(request) - 1);
	while (kept == NULL)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	http_server_destroy(&s);
	assert_false(http_resume(kept, &rq));
	event_base_free(base);
	close(client);
	close(fd);
}

#define TCP(test) cmocka_unit_test_setup_teardown(test, start_tcp, stop)
#define LOCAL(test) cmocka_unit_test_setup_teardown(test, start_unix, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TCP(a_known_path_is_answered_in_json_with_security_headers),
		TCP(an_unknown_path_is_404_in_json),
		TCP(a_path_that_ends_in_a_slash_stands_for_all_below_it),
		TCP(a_method_that_the_path_has_not_is_405_with_allow),
		TCP(patch_with_a_body_arrives),
		TCP(head_is_get_without_the_body),
		TCP(a_connection_is_kept_for_the_next_request),
		TCP(heads_and_bodies_have_their_bounds),
		TCP(malformed_requests_leave_the_server_alive),
		TCP(an_answer_may_come_later),
		TCP(clients_that_do_not_wait_cost_nothing),
		LOCAL(clients_that_do_not_wait_cost_nothing),
		TCP(a_body_that_is_not_read_is_no_request),
		LOCAL(our_own_user_may_use_the_unix_socket),
		LOCAL(strangers_are_closed_without_a_byte),
		cmocka_unit_test(a_server_is_destroyed_with_its_connections),
		cmocka_unit_test(a_server_is_destroyed_with_its_deferred_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
