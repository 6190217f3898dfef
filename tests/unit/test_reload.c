/*
 * Reloads and the watch: what is published at once, when a new generation comes, and
 * what refuses or cancels it. Whole masters run with small roles; see master_house.h.
 */
#include "tests/unit/master_house.h"

#define TWO_KEYS                                                                         \
	"{\"keys\": [{\"key_id\": \"a\", \"key\": \"pm_aaaaaaaaaaaaaaaaaaaa\"},"         \
	" {\"key_id\": \"b\", \"key\": \"pm_bbbbbbbbbbbbbbbbbbbb\"}]}"

static bool
has_keys(struct house *h, long n)
{
	return house_number(h, "keys") == n;
}

static bool
serves_generation(struct house *h, long n)
{
	return house_number(h, "generation") == n;
}

/* Are the workers of that generation all gone? */
static bool
has_left(struct house *h, long generation)
{
	return house_worker(h, generation, 0) == 0 && house_worker(h, generation, 1) == 0;
}

static bool
has_logged_refusals(struct house *h, long n)
{
	return house_log_count(h, "\"level\":\"error\"") >= n;
}

static void
new_keys_and_settings_hold_at_once_and_no_worker_is_touched(void **state)
{
	struct house *h = *state;
	pid_t worker;

	house_env(h, "WATCH", "off");
	house_start_ready(h);
	worker = house_worker(h, 1, 0);
	house_replace(h->keys, TWO_KEYS);
	house_write(h->settings, "{\"rate_limit_requests\": 7}");
	house_reload(h);
	assert_last_reload(h, "ok");
	assert_int_equal(ask_slot(h, 0).pid, worker);
	assert_int_equal(ask_slot(h, 0).keys, 2);
	assert_int_equal(ask_slot(h, 0).limit, 7);
	assert_int_equal(house_number(h, "generation"), 1);
	assert_int_equal(house_stop(h), 0);
}

static void
a_changed_configuration_brings_new_workers_and_the_old_ones_leave(void **state)
{
	struct house *h = *state;
	int port;

	house_start_ready(h);
	port = house_port(h);
	house_replace(h->config, "{\"max_body\": \"1 MiB\"}");
	house_reload(h);
	assert_last_reload(h, "ok");
	assert_int_equal(house_number(h, "generation"), 2);
	house_await(h, has_left, 1);
	assert_int_equal(ask_slot(h, 1).generation, 2);
	assert_int_equal(house_port(h), port);
	assert_int_equal(house_stop(h), 0);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 0);
}

static void
admin_is_started_anew_when_its_settings_change(void **state)
{
	struct house *h = *state;
	pid_t before;

	house_start_ready(h);
	before = ask_admin(h, 'i');
	house_replace(h->config, "{\"metrics_keys\": false}");
	house_reload(h);
	assert_last_reload(h, "ok");
	assert_int_equal(house_number(h, "generation"), 1);
	while (ask_admin(h, 'i') == before) /* it answers until it leaves */
		continue;
	assert_int_equal(house_number(h, "admin_restarts"), 0);
	assert_int_equal(house_stop(h), 0);
}

static void
a_new_worker_that_dies_early_cancels_the_reload(void **state)
{
	struct house *h = *state;
	pid_t worker;

	house_start_ready(h);
	worker = house_worker(h, 1, 0);
	house_replace(h->config, "{\"cors_origins\": [\"https://die.example\"]}");
	house_reload(h);
	assert_last_reload(h, "failed");
	assert_int_equal(house_number(h, "generation"), 1);
	assert_int_equal(ask_slot(h, 0).pid, worker);
	house_replace(h->config, "{\"cors_origins\": [\"https://fine.example\"]}");
	house_reload(h); /* and the next one takes the same place */
	assert_last_reload(h, "ok");
	assert_int_equal(house_number(h, "generation"), 2);
	assert_int_equal(house_stop(h), 0);
}

