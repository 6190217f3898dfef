/* Sends that are put off until the end of a turn: when they go out, in which order, and what
 * their owner hears of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event.h>

#include "worker/wire.h"

enum { SMALL_BUFFER = 4608, MUCH = 64 * 1024, FILLING = 1024 };

static bool no_memory; /* the next realloc() fails */

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *
__wrap_realloc(void *p, size_t n)
{
	if (!no_memory)
		return __real_realloc(p, n);
	no_memory = false;
	return NULL;
}

struct end {
	struct wire wire;
	struct event *stuck;
	int peer;
	int told; /* how often the owner has been told */
};

struct turn {
	struct event_base *base;
	struct wire_io io;
	struct end a, b;
	char got[2 * MUCH];
};

static struct span
text(const char *s)
{
	return (struct span){ s, strlen(s) };
}

static int
say(struct end *e, struct span what)
{
	return wire_write(&e->wire, what, (struct span){ 0 });
}

static void
on_stuck(evutil_socket_t fd, short what, void *arg)
{
	struct end *e = arg;

	(void)fd;
	assert_int_equal(what, EV_WRITE);
	e->told++;
}

static void
end_open(struct turn *t, struct end *e)
{
	const int bytes = SMALL_BUFFER;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(
	    setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	assert_int_equal(wire_init(&e->wire, &t->io, fd[0], NULL), 0);
	e->peer = fd[1];
	e->stuck = event_new(t->base, fd[0], EV_WRITE | EV_PERSIST, on_stuck, e);
	assert_non_null(e->stuck);
	e->wire.on_stuck = e->stuck;
}

static void
end_close(struct end *e)
{
	wire_fini(&e->wire, false);
	event_free(e->stuck);
	if (e->peer != -1)
		close(e->peer);
}

static int
setup(void **state)
{
	struct turn *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	(void)signal(SIGPIPE, SIG_DFL); /* no send may raise it */
	t->base = event_base_new();
	assert_non_null(t->base);
	assert_int_equal(wire_io_init(&t->io, SIZE_MAX), 0);
	end_open(t, &t->a);
	end_open(t, &t->b);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct turn *t = *state;

	end_close(&t->a);
	end_close(&t->b);
	assert_int_equal(t->io.kept, 0);
	wire_io_fini(&t->io);
	event_base_free(t->base);
	free(t);
	return 0;
}

/* Read what the peer of an end can read now into t->got, behind the first n bytes. Returns how
 * many there are then. */
static size_t
read_on(struct turn *t, const struct end *e, size_t n)
{
	ssize_t r;

	while ((r = read(e->peer, t->got + n, sizeof(t->got) - n)) > 0)
		n += (size_t)r;
	return n;
}

static struct span
heard(struct turn *t, const struct end *e)
{
	return (struct span){ t->got, read_on(t, e, 0) };
}

static void
assert_heard(struct turn *t, const struct end *e, const char *what)
{
	const struct span s = heard(t, e);

	assert_int_equal(s.n, strlen(what));
	assert_memory_equal(s.p, what, s.n);
}

/* The end of a turn, and what comes of it. */
static void
end_turn(struct turn *t)
{
	wire_io_flush(&t->io);
	assert_true(event_base_loop(t->base, EVLOOP_NONBLOCK) >= 0);
}

static void
it_goes_out_at_the_end_of_the_turn(void **state)
{
	struct turn *t = *state;

	assert_int_equal(say(&t->a, text("one ")), 0);
	assert_int_equal(say(&t->b, text("to b")), 0);
	assert_int_equal(say(&t->a, text("two")), 0);
	assert_heard(t, &t->a, "");
	assert_heard(t, &t->b, "");
	assert_int_equal(t->a.wire.sent, 0); /* upstream may be asked again */
	end_turn(t);
	assert_heard(t, &t->a, "one two");
	assert_heard(t, &t->b, "to b");
	assert_int_equal(t->a.wire.sent, 7);
	end_turn(t);
	assert_heard(t, &t->a, "");
	assert_int_equal(t->a.told + t->b.told, 0);
}

static void
nobody_to_tell_nothing_put_off(void **state)
{
	struct turn *t = *state;

	t->a.wire.on_stuck = NULL;
	assert_int_equal(say(&t->a, text("now")), 0);
	assert_heard(t, &t->a, "now");
}

static void
what_can_not_wait_takes_the_rest_along(void **state)
{
	static char much[MUCH];
	struct turn *t = *state;
	struct span s, none = { 0 };

	memset(much, 'm', sizeof(much));
	assert_int_equal(say(&t->a, text("first ")), 0);
	assert_int_equal(say(&t->b, text("to b")), 0);
	assert_int_equal(say(&t->a, (struct span){ much, WIRE_LATER_PIECE + 1 }), 0);
	assert_heard(t, &t->b, "to b");
	s = heard(t, &t->a);
	assert_true(s.n > 6);
	assert_memory_equal(s.p, "first m", 7);

	assert_int_equal(say(&t->b, text("and ")), 0);
	assert_int_equal(wire_write_last(&t->b.wire, text("good-bye"), none), 0);
	assert_heard(t, &t->b, "and good-bye");
	assert_int_equal(say(&t->b, text("or ")), 0);
	assert_int_equal(wire_write_last(&t->b.wire, none, none), 0);
	assert_heard(t, &t->b, "or ");
}

static void
what_is_asked_goes_before_an_answer_is_read(void **state)
{
	struct turn *t = *state;
	struct span s;

	assert_int_equal(say(&t->a, text("question")), 0);
	assert_int_equal(wire_read(&t->a.wire, &s), -EAGAIN);
	assert_heard(t, &t->a, "question");
	assert_int_equal(say(&t->a, text("another")), 0);
	assert_int_equal(wire_flush(&t->a.wire), 0);
	assert_heard(t, &t->a, "another");
}

static void
no_more_is_put_off_than_there_is_room_for(void **state)
{
	static char piece[WIRE_LATER_PIECE];
	struct turn *t = *state;

	for (int i = 0; i < WIRE_LATER_MAX; i++)
		assert_int_equal(say(i % 2 == 0 ? &t->a : &t->b, text("x")), 0);
	assert_heard(t, &t->a, "");
	assert_int_equal(say(&t->a, text("y")), 0);
	assert_heard(t, &t->a, "xxxxxxxx");
	assert_heard(t, &t->b, "xxxxxxxx");
	end_turn(t);
	assert_heard(t, &t->a, "y");

	memset(piece, 'p', sizeof(piece));
	for (int i = 0; i < WIRE_LATER_BYTES / WIRE_LATER_PIECE; i++)
		assert_int_equal(say(&t->b, (struct span){ piece, sizeof(piece) }), 0);
	assert_heard(t, &t->b, "");
	assert_int_equal(say(&t->b, text("x")), 0);
	assert_true(heard(t, &t->b).n > 0);
	end_turn(t);
	assert_int_equal(wire_flush(&t->b.wire), 0);
}

/* Fill the kernel's buffer to the last byte, by puts of what may be put off. */
static void
fill(struct turn *t, struct end *e, size_t *n_out)
{
	static char piece[FILLING];

	memset(piece, 'f', sizeof(piece));
	for (*n_out = 0; wire_pending(&e->wire) == 0; *n_out += sizeof(piece)) {
		assert_true(*n_out < MUCH);
		assert_int_equal(say(e, (struct span){ piece, sizeof(piece) }), 0);
		wire_io_flush(&t->io);
	}
}

static void
its_owner_hears_that_the_kernel_took_not_all(void **state)
{
	struct turn *t = *state;
	size_t n, got = 0;

	fill(t, &t->a, &n);
	assert_int_equal(t->a.told, 0); /* from the loop, never from within a send */
	assert_int_equal(say(&t->b, text("to b")), 0);
	end_turn(t);
	assert_int_equal(t->a.told, 1);
	assert_int_equal(t->b.told, 0);
	assert_heard(t, &t->b, "to b");

	/* what waits already is not overtaken */
	assert_int_equal(say(&t->a, text("end")), 0);
	for (int i = 0; i < MUCH && wire_pending(&t->a.wire) > 0; i++) {
		got = read_on(t, &t->a, got);
		assert_int_equal(wire_flush(&t->a.wire), 0);
	}
	assert_int_equal(read_on(t, &t->a, got), n + 3);
	assert_memory_equal(t->got + n - 1, "fend", 4);
}

static void
its_owner_hears_that_it_failed(void **state)
{
	struct turn *t = *state;

	close(t->a.peer);
	t->a.peer = -1;
	assert_int_equal(say(&t->a, text("is anybody there")), 0);
	assert_int_equal(say(&t->b, text("to b")), 0);
	end_turn(t);
	assert_int_equal(t->a.told, 1);
	assert_heard(t, &t->b, "to b");
	assert_int_equal(wire_flush(&t->a.wire), -EPIPE);
	assert_int_equal(say(&t->a, text("no")), -EPIPE);
	assert_int_equal(t->a.wire.sent, 0);
}

/* What the kernel does not take can't be kept: behind that gap nothing more may be said. */
static void
nothing_is_sent_behind_what_was_lost(void **state)
{
	struct turn *t = *state;
	struct span none = { 0 };
	size_t n;

	/* a full buffer, and nothing that waits: what fitted last makes room for what did not */
	fill(t, &t->a, &n);
	assert_int_equal(read(t->a.peer, t->got, FILLING), FILLING);
	assert_int_equal(wire_flush(&t->a.wire), 0);
	assert_int_equal(wire_pending(&t->a.wire), 0);

	assert_int_equal(say(&t->a, text("lost")), 0);
	assert_int_equal(say(&t->b, text("to b")), 0);
	assert_int_equal(say(&t->a, text("behind")), 0);
	no_memory = true;
	end_turn(t);
	assert_false(no_memory);
	assert_int_equal(t->a.told, 1);
	assert_heard(t, &t->b, "to b");
	assert_int_equal(heard(t, &t->a).n, n - FILLING);
	assert_int_equal(wire_flush(&t->a.wire), -ENOMEM);
	assert_int_equal(say(&t->a, text("more")), -ENOMEM);
	assert_int_equal(wire_write_last(&t->a.wire, none, none), -ENOMEM);
	assert_heard(t, &t->a, "");
}

static void
what_is_closed_says_nothing_more(void **state)
{
	struct turn *t = *state;

	assert_int_equal(say(&t->b, text("never")), 0);
	assert_int_equal(say(&t->a, text("before ")), 0);
	assert_int_equal(say(&t->b, text("again")), 0);
	assert_int_equal(say(&t->a, text("after")), 0);
	wire_fini(&t->b.wire, false);
	end_turn(t);
	assert_heard(t, &t->a, "before after");
	assert_heard(t, &t->b, "");
	assert_int_equal(t->b.told, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    it_goes_out_at_the_end_of_the_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    nobody_to_tell_nothing_put_off, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_can_not_wait_takes_the_rest_along, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_asked_goes_before_an_answer_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    no_more_is_put_off_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    its_owner_hears_that_the_kernel_took_not_all, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    its_owner_hears_that_it_failed, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    nothing_is_sent_behind_what_was_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_closed_says_nothing_more, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
