/* Both ends of a connection in one process, over socket pairs: partial writes, ends of
 * every kind, TLS beside plain, and what TLS says on its own account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "tests/unit/wire_case.h"

enum { MANY = 3 << 20, TURNS = 100000 };

#define NOTHING ((struct span){ 0 })

/* The server's and the client's end; each has buffers of its own, as two workers. */
struct ends {
	struct wire_case tls;
	struct wire_io server_io, client_io;
	struct wire server, client;
};

static int
group_setup(void **state)
{
	struct ends *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	wire_case_make(&e->tls);
	assert_int_equal(wire_io_init(&e->server_io, SIZE_MAX), 0);
	assert_int_equal(wire_io_init(&e->client_io, SIZE_MAX), 0);
	*state = e;
	return 0;
}

static int
group_teardown(void **state)
{
	struct ends *e = *state;
	int r;

	wire_io_fini(&e->server_io);
	wire_io_fini(&e->client_io);
	r = wire_case_remove(&e->tls);
	free(e);
	return r;
}

static void
socket_pair(int fd[2], int send_buffer)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	for (int i = 0; i < 2 && send_buffer > 0; i++)
		assert_int_equal(setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &send_buffer,
				     sizeof(send_buffer)),
		    0);
}

static void
begin_plain(struct ends *e, int send_buffer)
{
	int fd[2];

	socket_pair(fd, send_buffer);
	assert_int_equal(wire_init(&e->server, &e->server_io, fd[0], NULL), 0);
	assert_int_equal(wire_init(&e->client, &e->client_io, fd[1], NULL), 0);
}

/* Both ends with TLS, no handshake yet. */
static void
begin_tls(struct ends *e, int version, int send_buffer)
{
	SSL *server = tls_server_new(e->tls.server),
	    *client = tls_client_new(e->tls.client);
	int fd[2];

	socket_pair(fd, send_buffer);
	SSL_set_max_proto_version(client, version);
	assert_int_equal(wire_init(&e->server, &e->server_io, fd[0], server), 0);
	assert_int_equal(wire_init(&e->client, &e->client_io, fd[1], client), 0);
}

static void
begin(struct ends *e, int version, int send_buffer)
{
	if (version == 0) {
		begin_plain(e, send_buffer);
		return;
	}
	begin_tls(e, version, send_buffer);
	wire_case_shake_hands(&e->server, &e->client);
}

static void
finish(struct ends *e)
{
	wire_fini(&e->server, false);
	wire_fini(&e->client, false);
	assert_int_equal(ERR_peek_error(), 0);
}

static const int versions[] = { 0, TLS1_2_VERSION, TLS1_3_VERSION }; /* 0: plain */
enum { VERSIONS = sizeof(versions) / sizeof(versions[0]) };

/* Read until n bytes have come into out. */
static void
read_all(struct wire *w, char *out, size_t n)
{
	size_t got = 0;

	while (got < n) {
		struct span s;
		int r = wire_read(w, &s);

		if (r == -EAGAIN)
			continue; /* part of a record */
		assert_int_equal(r, 0);
		assert_true(s.n > 0 && s.n <= n - got);
		memcpy(out + got, s.p, s.n);
		got += s.n;
	}
}

static char *
random_bytes(size_t n)
{
	char *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)rand();
	return p;
}

static void
assert_says(struct wire *w, const char *text)
{
	struct span s;

	assert_int_equal(wire_read(w, &s), 0);
	assert_true(span_eq(s, span_of(text)));
}

/* --- data --- */

static void
head_and_body_arrive_as_one(void **state)
{
	struct ends *e = *state;

	for (int v = 0; v < VERSIONS; v++) {
		begin(e, versions[v], 0);
		assert_int_equal(wire_write(&e->server, SPAN("head"), SPAN("body")), 0);
		assert_int_equal(wire_pending(&e->server), 0);
		assert_says(&e->client, "headbody");
		assert_int_equal(wire_write(&e->client, NOTHING, SPAN("b")), 0);
		assert_says(&e->server, "b");
		assert_int_equal(wire_write(&e->client, SPAN("h"), NOTHING), 0);
		assert_says(&e->server, "h");
		assert_int_equal(wire_write(&e->client, NOTHING, NOTHING), 0);
		assert_int_equal(wire_read(&e->server, &(struct span){ 0 }), -EAGAIN);
		finish(e);
	}
}

