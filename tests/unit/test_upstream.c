/* Requests whose sends are put off until the end of a turn, on a UNIX socket: what upstream's
 * kernel does not take of them then, and what of a connection that has ended meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <event2/event.h>

#include "tests/unit/tempdir.h"
#include "worker/upstream_conn.h"

enum { TURNS = 10000, PIECE = 1024, MUCH = 4 << 20 };

static const char BEGUN[] =
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n";
static const char WHOLE[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static int sent_flags; /* of the last send() */

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	sent_flags = flags;
	return __real_send(fd, p, n, flags);
}

struct road {
	struct tempdir *dir;
	struct config cfg;
	struct scoreboard_row row;
	struct worker_env env;
	struct upstream *up;
	struct upstream_call call;
	int listener, peer;
	int answered, failed, writable;
	size_t body_left; /* of the answer, bytes that are still to come */
	char *got;
};

static void
on_interim(void *arg, const struct http1_head *head)
{
	(void)arg;
	(void)head;
	fail();
}

static void
on_head(void *arg, const struct http1_head *head, bool end)
{
	struct road *r = arg;

	assert_int_equal(head->status, 200);
	r->answered += end;
}

static void
on_body(void *arg, struct span data, bool end)
{
	struct road *r = arg;

	assert_true(data.n <= r->body_left);
	r->body_left -= data.n;
	r->answered += end;
}

static void
on_flush(void *arg)
{
	(void)arg;
}

static void
on_writable(void *arg)
{
	((struct road *)arg)->writable++;
}

static void
on_fail(void *arg, enum upstream_failure f)
{
	(void)f;
	((struct road *)arg)->failed++;
}

static const struct upstream_ops ops = { on_interim, on_head, on_body, on_flush,
	on_writable, on_fail };

