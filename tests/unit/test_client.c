/* Clients whose answers are put off until the end of a turn: what the kernel does not take of
 * them then, and what becomes of them when the connection ends in the same turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event.h>

#include "worker/client.h"

enum { SMALL_BUFFER = 4608, TURNS = 1000, MANY = 200 };

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char UPLOAD[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\npart";
/* small enough to be put off, and for some of them to fit into the kernel's buffer */
static const char ANSWER[] =
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 108\r\n\r\n"
    "Somebody asks much and reads nothing: what is said here waits for the end "
    "of the turn, and then to be read.\n";

/* A client whose every request is answered at once, as `how` says. */
struct house {
	struct config cfg;
	struct worker_env env;
	struct client_list list;
	int peer;
	void (*how)(struct client *c);
	size_t asked, closed;
	char got[MANY * sizeof(ANSWER)];
};

static struct house *house; /* the one under test; the callbacks are given none */

static void
answer_and_stay(struct client *c)
{
	client_end(c, &(struct client_bytes){ .head = { ANSWER, strlen(ANSWER) } }, true);
}

static void
answer_in_two_and_break_off(struct client *c)
{
	client_write(c, &(struct client_bytes){ .head = { ANSWER, strlen(ANSWER) } });
	client_abort(c, (struct span){ 0 }, false);
}

static void
on_head(struct client *c, const struct http1_head *head)
{
	(void)head;
	house->asked++;
	client_set_request(c, house);
	house->how(c);
}

static void
on_body(struct client *c, struct span data, bool end)
{
	(void)c;
	(void)data;
	(void)end;
}

static void
on_drained(struct client *c)
{
	(void)c;
}

static void
on_fault(struct client *c, enum client_fault f, enum http1_fault head)
{
	(void)c;
	(void)head;
	fail_msg("fault %d", (int)f);
}

static bool
on_gone(struct client *c)
{
	(void)c;
	return false;
}

static const struct client_ops ops = { on_head, on_body, on_drained, on_fault, on_gone };

static void
on_closed(void *arg, const struct addr *addr)
{
	(void)arg;
	(void)addr;
	house->closed++;
}

