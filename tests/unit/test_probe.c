/* probe: what it says of an upstream that answers, refuses, is silent, or is not to be found. */
#include "admin/probe.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 300 };

struct bench {
	struct event_base *base;
	struct state *state;
	struct upstream_url url;
	int fd; /* listens */
	struct probe_result result;
	bool told;
};

static int
listen_tcp(uint16_t *port_out)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	*port_out = ntohs(in.sin_port);
	return fd;
}

static int
set_up(void **state)
{
	static char name[] = "upstream.test";
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL || (b->state = calloc(1, sizeof(*b->state))) == NULL)
		return -1;
	b->base = event_base_new();
	b->url.scheme = UPSTREAM_HTTP;
	b->url.host = name;
	b->fd = listen_tcp(&b->url.port);
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	close(b->fd);
	event_base_free(b->base);
	free(b->state);
	free(b);
	return 0;
}

/* Let upstream's name have these last bytes of 127.0.0.x. */
static void
resolve_to(struct bench *b, const uint8_t *last, size_t n)
{
	struct upstream_addrs a = { .tries = 1, .ok = n > 0, .n = n };

	snprintf(a.host, sizeof(a.host), "%s", b->url.host);
	for (size_t i = 0; i < n; i++) {
		a.v[i].family = AF_INET;
		memcpy(
		    &a.v[i].addr.b[10], (uint8_t[]){ 0xff, 0xff, 127, 0, 0, last[i] }, 6);
	}
	shared_put_upstream(b->state, &a);
}

static void
on_done(const struct probe_result *result, void *arg)
{
	struct bench *b = arg;

	assert_false(b->told);
	b->told = true;
	b->result = *result;
}

static struct probe_room *
room(struct bench *b)
{
	const struct probe_options o = { &b->url, b->state, TIMEOUT_MS };
	struct probe_room *r = NULL;

	assert_int_equal(probe_room_create(b->base, &o, &r), 0);
	return r;
}

/* Probe and compare with the name of what is wrong; NULL: nothing. */
static void
probe_says(struct bench *b, const char *wanted)
{
	struct probe_room *r = room(b);

	assert_int_equal(probe_start(r, on_done, b), 0);
	assert_false(b->told);
	while (!b->told)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	if (wanted == NULL)
		assert_null(probe_fault_name(b->result.fault));
	else
		assert_string_equal(probe_fault_name(b->result.fault), wanted);
	b->told = false;
	probe_room_destroy(&r);
}

static void
who_listens_is_up_at_whichever_address(void **state)
{
	struct bench *b = *state;

	resolve_to(b, (uint8_t[]){ 1 }, 1);
	probe_says(b, NULL);
	assert_true(b->result.taken_ms >= 0);
	assert_false(b->result.tls);
	resolve_to(b, (uint8_t[]){ 9, 8, 1 }, 3); /* nobody listens at the first two */
	probe_says(b, NULL);
}

static void
nobody_listening_is_refused(void **state)
{
	struct bench *b = *state;

	resolve_to(b, (uint8_t[]){ 9, 8 }, 2);
	probe_says(b, "refused");
}

static void
a_name_without_addresses_is_not_resolved(void **state)
{
	probe_says(*state, "resolve");
	resolve_to(*state, NULL, 0);
	probe_says(*state, "resolve");
}

static void
another_names_addresses_are_not_looked_at(void **state)
{
	static char other[] = "upstream.test.example";
	struct bench *b = *state;

	resolve_to(b, (uint8_t[]){ 1 }, 1);
	b->url.host = other;
	probe_says(b, "resolve");
}

static void
a_unix_socket_is_looked_at_too(void **state)
{
	struct bench *b = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/gatehouse-probe-XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(mkdtemp(folder));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", folder);
	b->url.scheme = UPSTREAM_UNIX;
	b->url.unix_path = un.sun_path;
	probe_says(b, "refused"); /* it does not exist */
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 4), 0);
	probe_says(b, NULL);
	close(fd);
	probe_says(b, "refused");
	unlink(un.sun_path);
	rmdir(folder);
}

static void
https_to_who_never_answers_the_handshake_times_out(void **state)
{
	struct bench *b = *state;
	const struct probe_options o = { &b->url, b->state, TIMEOUT_MS };
	struct config cfg = { 0 };
	struct tls_client *tls = NULL;
	struct probe_room *r = NULL;
	struct errmsg why = { "" };

	b->url.scheme = UPSTREAM_HTTPS;
	cfg.upstream = b->url;
	resolve_to(b, (uint8_t[]){ 1 }, 1);
	probe_says(b, "tls"); /* without a context nothing can be trusted */
	assert_int_equal(tls_client_create(&cfg, &tls, &why), 0);
	assert_int_equal(probe_room_create(b->base, &o, &r), 0);
	assert_true(probe_room_wants_tls(r));
	probe_room_give_tls(r, tls);
	assert_false(probe_room_wants_tls(r));
	assert_int_equal(probe_start(r, on_done, b), 0);
	while (!b->told)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	assert_string_equal(probe_fault_name(b->result.fault), "timeout");
	probe_room_destroy(&r);
}

static void
on_counted(const struct probe_result *result, void *arg)
{
	unsigned *cancelled = arg;

	*cancelled += result->fault == PROBE_CANCELLED;
}

static void
too_many_at_a_time_are_refused_and_the_end_is_told_to_all(void **state)
{
	struct bench *b = *state;
	struct probe_room *r = room(b);
	unsigned cancelled = 0;

	resolve_to(b, (uint8_t[]){ 1 }, 1);
	for (unsigned i = 0; i < PROBES_MAX; i++)
		assert_int_equal(probe_start(r, on_counted, &cancelled), 0);
	assert_int_equal(probe_start(r, on_counted, &cancelled), ERR_FULL);
	probe_room_destroy(&r);
	assert_int_equal(cancelled, PROBES_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_listens_is_up_at_whichever_address),
		TEST(nobody_listening_is_refused),
		TEST(a_name_without_addresses_is_not_resolved),
		TEST(another_names_addresses_are_not_looked_at),
		TEST(a_unix_socket_is_looked_at_too),
		TEST(https_to_who_never_answers_the_handshake_times_out),
		TEST(too_many_at_a_time_are_refused_and_the_end_is_told_to_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