/* Reload, expect a refusal in one error line that names the fault, and all as before. */
static void
assert_reload_refused(struct house *h, const char *named)
{
	const int before = house_log_count(h, "\"level\":\"error\"");
	const pid_t worker = house_worker(h, 1, 0);

	house_reload(h);
	assert_last_reload(h, "refused");
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), before + 1);
	assert_true(house_log_count(h, named) > 0);
	assert_int_equal(ask_slot(h, 0).pid, worker);
	assert_int_equal(ask_slot(h, 0).keys, 1);
	assert_int_equal(ask_slot(h, 0).limit, 100);
}

static void
anything_faulty_refuses_the_reload_and_everything_stays(void **state)
{
	struct house *h = *state;

	house_env(h, "WATCH", "off");
	house_start_ready(h);
	house_replace(h->keys, "{\"keys\": [{\"key_id\": \"a\"}]}");
	assert_reload_refused(h, "api_keys.json");
	house_replace(h->keys, TWO_KEYS);
	house_write(h->settings, "{\"rate_limit_window\": 0}");
	assert_reload_refused(h, "rate_limit_window");
	house_write(h->settings, "{}");
	house_replace(h->config, "{\"max_body\": -1}");
	assert_reload_refused(h, "max_body");
	house_replace(h->config, "{}");
	house_reload(h);
	assert_last_reload(h, "ok");
	assert_int_equal(ask_slot(h, 0).keys, 2);
	assert_int_equal(house_stop(h), 0);
}

static void
what_needs_a_restart_is_named_and_left(void **state)
{
	struct house *h = *state;

	for (size_t i = 0; i < h->n_env; i++)
		if (strncmp(h->env[i], "WORKERS=", 8) == 0)
			h->env[i][0] = '_'; /* leave it to the file */
	house_replace(h->config, "{\"workers\": 2}");
	house_start_ready(h);
	house_replace(h->config, "{\"workers\": 3, \"max_body\": \"1 MiB\"}");
	house_reload(h);
	assert_last_reload(h, "ok");
	assert_int_equal(house_number(h, "workers"), 2);
	assert_int_equal(house_number(h, "generation"), 2);
	assert_int_equal(house_log_count(h, "need a restart"), 1);
	assert_int_equal(house_log_count(h, "WORKERS"), 1);
	assert_int_equal(house_stop(h), 0);
}

static void
there_are_never_more_than_four_generations(void **state)
{
	struct house *h = *state;
	char text[128];

	/* none of them leaves by itself */
	house_replace(h->config, "{\"cors_origins\": [\"https://deaf.example\"]}");
	house_start_ready(h);
	for (int i = 1; i <= 4; i++) {
		snprintf(text, sizeof(text),
		    "{\"cors_origins\": [\"https://deaf.example\"], \"max_body\": %d}",
		    1000 + i);
		house_replace(h->config, text);
		house_reload(h);
		assert_last_reload(h, "ok");
	}
	assert_int_equal(house_number(h, "generation"), 5);
	assert_true(has_left(h, 1)); /* hurried */
	for (int g = 2; g <= 5; g++)
		assert_int_not_equal(house_worker(h, g, 0), 0);
	kill(h->pid, SIGQUIT);
	assert_int_equal(house_wait(h), 0);
}

static void
old_workers_are_made_to_leave_after_the_drain_timeout(void **state)
{
	struct house *h = *state;

	house_env(h, "RELOAD_DRAIN_TIMEOUT", "1");
	house_replace(h->config, "{\"cors_origins\": [\"https://deaf.example\"]}");
	house_start_ready(h);
	house_replace(h->config, "{}");
	house_reload(h);
	assert_int_equal(house_number(h, "generation"), 2);
	house_await(h, has_left, 1);
	assert_int_equal(house_stop(h), 0);
}

static void
admin_may_ask_for_a_reload(void **state)
{
	struct house *h = *state;

	house_env(h, "WATCH", "off");
	house_start_ready(h);
	house_replace(h->keys, TWO_KEYS);
	assert_int_not_equal(ask_admin(h, 'r'), 0);
	house_await(h, has_finished_reloads, 1);
	assert_int_equal(ask_slot(h, 0).keys, 2);
	assert_int_equal(house_stop(h), 0);
}

static void
the_watch_publishes_a_changed_key_file(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	house_replace(h->keys, TWO_KEYS);
	house_await(h, has_keys, 2);
	assert_int_equal(house_number(h, "reloads_started"), 0);
	assert_int_equal(house_stop(h), 0);
}

