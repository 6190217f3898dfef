/*
 * The master's life with its children: start, respawns, the end, and what a start
 * refuses. Whole masters run with small roles; see master_house.h.
 */
#include "tests/unit/master_house.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include "master/ctl.h"

static bool
has_restarted_workers(struct house *h, long n)
{
	return house_number(h, "worker_restarts") >= n && house_is_state(h, "ready") &&
	    house_worker(h, 1, 0) != 0 && house_worker(h, 1, 1) != 0;
}

static bool
has_restarts(struct house *h, long n)
{
	return house_number(h, "worker_restarts") >= n;
}

static bool
has_restarted_admin(struct house *h, long n)
{
	return house_number(h, "admin_restarts") >= n;
}

static void
it_says_where_it_listens_and_leaves_with_0_on_sigterm(void **state)
{
	struct house *h = *state;
	char path[160];

	house_start_ready(h);
	assert_int_equal(house_number(h, "pid"), h->pid);
	assert_int_equal(house_number(h, "workers"), 2);
	assert_int_equal(house_number(h, "keys"), 1);
	assert_int_not_equal(house_port(h), 0);
	assert_int_equal(house_log_count(h, "\"event\":\"listening\""), 2);
	assert_int_equal(house_log_count(h, "\"event\":\"ready\""), 1);
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(house_log_count(h, "\"event\":\"stop\""), 1);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 0);
	snprintf(path, sizeof(path), "%s/gatehouse.pid", h->dir->path);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/admin.sock", h->dir->path);
	assert_int_equal(access(path, F_OK), -1);
}

static void
every_slot_has_a_worker_of_its_own_on_one_port(void **state)
{
	struct house *h = *state;
	struct answer a;
	struct answer b;

	house_start_ready(h);
	a = ask_slot(h, 0);
	b = ask_slot(h, 1);
	assert_int_not_equal(a.pid, b.pid);
	assert_int_equal(a.pid, house_worker(h, 1, 0));
	assert_int_equal(a.keys, 1);
	assert_int_equal(a.limit, 100);
	if (getuid() == 0)
		assert_int_not_equal(a.uid, 0);
	assert_int_equal(house_stop(h), 0);
}

static void
a_killed_worker_is_replaced_at_once_and_its_successor_has_its_sockets(void **state)
{
	struct house *h = *state;
	pid_t before;

	house_start_ready(h);
	before = house_worker(h, 1, 1);
	assert_int_equal(kill(before, SIGKILL), 0);
	house_await(h, has_restarted_workers, 1);
	assert_int_not_equal(ask_slot(h, 1).pid, before);
	assert_int_equal(house_log_count(h, "signal SIGKILL, unexpected"), 1);
	assert_int_equal(house_log_count(h, "\"event\":\"respawn\""), 1);
	assert_int_equal(house_stop(h), 0);
}

static void
a_call_that_the_filter_refused_is_logged_by_its_name(void **state)
{
	struct house *h = *state;

	house_env(h, "CORS_ORIGINS", "https://filter.example");
	house_start(h);
	house_await(h, has_restarts, 1);
	assert_true(house_log_count(h,
			"signal SIGSYS, the filter refused the system call ptrace, "
			"unexpected") >= 1);
	assert_int_equal(house_stop(h), 0);
}

static void
so_is_one_of_admin(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	assert_int_equal(ask_admin(h, 'f'), 0);
	house_await(h, has_restarted_admin, 1);
	assert_int_equal(house_log_count(h,
			     "signal SIGSYS, the filter refused the system call "
			     "ptrace, unexpected"),
	    1);
	assert_int_equal(house_stop(h), 0);
}

static void
workers_that_always_die_are_respawned_ever_more_slowly(void **state)
{
	struct house *h = *state;
	const uint64_t began_ms = clock_mono_ms();

	house_env(h, "CORS_ORIGINS", "https://die.example");
	house_start(h);
	house_await(h, has_restarts, 8); /* of each: at once, after 250, 500, 1000 ms */
	assert_true(clock_mono_ms() - began_ms >= 1750);
	assert_true(house_log_count(h, "exit status 9, unexpected") <= 11);
	assert_int_equal(house_stop(h), 0);
}