/* Small pieces around a large one cost no record of their own. */
static void
pieces_fill_records(void **state)
{
	enum { RECORD = 16384, OVERHEAD = 22, LARGE = 3 * RECORD };
	struct ends *e = *state;
	char *data = random_bytes(LARGE);
	const struct span pieces[] = { SPAN("c000\r\n"), { data, LARGE - 8 },
		SPAN("\r\n") };
	struct span got;

	begin(e, TLS1_3_VERSION, 0);
	assert_int_equal(wire_write(&e->server, SPAN("ticket"), NOTHING), 0);
	assert_says(&e->client, "ticket");
	e->server.sent = 0;
	assert_int_equal(wire_send(&e->server, pieces, 3, WIRE_OPEN), 0);
	assert_int_equal(e->server.sent, LARGE + 3 * OVERHEAD);
	assert_int_equal(wire_read(&e->client, &got), 0);
	assert_int_equal(got.n, LARGE);
	assert_memory_equal(got.p, "c000\r\n", 6);
	assert_memory_equal(got.p + 6, data, LARGE - 8);
	assert_memory_equal(got.p + LARGE - 2, "\r\n", 2);
	finish(e);
	free(data);
}

/* Write all, the other end reading now and then, and compare. */
static void
push_through(struct ends *e, const char *data, size_t n)
{
	char *got = malloc(n);
	size_t written = 0, read = 0;
	bool was_pending = false;

	assert_non_null(got);
	while (read < n) {
		size_t piece = (size_t)rand() % 100000;
		size_t head = piece > 0 ? (size_t)rand() % piece : 0;
		size_t body = piece > head ? (size_t)rand() % (piece - head) : 0;
		struct span s;
		int r;

		if (piece > n - written)
			piece = head = n - written, body = 0;
		/* also behind what is pending: order holds */
		if (wire_pending(&e->server) < 300000) {
			const char *p = data + written;
			const struct span pieces[] = { { p, head }, { p + head, body },
				{ p + head + body, piece - head - body } };

			assert_int_equal(wire_send(&e->server, pieces, 3, WIRE_OPEN), 0);
			written += piece;
		}
		was_pending = was_pending || wire_pending(&e->server) > 0;
		r = wire_read(&e->client, &s);
		assert_true(r == 0 || r == -EAGAIN);
		if (r == 0) {
			assert_true(s.n <= n - read);
			memcpy(got + read, s.p, s.n);
			read += s.n;
		}
		assert_int_equal(wire_flush(&e->server), 0);
	}
	assert_true(was_pending);
	assert_int_equal(wire_pending(&e->server), 0);
	assert_null(e->server.pending); /* an idle connection keeps nothing */
	assert_memory_equal(data, got, n);
	free(got);
}

static void
megabytes_go_through_a_small_socket_byte_for_byte(void **state)
{
	struct ends *e = *state;
	char *data = random_bytes(MANY);

	for (int v = 0; v < VERSIONS; v++) {
		begin(e, versions[v], 8192);
		push_through(e, data, MANY);
		finish(e);
	}
	free(data);
}

static void
a_peer_that_wants_short_records_gets_all(void **state)
{
	enum { LARGE = 100000 };
	struct ends *e = *state;
	char *data = random_bytes(LARGE), *got = malloc(4 + LARGE);

	assert_non_null(got);
	for (int v = 1; v < VERSIONS; v++) {
		begin_tls(e, versions[v], 0);
		assert_int_equal(SSL_set_tlsext_max_fragment_length(
				     e->client.ssl, TLSEXT_max_fragment_length_512),
		    1);
		wire_case_shake_hands(&e->server, &e->client);
		assert_int_equal(
		    wire_write(&e->server, SPAN("head"), (struct span){ data, LARGE }), 0);
		read_all(&e->client, got, 4 + LARGE);
		assert_memory_equal(got, "head", 4);
		assert_memory_equal(got + 4, data, LARGE);
		finish(e);
	}
	free(data);
	free(got);
}

