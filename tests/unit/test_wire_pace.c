/* How much is read at once, in how many packets it goes on, and what the kernel is told of
 * what follows. */
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
#include <event2/event.h>

#include "tests/unit/wire_case.h"
#include "worker/pace.h"

enum {
	PACKET = 45 * 1448, /* what segmentation offload takes at once, over Ethernet */
	FRAMING = 16,       /* a long chunk's size and line ends */
	MUCH = 2 << 20,
	SENDS_MAX = 64
};

static size_t room;   /* that the last recv() had */
static size_t supply; /* not 0: the next recv() finds so many bytes, whatever they are */
static bool swallowing; /* sends are noted and thrown away, as if the kernel took all */
static size_t n_sends;  /* since watch_sends() */
static struct {
	size_t n;
	bool more; /* MSG_MORE */
} sends[SENDS_MAX];

ssize_t __real_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

ssize_t
__wrap_recv(int fd, void *p, size_t n, int flags)
{
	size_t got = supply < n ? supply : n;

	room = n;
	if (supply == 0)
		return __real_recv(fd, p, n, flags);
	memset(p, 'x', got);
	supply -= got;
	return (ssize_t)got;
}

static void
note_send(size_t n, int flags)
{
	if (!swallowing)
		return;
	assert_true(n_sends < SENDS_MAX);
	sends[n_sends].n = n;
	sends[n_sends++].more = (flags & MSG_MORE) != 0;
}

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	note_send(n, flags);
	return swallowing ? (ssize_t)n : __real_send(fd, p, n, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	size_t n = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		n += msg->msg_iov[i].iov_len;
	note_send(n, flags);
	return swallowing ? (ssize_t)n : __real_sendmsg(fd, msg, flags);
}

/* From here on sends are noted, and reach nobody. */
static void
watch_sends(void)
{
	swallowing = true;
	n_sends = 0;
}

struct ends {
	struct wire_case tls;
	struct wire_io here_io, there_io;
	struct wire here, there; /* the one that is looked at, and its peer */
	char *data;              /* MUCH bytes */
};

static int
group_setup(void **state)
{
	struct ends *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	wire_case_make(&e->tls);
	e->data = calloc(1, MUCH);
	assert_non_null(e->data);
	*state = e;
	return 0;
}

static int
group_teardown(void **state)
{
	struct ends *e = *state;
	const int r = wire_case_remove(&e->tls);

	free(e->data);
	free(e);
	return r;
}