static void
admin_is_replaced_when_it_dies(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	assert_int_equal(ask_admin(h, 'x'), 0);
	house_await(h, has_restarted_admin, 1);
	assert_int_equal(ask_admin(h, 'i'), house_number(h, "admin_pid"));
	assert_int_equal(house_stop(h), 0);
}

static void
without_the_master_everybody_leaves(void **state)
{
	struct house *h = *state;
	pid_t worker;
	pid_t admin;

	/* orphans must have somebody who reaps them, or they look alive */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	house_start_ready(h);
	worker = house_worker(h, 1, 0);
	admin = (pid_t)house_number(h, "admin_pid");
	kill(h->pid, SIGKILL);
	assert_int_equal(house_wait(h), -1);
	assert_int_equal(waitpid(worker, NULL, 0), worker);
	assert_int_equal(waitpid(admin, NULL, 0), admin);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	house_start_ready(h); /* and the folders and the port can be had again */
	assert_int_equal(house_stop(h), 0);
}

static void
a_worker_that_does_not_drain_is_made_to_leave(void **state)
{
	struct house *h = *state;

	house_env(h, "CORS_ORIGINS", "https://deaf.example");
	house_env(h, "DRAIN_TIMEOUT", "1");
	house_start_ready(h);
	assert_int_equal(house_stop(h), 0);
}

static void
a_second_sigterm_does_not_wait(void **state)
{
	struct house *h = *state;
	const uint64_t began_ms = clock_mono_ms();

	house_env(h, "CORS_ORIGINS", "https://deaf.example");
	house_env(h, "DRAIN_TIMEOUT", "1h");
	house_start_ready(h);
	kill(h->pid, SIGTERM);
	while (!house_is_state(h, "draining"))
		assert_true(clock_mono_ms() - began_ms < HOUSE_WAIT_MS);
	assert_int_equal(house_stop(h), 0);
	assert_true(clock_mono_ms() - began_ms < HOUSE_WAIT_MS);
}

static void
sigquit_does_not_wait_and_sigusr1_does_nothing(void **state)
{
	struct house *h = *state;

	house_env(h, "CORS_ORIGINS", "https://deaf.example");
	house_start_ready(h);
	kill(h->pid, SIGUSR1);
	kill(h->pid, SIGPIPE);
	kill(h->pid, SIGQUIT);
	assert_int_equal(house_wait(h), 0);
	assert_int_equal(house_log_count(h, "\"event\":\"reload\""), 0);
}

static void
the_environment_is_nowhere_to_be_seen(void **state)
{
	struct house *h = *state;
	char path[64];
	char bytes[65536];
	FILE *f;
	size_t n;

	house_start_ready(h);
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)house_worker(h, 1, 0));
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	assert_null(memmem(bytes, n, "must not be seen", 16));
	assert_int_equal(house_stop(h), 0);
}

static void
after_a_crash_the_ports_of_its_children_are_waited_for(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	free(h->env[2]);
	assert_int_not_equal(
	    asprintf(&h->env[2], "LISTEN=127.0.0.1:%d", house_port(h)), -1);
	kill(h->pid, SIGKILL);
	assert_int_equal(house_wait(h), -1);
	house_start_ready(h); /* while they leave */
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(house_log_count(h, "\"event\":\"refused\""), 0);
}

/* Start, and expect a refusal in one line that says text. */
static void
assert_refused(struct house *h, const char *text)
{
	house_start(h);
	assert_int_equal(house_wait(h), 1);
	assert_int_equal(house_log_count(h, text), 1);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 1);
	assert_int_equal(house_log_count(h, "\"event\":\"refused\""), 1);
}

static void
a_folder_in_use_refuses_the_start(void **state)
{
	struct house *h = *state;
	struct house second = *h;

	house_start_ready(h);
	assert_refused(&second, "is in use by another gatehouse");
	assert_int_equal(house_stop(h), 0);
}

static void
a_port_that_another_process_shares_refuses_the_start(void **state)
{
	struct house *h = *state;
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char address[64];

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)ntohs(sa.sin_port));
	house_replace(h->config, "{}");
	free(h->env[2]);
	assert_int_not_equal(asprintf(&h->env[2], "LISTEN=%s", address), -1);
	assert_refused(h, address);
	close(fd);
}

static void
an_unwritable_data_dir_refuses_the_start(void **state)
{
	struct house *h = *state;

	free(h->env[0]);
	assert_int_not_equal(asprintf(&h->env[0], "DATA_DIR=/proc/gatehouse"), -1);
	assert_refused(h, "DATA_DIR /proc/gatehouse can't be written");
}