static void
what_the_kernel_took_is_counted(void **state)
{
	struct ends *e = *state;
	char *data = random_bytes(MANY);
	uint64_t before;

	begin(e, 0, 8192);
	assert_int_equal(wire_write(&e->server, NOTHING, (struct span){ data, MANY }), 0);
	before = e->server.sent;
	assert_int_equal(before + wire_pending(&e->server), MANY);
	assert_true(before > 0 && before < MANY);
	read_all(&e->client, data, before);
	assert_int_equal(wire_flush(&e->server), 0);
	assert_int_equal(e->server.sent + wire_pending(&e->server), MANY);
	assert_true(e->server.sent > before);
	finish(e);
	free(data);
}

static void
what_the_kernel_did_not_take_is_accounted_for_and_makes_reads_small(void **state)
{
	struct ends *e = *state;
	char *data = random_bytes(MANY);
	struct span s;

	begin(e, 0, 8192);
	assert_int_equal(e->server_io.kept, 0);
	assert_int_equal(wire_write(&e->server, NOTHING, (struct span){ data, MANY }), 0);
	assert_int_equal(e->server_io.kept, e->server.pending_cap);
	assert_true(e->server_io.kept >= wire_pending(&e->server));
	e->server_io.kept_max = e->server_io.kept;
	assert_int_equal(wire_write(&e->client, (struct span){ data, 6000 }, NOTHING), 0);
	assert_int_equal(wire_read(&e->server, &s), 0);
	assert_true(s.n > 0 && s.n <= 4096);
	e->server_io.kept_max = SIZE_MAX;
	assert_int_equal(wire_read(&e->server, &s), 0);
	assert_true(s.n > 0);
	finish(e);
	assert_int_equal(e->server_io.kept, 0);
	free(data);
}

static void
one_read_gives_a_whole_buffer_of_records_and_keeps_none_back(void **state)
{
	struct ends *e = *state;
	char *data = random_bytes(60000), *got = malloc(60000);
	struct span s;

	assert_non_null(got);
	begin(e, TLS1_3_VERSION, 1 << 20);
	assert_int_equal(wire_write(&e->client, NOTHING, (struct span){ data, 60000 }), 0);
	assert_int_equal(wire_pending(&e->client), 0);
	assert_int_equal(wire_read(&e->server, &s), 0);
	assert_int_equal(s.n, 60000);
	assert_memory_equal(s.p, data, 60000);
	assert_int_equal(wire_read(&e->server, &s), -EAGAIN);
	finish(e);
	free(data);
	free(got);
}

static void
a_record_may_arrive_byte_by_byte(void **state)
{
	struct ends *e = *state;
	char record[4096];
	struct span s;
	ssize_t n;
	int relay[2];

	begin(e, TLS1_3_VERSION, 0);
	/* between the two: the client's bytes go to the server one by one */
	socket_pair(relay, 0);
	assert_int_equal(wire_write(&e->client, SPAN("hello"), NOTHING), 0);
	n = recv(e->server.fd, record, sizeof(record), 0);
	assert_true(n > 5);
	close(e->server.fd);
	e->server.fd = relay[0];
	for (ssize_t i = 0; i < n - 1; i++) {
		assert_int_equal(send(relay[1], record + i, 1, 0), 1);
		assert_int_equal(wire_read(&e->server, &s), -EAGAIN);
	}
	assert_int_equal(send(relay[1], record + n - 1, 1, 0), 1);
	assert_says(&e->server, "hello");
	close(relay[1]);
	finish(e);
}