static int
setup(void **state)
{
	struct road *r = calloc(1, sizeof(*r));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	void *dir = NULL;

	assert_non_null(r);
	assert_int_equal(tempdir_make(&dir), 0);
	r->dir = dir;
	r->got = malloc(MUCH);
	assert_non_null(r->got);
	r->cfg = (struct config){ .max_buffered = 1 << 20,
		.workers = 1,
		.max_header = 16384,
		.upstream_timeout_ms = 60000,
		.upstream_idle_timeout_ms = 60000,
		.upstream_connect_timeout_ms = 10000 };
	r->env.cfg = &r->cfg;
	r->env.row = &r->row;
	assert_int_equal(env_init(&r->env), 0);
	r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	strncpy(addr.sun_path, r->dir->file, sizeof(addr.sun_path) - 1);
	assert_int_equal(
	    bind(r->listener, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(r->listener, 8), 0);
	assert_int_equal(upstream_create(&r->env, r->dir->file, false, &r->up), 0);
	r->peer = -1;
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct road *r = *state;
	void *dir = r->dir;

	upstream_cancel(&r->call);
	upstream_destroy(&r->up);
	assert_int_equal(r->env.io.kept, 0);
	env_fini(&r->env);
	close(r->peer);
	close(r->listener);
	free(r->got);
	free(r);
	return tempdir_remove(&dir);
}

static void
turn(struct road *r)
{
	assert_true(event_base_loop(r->env.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
	wire_io_flush(&r->env.io);
}

static void
start(struct road *r, const char *request, bool complete)
{
	const size_t n = strlen(request);
	char *held = malloc(n);

	assert_non_null(held);
	memcpy(held, request, n);
	env_hold(&r->env, n);
	assert_int_equal(
	    upstream_start(r->up, &r->call, &ops, r, HTTP_POST, held, n, complete), 0);
}

/* Turn until upstream can take a connection. */
static void
take_connection(struct road *r)
{
	r->peer = -1;
	for (int i = 0; i < TURNS && r->peer == -1; i++) {
		turn(r);
		r->peer = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK);
	}
	assert_int_not_equal(r->peer, -1);
	turn(r);
}

/* Read what has come behind the first n bytes. Returns how many there are then. */
static size_t
hear(struct road *r, size_t n)
{
	ssize_t got;

	while ((got = read(r->peer, r->got + n, MUCH - n)) > 0)
		n += (size_t)got;
	return n;
}

static void
assert_heard(struct road *r, const char *what)
{
	assert_int_equal(hear(r, 0), strlen(what));
	assert_memory_equal(r->got, what, strlen(what));
}

static void
answer(struct road *r)
{
	assert_int_equal(write(r->peer, ANSWER, strlen(ANSWER)), strlen(ANSWER));
	turn(r);
}

/* One request and its answer: from then on a connection waits in the pool. */
static void
leave_one_in_the_pool(struct road *r)
{
	start(r, WHOLE, true);
	take_connection(r);
	assert_heard(r, WHOLE);
	answer(r);
	assert_int_equal(r->answered, 1);
}

static void
pieces_that_got_stuck_go_on_when_they_are_read(void **state)
{
	struct road *r = *state;
	char piece[PIECE];
	size_t sent = 0, n = 0;

	start(r, BEGUN, false);
	take_connection(r);
	for (; !upstream_congested(&r->call); sent += PIECE) {
		assert_true(sent < MUCH / 2);
		memset(piece, 'a' + (int)(sent / PIECE % 26), PIECE);
		upstream_send(&r->call, &(struct span){ piece, PIECE }, 1, false);
		turn(r);
	}
	r->writable = 0;
	turn(r);
	assert_int_equal(r->writable, 0);
	for (int i = 0; i < TURNS && r->writable == 0; i++) {
		n = hear(r, n);
		turn(r);
	}
	assert_int_equal(r->writable, 1);
	assert_false(upstream_congested(&r->call));
	assert_int_equal(hear(r, n), strlen(BEGUN) + sent);
	for (size_t i = 0; i < sent; i++)
		assert_int_equal(r->got[strlen(BEGUN) + i], 'a' + (int)(i / PIECE % 26));
	assert_int_equal(r->failed, 0);
}

static void
a_request_put_off_as_its_connection_ends_goes_once_on_another(void **state)
{
	struct road *r = *state;

	leave_one_in_the_pool(r);
	start(r, WHOLE, true); /* on the same connection, but not sent yet */
	assert_heard(r, "");
	close(r->peer);
	take_connection(r);
	assert_heard(r, WHOLE);
	answer(r);
	assert_int_equal(r->answered, 2);
	assert_int_equal(r->failed, 0);
	assert_int_equal(accept4(r->listener, NULL, NULL, SOCK_NONBLOCK), -1);
}

static void
a_request_put_off_and_given_up_is_never_sent(void **state)
{
	struct road *r = *state;
	char byte;

	leave_one_in_the_pool(r);
	start(r, WHOLE, true);
	upstream_cancel(&r->call);
	turn(r);
	assert_heard(r, "");
	assert_int_equal(read(r->peer, &byte, 1), 0); /* and the connection has ended */
}

static void
an_upload_is_never_put_off_with_its_head(void **state)
{
	struct road *r = *state;

	leave_one_in_the_pool(r);
	start(r, BEGUN, false); /* can't be sent again, so it goes while its way is known */
	assert_heard(r, BEGUN);
}

static void
pieces_wait_behind_the_head_until_the_connection_stands(void **state)
{
	struct road *r = *state;
	const struct span first[] = { SPAN("5\r\n"), SPAN("hello"), SPAN("\r\n") };
	const struct span last[] = { { 0 }, { 0 }, SPAN("0\r\n\r\n") };
	static const char text[] = "5\r\nhello\r\n0\r\n\r\n";
	size_t n;

	start(r, BEGUN, false);
	upstream_send(&r->call, first, 3, false);
	upstream_send(&r->call, last, 3, true);
	take_connection(r);
	n = hear(r, 0);
	assert_int_equal(n, strlen(BEGUN) + strlen(text));
	assert_memory_equal(r->got + strlen(BEGUN), text, strlen(text));
	answer(r);
	assert_int_equal(r->answered, 1);
}

/* Of a client that sends a record now and then each byte goes on at once. */
static void
only_behind_what_fills_a_read_more_is_expected(void **state)
{
	static const struct {
		size_t n;
		bool last, more;
	} cases[] = { { 16 * 1024, false, false }, { 40 * 1024, false, false },
		{ 64 * 1024, false, true }, { 64 * 1024, true, false } };
	struct road *r = *state;
	size_t n;

	start(r, BEGUN, false);
	take_connection(r);
	n = hear(r, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *piece = calloc(1, cases[i].n);

		assert_non_null(piece);
		sent_flags = -1;
		upstream_send(
		    &r->call, &(struct span){ piece, cases[i].n }, 1, cases[i].last);
		assert_int_equal(
		    sent_flags, MSG_NOSIGNAL | (cases[i].more ? MSG_MORE : 0));
		free(piece);
		n = hear(r, n);
	}
}

/* Answer with that many bytes, as far as they are taken at once. Returns how many of them
 * are left to be said. */
static size_t
say_body(struct road *r, size_t n)
{
	ssize_t took = 0;

	memset(r->got, 'a', n);
	for (; n > 0 && took >= 0; n -= took > 0 ? (size_t)took : 0)
		took = write(r->peer, r->got, n);
	return n;
}

static void
only_who_keeps_up_has_long_reads(void **state)
{
	struct road *r = *state;
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n";
	size_t unsaid = r->body_left = 3000000;

	start(r, WHOLE, true);
	take_connection(r);
	assert_heard(r, WHOLE);
	assert_int_equal(write(r->peer, head, strlen(head)), strlen(head));
	for (int i = 0; i < TURNS && !pace_is_fast(&r->call.conn->pace); i++) {
		unsaid = say_body(r, unsaid);
		turn(r);
	}
	assert_true(pace_is_fast(&r->call.conn->pace));
	upstream_pause(&r->call);
	assert_false(pace_is_fast(&r->call.conn->pace));
	upstream_resume(&r->call);
	for (int i = 0; i < TURNS && r->answered == 0; i++) {
		unsaid = say_body(r, unsaid);
		turn(r);
	}
	assert_int_equal(r->answered, 1);
	assert_int_equal(r->body_left, 0);
	assert_true(r->up->idle->pace.stalled);

	start(r, WHOLE, true); /* for another client, of whom nothing is known */
	assert_false(r->call.conn->pace.stalled);
	assert_false(pace_is_fast(&r->call.conn->pace));
	turn(r);
	assert_heard(r, WHOLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    pieces_that_got_stuck_go_on_when_they_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_request_put_off_as_its_connection_ends_goes_once_on_another, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_request_put_off_and_given_up_is_never_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_upload_is_never_put_off_with_its_head, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    pieces_wait_behind_the_head_until_the_connection_stands, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    only_behind_what_fills_a_read_more_is_expected, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    only_who_keeps_up_has_long_reads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