static int
setup(void **state)
{
	static const struct client_port port;
	static const struct addr addr;
	const int bytes = SMALL_BUFFER;
	int fd[2];

	house = calloc(1, sizeof(*house));
	assert_non_null(house);
	house->how = answer_and_stay;
	house->cfg = (struct config){ .max_header = 16384,
		.max_body = 1 << 20,
		.max_buffered = 1, /* reads are small from the first byte kept on */
		.workers = 1,
		.header_timeout_ms = 15000,
		.body_timeout_ms = 60000,
		.idle_timeout_ms = 75000 };
	house->env.cfg = &house->cfg;
	assert_int_equal(env_init(&house->env), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(
	    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	house->peer = fd[1];
	assert_int_equal(client_open(&house->env, &house->list, &port, &ops, fd[0], &addr,
			     on_closed, NULL),
	    0);
	*state = house;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	client_list_close(&house->list);
	assert_int_equal(house->closed, 1);
	assert_int_equal(house->env.io.kept, 0);
	env_fini(&house->env);
	close(house->peer);
	free(house);
	return 0;
}

/* One turn of the loop, up to its end. */
static void
deal(void)
{
	assert_true(event_base_loop(house->env.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
}

static void
turn(void)
{
	deal();
	wire_io_flush(&house->env.io);
}

static void
ask(size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(
		    write(house->peer, REQUEST, strlen(REQUEST)), strlen(REQUEST));
}

/* Read what has come behind the first n bytes. Returns how many there are then; *end_out: 0
 * at the end of file, else errno. */
static size_t
hear(size_t n, int *end_out)
{
	ssize_t r;

	while ((r = read(house->peer, house->got + n, sizeof(house->got) - n)) > 0)
		n += (size_t)r;
	*end_out = r == 0 ? 0 : errno;
	return n;
}

static void
assert_answers(size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(
		    house->got + i * strlen(ANSWER), ANSWER, strlen(ANSWER));
}

/* Ask, without reading, until the kernel takes no more. Returns how often. */
static size_t
fill_up(void)
{
	const struct client *c = house->list.first;

	while (client_pending(c) == 0) {
		assert_true(house->asked < MANY);
		ask(1);
		turn();
	}
	return house->asked;
}

static void
what_got_stuck_goes_on_when_it_is_read(void **state)
{
	size_t asked, n = 0;
	int end;

	(void)state;
	asked = fill_up();
	for (int i = 0; i < TURNS && n < asked * strlen(ANSWER); i++) {
		n = hear(n, &end);
		turn();
	}
	assert_int_equal(n, asked * strlen(ANSWER));
	assert_int_equal(end, EAGAIN);
	assert_answers(asked);
	ask(1); /* and the connection is as good as ever */
	turn();
	assert_int_equal(hear(0, &end), strlen(ANSWER));
}

static void
who_does_not_read_is_not_answered_more(void **state)
{
	struct client *c = house->list.first;
	size_t n = 0;
	int end;

	(void)state;
	ask(MANY);
	for (int i = 0; i < TURNS && client_pending(c) == 0; i++)
		turn();
	assert_in_range(client_pending(c), 1, strlen(ANSWER));
	assert_true(house->asked < MANY);
	for (int i = 0; i < TURNS && n < MANY * strlen(ANSWER); i++) {
		n = hear(n, &end);
		turn();
		assert_true(client_pending(c) <= strlen(ANSWER));
	}
	assert_int_equal(house->asked, MANY);
	assert_answers(MANY);
}

static void
a_drain_in_the_same_turn_waits_for_the_answer_to_be_read(void **state)
{
	size_t full, n = 0;
	int end = EAGAIN;

	/* how many fit is learnt from a connection of the same kind */
	full = fill_up();
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	while (house->asked < full - 1) {
		ask(1);
		turn();
	}
	assert_int_equal(client_pending(house->list.first), 0);

	ask(1);
	deal();
	house->env.draining = true;
	client_list_drain(&house->list);
	wire_io_flush(&house->env.io);
	for (int i = 0; i < TURNS && n < full * strlen(ANSWER) && end != 0; i++) {
		n = hear(n, &end);
		turn();
	}
	assert_int_equal(n, full * strlen(ANSWER));
	assert_answers(full);
}

static void
a_drain_in_the_same_turn_closes_behind_the_answer(void **state)
{
	int end;

	(void)state;
	ask(1);
	deal();
	house->env.draining = true;
	client_list_drain(&house->list);
	assert_int_equal(hear(0, &end), strlen(ANSWER));
	assert_int_equal(end, 0);
	assert_answers(1);
}

static void
what_was_said_before_breaking_off_is_heard(void **state)
{
	int end;

	(void)state;
	/* a part of the request is missing, so that what still comes is waited for */
	house->how = answer_in_two_and_break_off;
	assert_int_equal(write(house->peer, UPLOAD, strlen(UPLOAD)), strlen(UPLOAD));
	turn();
	assert_int_equal(hear(0, &end), strlen(ANSWER));
	assert_int_equal(end, 0);
	assert_answers(1);
}

static void
what_was_said_before_all_are_closed_is_heard(void **state)
{
	int end;

	(void)state;
	ask(1);
	deal();
	client_list_close(&house->list);
	assert_int_equal(hear(0, &end), strlen(ANSWER));
	assert_int_equal(end, 0);
	assert_answers(1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_got_stuck_goes_on_when_it_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    who_does_not_read_is_not_answered_more, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_drain_in_the_same_turn_waits_for_the_answer_to_be_read, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_drain_in_the_same_turn_closes_behind_the_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_said_before_breaking_off_is_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_said_before_all_are_closed_is_heard, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