static void
connections_that_share_buffers_do_not_see_each_other_s_bytes(void **state)
{
	struct ends *e = *state, other = *e;

	begin(e, TLS1_3_VERSION, 0);
	/* the same worker's second connection */
	begin_tls(&other, TLS1_3_VERSION, 0);
	other.server.io = &e->server_io;
	BIO_set_data(SSL_get_rbio(other.server.ssl), &e->server_io);
	other.client.io = &e->client_io;
	BIO_set_data(SSL_get_rbio(other.client.ssl), &e->client_io);
	wire_case_shake_hands(&other.server, &other.client);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(wire_write(&e->client, SPAN("one"), NOTHING), 0);
		assert_int_equal(wire_write(&other.client, SPAN("two"), NOTHING), 0);
		assert_says(&other.server, "two");
		assert_says(&e->server, "one");
	}
	/* the first breaks while it writes; the second must not carry its rest */
	close(e->client.fd);
	e->client.fd = -1;
	assert_int_not_equal(wire_write(&e->server, SPAN("lost"), NOTHING), 0);
	assert_int_equal(wire_write(&other.server, SPAN("fine"), NOTHING), 0);
	assert_says(&other.client, "fine");
	wire_fini(&other.server, false);
	wire_fini(&other.client, false);
	finish(e);
}

/* --- ends --- */

static void
a_clean_end_is_told_from_a_cut(void **state)
{
	struct ends *e = *state;
	struct span s;

	for (int v = 0; v < VERSIONS; v++) {
		begin(e, versions[v], 0);
		assert_int_equal(wire_write_last(&e->server, SPAN("a"), SPAN("b")), 0);
		assert_int_equal(shutdown(e->server.fd, SHUT_WR), 0);
		assert_says(&e->client, "ab");
		assert_int_equal(wire_read(&e->client, &s), ERR_CLOSED);
		assert_int_equal(wire_read(&e->client, &s), ERR_CLOSED);
		finish(e);

		begin(e, versions[v], 0);
		assert_int_equal(wire_write(&e->server, SPAN("a"), SPAN("b")), 0);
		assert_int_equal(shutdown(e->server.fd, SHUT_WR), 0);
		assert_says(&e->client, "ab");
		/* without close_notify: under TLS that is a truncation */
		assert_int_equal(
		    wire_read(&e->client, &s), versions[v] == 0 ? ERR_CLOSED : ERR_TLS);
		assert_true(e->client.fin);
		finish(e);
	}
}

static void
the_end_in_the_flight_of_the_data_is_known_without_another_read(void **state)
{
	struct ends *e = *state;
	struct span s;

	for (int v = 1; v < VERSIONS; v++) {
		begin(e, versions[v], 0);
		assert_int_equal(wire_write_last(&e->client, SPAN("last"), NOTHING), 0);
		assert_says(&e->server, "last");
		assert_true(wire_has_more(&e->server));
		assert_int_equal(wire_read(&e->server, &s), ERR_CLOSED);
		/* our own direction still stands */
		assert_int_equal(wire_write(&e->server, SPAN("yes"), NOTHING), 0);
		assert_says(&e->client, "yes");
		finish(e);
	}
}

static void
half_a_record_and_a_fin_is_a_cut(void **state)
{
	struct ends *e = *state;
	char record[4096];
	struct span s;
	ssize_t n;
	int relay[2];

	begin(e, TLS1_2_VERSION, 0);
	socket_pair(relay, 0);
	assert_int_equal(wire_write_last(&e->client, SPAN("hello"), NOTHING), 0);
	n = recv(e->server.fd, record, sizeof(record), 0);
	assert_true(n > 10);
	close(e->server.fd);
	e->server.fd = relay[0];
	assert_int_equal(send(relay[1], record, 10, 0), 10);
	close(relay[1]);
	assert_int_equal(wire_read(&e->server, &s), -EAGAIN);
	assert_int_equal(wire_read(&e->server, &s), ERR_TLS);
	finish(e);
}

