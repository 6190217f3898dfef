/* listen: one socket for each slot and address, one line for what can't be had. */
#include "master/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

static struct activation none; /* nothing was passed */

static char v4[] = "127.0.0.1";
static char v6_any[] = "::";

static int
port_of(const char *text)
{
	return (int)strtol(strrchr(text, ':') + 1, NULL, 10);
}

static void
port_0_is_one_free_port_for_all_slots(void **state)
{
	struct listen_addr a[] = { { LISTEN_HTTPS, v4, 0 }, { LISTEN_HTTP, v4, 0 } };
	struct listen_addr metrics = { LISTEN_HTTP, v4, 0 };
	const struct config cfg = { .workers = 3,
		.listen = a,
		.n_listen = 2,
		.metrics_listen = &metrics,
		.n_metrics_listen = 1 };
	struct listeners l = { 0 };
	struct errmsg why = { "" };

	(void)state;
	assert_int_equal(listen_open(&cfg, &none, &l, &why), 0);
	assert_int_equal(l.n_worker, 6);
	assert_int_equal(l.n_metrics, 1);
	for (size_t i = 0; i < l.n_worker; i++) {
		struct sockaddr_in sa = { 0 };
		socklen_t len = sizeof(sa);

		assert_int_equal(
		    getsockname(l.worker[i].fd, (struct sockaddr *)&sa, &len), 0);
		assert_int_equal(ntohs(sa.sin_port), port_of(l.listen_text.v[i / 3]));
		assert_int_equal(l.worker[i].slot, i % 3);
	}
	listen_mark_tls(&l, &cfg);
	assert_true(l.worker[0].tls && l.worker[2].tls);
	assert_false(l.worker[3].tls);
	listen_close(&l);
}

static void
admin_addresses_are_marked_and_take_admin_from_the_others(void **state)
{
	struct listen_addr a = { LISTEN_HTTP, v4, 0 };
	struct listen_addr admin = { LISTEN_HTTPS, v4, 0 };
	const struct config cfg = { .workers = 1,
		.listen = &a,
		.n_listen = 1,
		.admin_listen = &admin,
		.n_admin_listen = 1 };
	struct listeners l = { 0 };
	struct errmsg why = { "" };

	(void)state;
	assert_int_equal(listen_open(&cfg, &none, &l, &why), 0);
	assert_true(l.worker[0].no_admin && !l.worker[0].admin_only);
	assert_true(!l.worker[1].no_admin && l.worker[1].admin_only);
	listen_mark_tls(&l, &cfg);
	assert_true(!l.worker[0].tls && l.worker[1].tls);
	listen_close(&l);
}

/* Can 127.0.0.1 connect there? */
static bool
takes_v4(int port)
{
	const struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool ok = connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0;

	close(fd);
	return ok;
}

static void
the_address_for_all_takes_ipv4_too(void **state)
{
	struct listen_addr a = { LISTEN_HTTP, v6_any, 0 };
	const struct config cfg = { .workers = 2, .listen = &a, .n_listen = 1 };
	struct listeners l = { 0 };
	struct errmsg why = { "" };

	(void)state;
	assert_int_equal(listen_open(&cfg, &none, &l, &why), 0);
	assert_true(takes_v4(port_of(l.listen_text.v[0])));
	listen_close(&l);
}

/* On a system without IPv6, as the kernel says it. Returns this process's exit status. */
static int
open_without_ipv6(void)
{
	struct listen_addr a = { LISTEN_HTTP, v6_any, 0 };
	const struct config cfg = { .workers = 2, .listen = &a, .n_listen = 1 };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	struct listeners l = { 0 };
	struct errmsg why = { "" };

	if (filter == NULL ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
		SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0)) != 0 ||
	    seccomp_load(filter) != 0)
		return 2;
	seccomp_release(filter);
	if (listen_open(&cfg, &none, &l, &why) != 0 ||
	    strncmp(l.listen_text.v[0], "0.0.0.0:", 8) != 0 ||
	    !takes_v4(port_of(l.listen_text.v[0])))
		return 1;
	listen_close(&l);
	return 0;
}

static void
without_ipv6_it_falls_back_to_ipv4(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(open_without_ipv6());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static size_t
open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void
a_taken_port_is_refused_by_name_and_nothing_stays_open(void **state)
{
	struct listen_addr a[] = { { LISTEN_HTTP, v4, 0 }, { LISTEN_HTTP, v4, 0 } };
	struct config cfg = { .workers = 2, .listen = a, .n_listen = 1 };
	struct listeners first = { 0 };
	struct listeners second = { 0 };
	struct errmsg why = { "" };
	size_t before;

	(void)state;
	assert_int_equal(listen_open(&cfg, &none, &first, &why), 0);
	a[1].port = (uint16_t)port_of(first.listen_text.v[0]);
	cfg.n_listen = 2;
	before = open_descriptors();
	assert_int_equal(listen_open(&cfg, &none, &second, &why), -EADDRINUSE);
	assert_non_null(strstr(why.text, first.listen_text.v[0]));
	assert_null(second.worker);
	assert_int_equal(open_descriptors(), before);
	listen_close(&first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_0_is_one_free_port_for_all_slots),
		cmocka_unit_test(admin_addresses_are_marked_and_take_admin_from_the_others),
		cmocka_unit_test(the_address_for_all_takes_ipv4_too),
		cmocka_unit_test(without_ipv6_it_falls_back_to_ipv4),
		cmocka_unit_test(a_taken_port_is_refused_by_name_and_nothing_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