static void
begin(struct ends *e, bool tls, size_t kept_max)
{
	int fd[2];

	assert_int_equal(wire_io_init(&e->here_io, kept_max), 0);
	assert_int_equal(wire_io_init(&e->there_io, SIZE_MAX), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(wire_init(&e->here, &e->here_io, fd[0],
			     tls ? tls_server_new(e->tls.server) : NULL),
	    0);
	assert_int_equal(wire_init(&e->there, &e->there_io, fd[1],
			     tls ? tls_client_new(e->tls.client) : NULL),
	    0);
	if (tls)
		wire_case_shake_hands(&e->here, &e->there);
}

static void
finish(struct ends *e)
{
	swallowing = false;
	supply = 0;
	wire_fini(&e->here, false);
	wire_fini(&e->there, false);
	wire_io_fini(&e->here_io);
	wire_io_fini(&e->there_io);
}

/* The peer says n bytes. */
static void
hear(struct ends *e, size_t n)
{
	const struct span said = { e->data, n };

	assert_int_equal(wire_send(&e->there, &said, 1, WIRE_OPEN), 0);
	assert_int_equal(wire_pending(&e->there), 0);
}

/* One read; returns the bytes that it brought, 0 where they are no whole record yet. */
static size_t
read_once(struct ends *e, bool much)
{
	struct wire_bytes got = { 0 };
	const int r = wire_read_bytes(&e->here, much, &got);

	assert_true(r == 0 || r == -EAGAIN);
	return got.n;
}

/* --- reading --- */

static void
a_read_takes_64_kib_or_much_more(void **state)
{
	struct ends *e = *state;

	for (int tls = 0; tls < 2; tls++) {
		begin(e, tls, SIZE_MAX);
		hear(e, 90000);
		assert_in_range(read_once(e, false), 3 * 16384, 4 * 16384);
		assert_in_range(room, 65000, 66000);
		assert_in_range(read_once(e, true), 90000 - 4 * 16384, 90000 - 3 * 16384);
		assert_in_range(room, 256 * 1024, 512 * 1024);
		finish(e);
	}
}

static void
with_little_memory_every_read_is_small(void **state)
{
	struct ends *e = *state;

	for (int tls = 0; tls < 2; tls++) {
		begin(e, tls, 1000);
		e->here_io.kept = 1000;
		hear(e, 10000);
		(void)read_once(e, true);
		assert_int_equal(room, 4096);
		e->here_io.kept = 0;
		finish(e);
	}
}

static void
a_body_is_fast_once_it_has_filled_a_read(void **state)
{
	struct pace p = { 0 };

	(void)state;
	assert_false(pace_is_fast(&p));
	pace_read(&p, 1000);
	assert_false(pace_is_fast(&p));
	pace_read(&p, 4 * 16384);
	assert_true(pace_is_fast(&p));
	pace_read(&p, 1000);
	assert_true(pace_is_fast(&p));
}

static void
a_body_that_had_to_wait_is_slow_for_long(void **state)
{
	struct pace p = { 0 };
	size_t n = 0;

	(void)state;
	pace_read(&p, 4 * 16384);
	pace_stall(&p);
	for (; !pace_is_fast(&p); n += 3 * 16384) {
		assert_true(n < 10 << 20);
		pace_read(&p, 3 * 16384);
	}
	assert_true(n >= 3 << 20);
	for (int i = 0; i < 1000; i++)
		pace_read(&p, 4 * 16384);
	assert_true(pace_is_fast(&p));
	pace_stall(&p);
	assert_false(pace_is_fast(&p));
}

/* --- sending --- */

/* Pass a read's worth on in a chunk; how many bytes were sent, in one send. */
static size_t
pass_on(struct ends *e, size_t n)
{
	static const char framing[FRAMING];
	const struct span pieces[] = { { framing, FRAMING - 2 }, { e->data, n },
		{ framing, 2 } };

	watch_sends();
	assert_int_equal(wire_send(&e->here, pieces, 3, WIRE_OPEN), 0);
	assert_int_equal(n_sends, 1);
	return sends[0].n;
}

static void
what_a_read_brings_fills_whole_packets(void **state)
{
	struct ends *e = *state;
	size_t brings[2];

	begin(e, false, SIZE_MAX);
	supply = MUCH;
	brings[0] = read_once(e, false);
	assert_int_equal(brings[0], room);
	brings[1] = read_once(e, true);
	assert_int_equal(brings[1], room);
	finish(e);

	begin(e, true, SIZE_MAX);
	(void)pass_on(e, 1); /* the ticket goes with it */
	assert_in_range(pass_on(e, brings[0]), PACKET - 100, PACKET);
	assert_in_range(pass_on(e, brings[1]), 8 * PACKET - 100, 8 * PACKET);
	finish(e);
}

static void
the_kernel_is_told_that_more_follows(void **state)
{
	struct ends *e = *state;
	const struct span some = { e->data, 20000 };
	static const enum wire_next next[] = { WIRE_OPEN, WIRE_MORE, WIRE_LAST };

	for (int tls = 0; tls < 2; tls++) {
		begin(e, tls, SIZE_MAX);
		watch_sends();
		for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
			assert_int_equal(wire_send(&e->here, &some, 1, next[i]), 0);
		assert_int_equal(n_sends, 3);
		assert_false(sends[0].more);
		assert_true(sends[1].more);
		assert_false(sends[2].more);
		finish(e);
	}
}

static void
of_a_long_write_all_sends_but_the_last_have_more_behind_them(void **state)
{
	struct ends *e = *state;
	const struct span much = { e->data, MUCH };

	begin(e, true, SIZE_MAX);
	watch_sends();
	assert_int_equal(wire_send(&e->here, &much, 1, WIRE_OPEN), 0);
	assert_true(n_sends > 1);
	for (size_t i = 0; i < n_sends; i++)
		assert_int_equal(sends[i].more, i < n_sends - 1);
	finish(e);
}

static void
on_stuck(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* What is put off goes out first, and goes out alone: nobody knows what follows it. */
static void
what_has_more_behind_it_is_not_put_off(void **state)
{
	struct ends *e = *state;
	const struct span small = { e->data, 1000 };
	struct event_base *base = event_base_new();

	begin(e, false, SIZE_MAX);
	watch_sends();
	e->here.on_stuck = event_new(base, e->here.fd, EV_WRITE, on_stuck, NULL);
	assert_int_equal(wire_send(&e->here, &small, 1, WIRE_OPEN), 0);
	assert_int_equal(n_sends, 0);
	assert_int_equal(wire_send(&e->here, &small, 1, WIRE_MORE), 0);
	assert_int_equal(n_sends, 2);
	assert_false(sends[0].more);
	assert_true(sends[1].more);
	event_free(e->here.on_stuck);
	event_base_free(base);
	finish(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_takes_64_kib_or_much_more),
		cmocka_unit_test(with_little_memory_every_read_is_small),
		cmocka_unit_test(a_body_is_fast_once_it_has_filled_a_read),
		cmocka_unit_test(a_body_that_had_to_wait_is_slow_for_long),
		cmocka_unit_test(what_a_read_brings_fills_whole_packets),
		cmocka_unit_test(the_kernel_is_told_that_more_follows),
		cmocka_unit_test(
		    of_a_long_write_all_sends_but_the_last_have_more_behind_them),
		cmocka_unit_test(what_has_more_behind_it_is_not_put_off),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