static void
a_client_that_leaves_before_its_handshake_is_no_tls_error(void **state)
{
	struct ends *e = *state;
	struct span s;

	begin_tls(e, TLS1_3_VERSION, 0);
	assert_int_equal(shutdown(e->client.fd, SHUT_WR), 0);
	assert_int_equal(wire_read(&e->server, &s), ERR_CLOSED);
	finish(e);
}

static void
writing_to_nobody_is_an_error_and_no_signal(void **state)
{
	struct ends *e = *state;

	(void)signal(SIGPIPE, SIG_DFL);
	for (int v = 0; v < VERSIONS; v++) {
		begin(e, versions[v], 0);
		close(e->client.fd);
		e->client.fd = -1;
		assert_int_equal(wire_write(&e->server, SPAN("x"), NOTHING), -EPIPE);
		finish(e);

		begin(e, versions[v], 0);
		close(e->client.fd);
		e->client.fd = -1;
		assert_int_equal(wire_write_last(&e->server, SPAN("x"), NOTHING), -EPIPE);
		finish(e);
	}
}

static void
flushing_to_nobody_is_an_error_too(void **state)
{
	struct ends *e = *state;
	char *data = random_bytes(MANY);

	begin(e, 0, 8192);
	assert_int_equal(wire_write(&e->server, NOTHING, (struct span){ data, MANY }), 0);
	assert_true(wire_pending(&e->server) > 0);
	close(e->client.fd);
	e->client.fd = -1;
	assert_int_equal(wire_flush(&e->server), -EPIPE);
	finish(e);
	free(data);
}

/* A connected pair of TCP sockets. */
static void
tcp_pair(int fd[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&in, &len), 0);
	fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd[1], (struct sockaddr *)&in, sizeof(in)), 0);
	fd[0] = accept(l, NULL, NULL);
	assert_true(fd[0] != -1);
	close(l);
}

static void
an_abort_is_a_reset_and_an_ordinary_end_is_not(void **state)
{
	struct ends *e = *state;
	char byte;

	for (int abort = 0; abort < 2; abort++) {
		int fd[2];

		tcp_pair(fd);
		assert_int_equal(wire_init(&e->server, &e->server_io, fd[0], NULL), 0);
		wire_fini(&e->server, abort == 1);
		assert_int_equal(e->server.fd, -1);
		errno = 0;
		assert_int_equal(recv(fd[1], &byte, 1, 0), abort == 1 ? -1 : 0);
		assert_int_equal(errno, abort == 1 ? ECONNRESET : 0);
		close(fd[1]);
	}
}

/* --- not TLS at all --- */

static void
plain_http_where_tls_was_expected_is_recognised_and_answered_in_plain(void **state)
{
	static const char *const heads[] = { "GET / HTTP/1.1\r\n\r\n", "P", "POST /" };
	struct ends *e = *state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct span s;
		int fd[2];

		socket_pair(fd, 0);
		assert_int_equal(wire_init(&e->server, &e->server_io, fd[0],
				     tls_server_new(e->tls.server)),
		    0);
		assert_int_equal(wire_init(&e->client, &e->client_io, fd[1], NULL), 0);
		assert_int_equal(wire_write(&e->client, span_of(heads[i]), NOTHING), 0);
		assert_int_equal(wire_read(&e->server, &s), ERR_SYNTAX);
		wire_make_plain(&e->server);
		assert_int_equal(
		    wire_write_last(&e->server, SPAN("HTTP/1.1 400"), NOTHING), 0);
		assert_says(&e->client, "HTTP/1.1 400");
		finish(e);
	}
}

static void
garbage_where_tls_was_expected_gets_an_alert(void **state)
{
	static const char garbage[][16] = { "\x16\x03\x01\x00\x05hello", "get / http/1.1",
		"\0" };
	struct ends *e = *state;

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct span s = { 0 };
		int fd[2], r = -EAGAIN;
		char alert[64];
		ssize_t n;

		socket_pair(fd, 0);
		assert_int_equal(wire_init(&e->server, &e->server_io, fd[0],
				     tls_server_new(e->tls.server)),
		    0);
		assert_int_equal(send(fd[1], garbage[i], 16, 0), 16);
		for (int k = 0; k < 3 && r == -EAGAIN; k++)
			r = wire_read(&e->server, &s);
		assert_int_equal(r, ERR_TLS);
		n = recv(fd[1], alert, sizeof(alert), 0);
		if (n > 0)
			assert_int_equal(alert[0], 0x15);
		wire_fini(&e->server, false);
		close(fd[1]);
	}
}