static void
half_a_tls_pair_refuses_the_start(void **state)
{
	struct house *h = *state;

	house_env(h, "TLS_CERT_FILE", h->keys);
	assert_refused(h, "TLS_KEY_FILE");
}

static void
an_unknown_field_refuses_the_start_by_name(void **state)
{
	struct house *h = *state;

	house_replace(h->config, "{\"no_such_setting\": 1}");
	assert_refused(h, "no_such_setting");
}

static void
a_key_file_without_one_good_entry_refuses_the_start(void **state)
{
	struct house *h = *state;

	house_replace(h->keys, "{\"keys\": [{\"key_id\": \"a\"}, {\"key_id\": 7}]}");
	assert_refused(h, h->keys);
}

static void
single_faulty_entries_are_left_out_unless_strict(void **state)
{
	struct house *h = *state;

	house_replace(h->keys,
	    "{\"keys\": [{\"key_id\": \"a\", \"key\": \"pm_aaaaaaaaaaaaaaaaaaaa\"}, {}]}");
	house_start_ready(h);
	assert_int_equal(house_number(h, "keys"), 1);
	assert_int_equal(house_stop(h), 0);
	house_write(h->log, "");
	house_env(h, "STRICT_KEYS", "on");
	assert_refused(h, h->keys);
}

static void
the_commands_say_what_happened(void **state)
{
	struct house *h = *state;
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	FILE *err = fopen("/dev/null", "w");

	assert_int_equal(ctl_reload(h->dir->path, out, err), EXIT_UNREACHED);
	assert_int_equal(ctl_status(h->dir->path, false, out, err), EXIT_UNREACHED);
	house_start_ready(h);
	assert_int_equal(ctl_status(h->dir->path, false, out, err), EXIT_DONE);
	assert_int_equal(ctl_reload(h->dir->path, out, err), EXIT_DONE);
	house_replace(h->keys, "{");
	assert_int_equal(ctl_reload(h->dir->path, out, err), EXIT_REFUSED);
	assert_int_equal(ctl_stop(h->dir->path, out, err), EXIT_DONE);
	assert_int_equal(house_wait(h), 0);
	assert_int_equal(ctl_stop(h->dir->path, out, err), EXIT_UNREACHED);
	fclose(out);
	fclose(err);
	assert_non_null(strstr(text, "1 (")); /* keys */
	assert_non_null(strstr(text, "reload ok: 1 keys"));
	assert_non_null(strstr(text, "has stopped"));
	free(text);
}

int
main(void)
{
#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(it_says_where_it_listens_and_leaves_with_0_on_sigterm),
		HOUSE_TEST(every_slot_has_a_worker_of_its_own_on_one_port),
		HOUSE_TEST(
		    a_killed_worker_is_replaced_at_once_and_its_successor_has_its_sockets),
		HOUSE_TEST(a_call_that_the_filter_refused_is_logged_by_its_name),
		HOUSE_TEST(so_is_one_of_admin),
		HOUSE_TEST(workers_that_always_die_are_respawned_ever_more_slowly),
		HOUSE_TEST(admin_is_replaced_when_it_dies),
		HOUSE_TEST(without_the_master_everybody_leaves),
		HOUSE_TEST(a_worker_that_does_not_drain_is_made_to_leave),
		HOUSE_TEST(a_second_sigterm_does_not_wait),
		HOUSE_TEST(sigquit_does_not_wait_and_sigusr1_does_nothing),
		HOUSE_TEST(the_environment_is_nowhere_to_be_seen),
		HOUSE_TEST(after_a_crash_the_ports_of_its_children_are_waited_for),
		HOUSE_TEST(a_folder_in_use_refuses_the_start),
		HOUSE_TEST(a_port_that_another_process_shares_refuses_the_start),
		HOUSE_TEST(an_unwritable_data_dir_refuses_the_start),
		HOUSE_TEST(half_a_tls_pair_refuses_the_start),
		HOUSE_TEST(an_unknown_field_refuses_the_start_by_name),
		HOUSE_TEST(a_key_file_without_one_good_entry_refuses_the_start),
		HOUSE_TEST(single_faulty_entries_are_left_out_unless_strict),
		HOUSE_TEST(the_commands_say_what_happened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