static void
the_watch_puts_up_with_a_file_that_is_being_written(void **state)
{
	struct house *h = *state;
	const struct timespec moment = { .tv_sec = 1, .tv_nsec = 500000000 };

	house_start_ready(h);
	house_write(h->keys, "{\"keys\": [");
	(void)nanosleep(&moment, NULL); /* the writer's own slowness is what is tested */
	house_write(h->keys, TWO_KEYS);
	house_await(h, has_keys, 2);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 0);
	assert_int_equal(house_stop(h), 0);
}

static void
the_watch_refuses_a_faulty_file_once_and_keeps_the_keys(void **state)
{
	struct house *h = *state;
	const uint64_t began_ms = clock_mono_ms();

	house_start_ready(h);
	house_replace(h->keys, "{\"keys\": [");
	house_await(h, has_logged_refusals, 1);
	assert_true(clock_mono_ms() - began_ms >= 3000);
	assert_int_equal(house_number(h, "keys"), 1);
	house_replace(h->keys, TWO_KEYS);
	house_await(h, has_keys, 2);
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 1);
	assert_int_equal(house_stop(h), 0);
}

static void
faulty_keys_that_a_reload_has_refused_are_not_reported_twice(void **state)
{
	struct house *h = *state;
	const struct timespec patience = { .tv_sec = 4, .tv_nsec = 500000000 };

	house_start_ready(h);
	house_replace(h->keys, "{");
	house_reload(h);
	assert_last_reload(h, "refused");
	(void)nanosleep(
	    &patience, NULL); /* what the watch would have needed to say it again */
	assert_int_equal(house_log_count(h, "\"level\":\"error\""), 1);
	assert_int_equal(house_stop(h), 0);
}

static void
good_keys_beside_a_refused_configuration_are_published_by_the_watch(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	house_replace(h->config, "{\"tls_cert_file\": \"/nonexistent\"}");
	house_replace(h->keys, TWO_KEYS);
	house_reload(h);
	assert_last_reload(h, "refused");
	house_await(h, has_keys, 2);
	assert_int_equal(house_stop(h), 0);
}

static void
a_dead_worker_of_the_old_generation_is_not_replaced(void **state)
{
	struct house *h = *state;
	pid_t old;

	house_replace(h->config, "{\"cors_origins\": [\"https://deaf.example\"]}");
	house_start_ready(h);
	old = house_worker(h, 1, 0);
	house_replace(h->config, "{}");
	house_reload(h);
	house_await(h, serves_generation, 2);
	assert_int_equal(kill(old, SIGKILL), 0);
	kill(house_worker(h, 1, 1), SIGKILL);
	house_await(h, has_left, 1);
	assert_int_equal(house_number(h, "worker_restarts"), 0);
	assert_int_equal(house_stop(h), 0);
}

int
main(void)
{
#define HOUSE_TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(new_keys_and_settings_hold_at_once_and_no_worker_is_touched),
		HOUSE_TEST(
		    a_changed_configuration_brings_new_workers_and_the_old_ones_leave),
		HOUSE_TEST(admin_is_started_anew_when_its_settings_change),
		HOUSE_TEST(a_new_worker_that_dies_early_cancels_the_reload),
		HOUSE_TEST(anything_faulty_refuses_the_reload_and_everything_stays),
		HOUSE_TEST(what_needs_a_restart_is_named_and_left),
		HOUSE_TEST(there_are_never_more_than_four_generations),
		HOUSE_TEST(old_workers_are_made_to_leave_after_the_drain_timeout),
		HOUSE_TEST(admin_may_ask_for_a_reload),
		HOUSE_TEST(the_watch_publishes_a_changed_key_file),
		HOUSE_TEST(the_watch_puts_up_with_a_file_that_is_being_written),
		HOUSE_TEST(the_watch_refuses_a_faulty_file_once_and_keeps_the_keys),
		HOUSE_TEST(faulty_keys_that_a_reload_has_refused_are_not_reported_twice),
		HOUSE_TEST(
		    good_keys_beside_a_refused_configuration_are_published_by_the_watch),
		HOUSE_TEST(a_dead_worker_of_the_old_generation_is_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