static void
a_changed_record_ends_the_connection_and_gives_out_nothing(void **state)
{
	struct ends *e = *state;
	char record[4096];
	struct span s;
	ssize_t n;
	int relay[2];

	for (int v = 1; v < VERSIONS; v++) {
		begin(e, versions[v], 0);
		socket_pair(relay, 0);
		assert_int_equal(wire_write(&e->client, SPAN("hello"), NOTHING), 0);
		n = recv(e->server.fd, record, sizeof(record), 0);
		close(e->server.fd);
		e->server.fd = relay[0];
		record[n - 1] ^= 1;
		assert_int_equal(send(relay[1], record, (size_t)n, 0), n);
		assert_int_equal(wire_read(&e->server, &s), ERR_TLS);
		close(relay[1]);
		finish(e);
	}
}

/* --- what TLS says on its own account --- */

static void
a_key_update_goes_both_ways_and_data_with_it(void **state)
{
	struct ends *e = *state;

	begin(e, TLS1_3_VERSION, 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(
		    SSL_key_update(e->client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(wire_write(&e->client, SPAN("up"), NOTHING), 0);
		assert_says(&e->server, "up");
		assert_int_equal(wire_write(&e->server, SPAN("down"), NOTHING), 0);
		assert_says(&e->client, "down");
	}
	finish(e);
}

static void
key_updates_whose_answers_nobody_reads_do_not_fill_the_memory(void **state)
{
	struct ends *e = *state;
	size_t most = 0;
	int r = 0;

	begin(e, TLS1_3_VERSION, 4096);
	for (int i = 0; i < TURNS && r == 0; i++) {
		struct span s;

		assert_int_equal(
		    SSL_key_update(e->client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(wire_write(&e->client, SPAN("x"), NOTHING), 0);
		r = wire_read(&e->server, &s);
		if (wire_pending(&e->server) > most)
			most = wire_pending(&e->server);
	}
	assert_int_equal(r, ERR_TLS);
	assert_true(most <= 1 << 20);
	finish(e);
}

/* Put n key updates and a word on their way to the server. */
static void
update_keys(struct ends *e, int n)
{
	for (int i = 0; i < n; i++) {
		assert_int_equal(
		    SSL_key_update(e->client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(e->client.ssl), 1);
	}
	assert_int_equal(wire_write(&e->client, SPAN("x"), NOTHING), 0);
}

static void
who_sends_nothing_but_key_updates_is_done_with(void **state)
{
	struct ends *e = *state;
	struct span s;

	begin(e, TLS1_3_VERSION, 0);
	for (int i = 0; i < 3; i++) { /* each read may have some */
		update_keys(e, 32);
		assert_says(&e->server, "x");
	}
	update_keys(e, 1000);
	assert_int_equal(wire_read(&e->server, &s), ERR_TLS);
	finish(e);
}

static bool
has_ticket(const struct ends *e)
{
	return SSL_SESSION_has_ticket(SSL_get0_session(e->client.ssl)) == 1;
}

static void
a_ticket_rides_with_the_first_answer(void **state)
{
	struct ends *e = *state;
	struct span s;

	begin(e, TLS1_3_VERSION, 0);
	assert_non_null(e->server.ticket);
	assert_false(has_ticket(e));
	assert_int_equal(wire_read(&e->client, &s), -EAGAIN);
	assert_int_equal(wire_write(&e->server, SPAN("first"), NOTHING), 0);
	assert_null(e->server.ticket);
	assert_says(&e->client, "first");
	assert_true(has_ticket(e));
	finish(e);
}

/* It was encrypted first: the client could read nothing that came before it. */
static void
a_ticket_goes_ahead_of_what_tls_says_itself(void **state)
{
	struct ends *e = *state;
	struct span s;

	begin(e, TLS1_3_VERSION, 0);
	/* OpenSSL answers the first while it reads the second */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    SSL_key_update(e->client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(wire_write(&e->client, SPAN("x"), NOTHING), 0);
		assert_says(&e->server, "x");
	}
	assert_null(e->server.ticket);
	assert_int_equal(wire_read(&e->client, &s), -EAGAIN);
	assert_true(has_ticket(e));
	assert_int_equal(wire_write(&e->server, SPAN("first"), NOTHING), 0);
	assert_says(&e->client, "first");
	finish(e);

	begin(e, TLS1_3_VERSION, 0);
	assert_int_equal(wire_write_last(&e->server, NOTHING, NOTHING), 0);
	assert_int_equal(wire_read(&e->client, &s), ERR_CLOSED);
	assert_true(has_ticket(e));
	finish(e);
}

static void
a_certificate_that_is_not_believed_ends_the_handshake_at_both_ends(void **state)
{
	struct ends *e = *state;
	struct span s;
	int r = -EAGAIN;

	begin_tls(e, TLS1_3_VERSION, 0);
	assert_int_equal(SSL_set1_host(e->client.ssl, "other.example"), 1);
	assert_int_equal(wire_start_handshake(&e->client), 0);
	assert_int_equal(wire_read(&e->server, &s), -EAGAIN);
	assert_int_equal(wire_read(&e->client, &s), ERR_TLS);
	assert_false(e->client.handshaken);
	for (int i = 0; i < 3 && r == -EAGAIN; i++)
		r = wire_read(&e->server, &s);
	assert_int_equal(r, ERR_TLS);
	finish(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_and_body_arrive_as_one),
		cmocka_unit_test(pieces_fill_records),
		cmocka_unit_test(megabytes_go_through_a_small_socket_byte_for_byte),
		cmocka_unit_test(a_peer_that_wants_short_records_gets_all),
		cmocka_unit_test(what_the_kernel_took_is_counted),
		cmocka_unit_test(
		    what_the_kernel_did_not_take_is_accounted_for_and_makes_reads_small),
		cmocka_unit_test(
		    one_read_gives_a_whole_buffer_of_records_and_keeps_none_back),
		cmocka_unit_test(a_record_may_arrive_byte_by_byte),
		cmocka_unit_test(
		    connections_that_share_buffers_do_not_see_each_other_s_bytes),
		cmocka_unit_test(a_clean_end_is_told_from_a_cut),
		cmocka_unit_test(
		    the_end_in_the_flight_of_the_data_is_known_without_another_read),
		cmocka_unit_test(half_a_record_and_a_fin_is_a_cut),
		cmocka_unit_test(a_client_that_leaves_before_its_handshake_is_no_tls_error),
		cmocka_unit_test(writing_to_nobody_is_an_error_and_no_signal),
		cmocka_unit_test(flushing_to_nobody_is_an_error_too),
		cmocka_unit_test(an_abort_is_a_reset_and_an_ordinary_end_is_not),
		cmocka_unit_test(
		    plain_http_where_tls_was_expected_is_recognised_and_answered_in_plain),
		cmocka_unit_test(garbage_where_tls_was_expected_gets_an_alert),
		cmocka_unit_test(
		    a_changed_record_ends_the_connection_and_gives_out_nothing),
		cmocka_unit_test(a_key_update_goes_both_ways_and_data_with_it),
		cmocka_unit_test(
		    key_updates_whose_answers_nobody_reads_do_not_fill_the_memory),
		cmocka_unit_test(who_sends_nothing_but_key_updates_is_done_with),
		cmocka_unit_test(a_ticket_rides_with_the_first_answer),
		cmocka_unit_test(a_ticket_goes_ahead_of_what_tls_says_itself),
		cmocka_unit_test(
		    a_certificate_that_is_not_believed_ends_the_handshake_at_both_ends),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
