/*
 * settings_save: what is written is what a start reads; what would be refused, and what
 * somebody else holds, changes nothing.
 */
#include "admin/settings_save.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/tempdir.h"

static struct config
config_of(struct tempdir *t)
{
	return (struct config){
		.rate = { 100, 60 }, .ip_rate = { 1000, 30 }, .settings_file = t->file
	};
}

/* Set field i to v. */
static int
save(const struct config *cfg, size_t i, uint32_t v, struct settings_values *before,
    struct settings_values *after, struct errmsg *why)
{
	struct settings_change c = { { false }, { 0 } };

	c.given[i] = true;
	c.value[i] = v;
	return settings_save(cfg, &c, before, after, why);
}

static void
what_is_saved_is_what_is_loaded(void **state)
{
	struct config cfg = config_of(*state);
	struct settings_values before, after, now;
	struct strlist faults = { 0 };
	struct errmsg why = { "" };
	struct settings s;
	struct stat st;

	assert_int_equal(save(&cfg, 0, 7, &before, &after, &why), 0);
	assert_int_equal(before.value[0], 0);
	assert_int_equal(after.value[0], 7);
	assert_int_equal(stat(cfg.settings_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(save(&cfg, 3, 9, &before, &after, &why), 0);
	assert_int_equal(before.value[0], 7);
	assert_int_equal(settings_load(&cfg, &s, &faults), 0);
	assert_int_equal(s.rate.requests, 7);
	assert_int_equal(s.rate.window_s, 60);
	assert_int_equal(s.ip_rate.window_s, 9);
	assert_int_equal(save(&cfg, 0, 0, &before, &after, &why), 0);
	assert_int_equal(settings_load(&cfg, &s, &faults), 0);
	assert_int_equal(s.rate.requests, 100);
	assert_int_equal(settings_peek(cfg.settings_file, &now, &why), 0);
	assert_int_equal(now.value[0], 0);
	assert_int_equal(now.value[3], 9);
	assert_int_equal(tempdir_count(*state), 1);
}

static void
a_file_that_would_be_refused_stays_as_it_is(void **state)
{
	static const char odd[] = "{\"rate_limit_window\": \"soon\", \"mine\": [1]}";
	struct config cfg = config_of(*state);
	struct settings_values before, after;
	struct errmsg why = { "" };
	char *text;

	tempdir_write(*state, odd);
	assert_int_equal(save(&cfg, 0, 7, &before, &after, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "rate_limit_window"));
	assert_non_null(strstr(why.text, "nothing was changed"));
	text = tempdir_read(*state);
	assert_string_equal(text, odd);
	free(text);
	tempdir_write(*state, "{\"rate_limit_window\": ");
	assert_int_equal(save(&cfg, 0, 7, &before, &after, &why), ERR_SYNTAX);
	assert_int_equal(tempdir_count(*state), 1);
}

static void
a_value_that_is_no_good_can_be_put_right(void **state)
{
	struct config cfg = config_of(*state);
	struct settings_values before, after;
	struct errmsg why = { "" };

	tempdir_write(*state, "{\"rate_limit_window\": -5, \"rate_limit_requests\": 3}");
	assert_int_equal(save(&cfg, 1, 30, &before, &after, &why), 0);
	assert_int_equal(before.value[1], 0);
	assert_int_equal(after.value[0], 3);
	assert_int_equal(after.value[1], 30);
}

static void
who_holds_the_lock_is_waited_for_and_not_overwritten(void **state)
{
	struct config cfg = config_of(*state);
	struct settings_values before, after;
	struct errmsg why = { "" };
	int fd;

	tempdir_write(*state, "{}");
	fd = open(cfg.settings_file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(save(&cfg, 0, 7, &before, &after, &why), -EWOULDBLOCK);
	close(fd);
	assert_int_equal(save(&cfg, 0, 7, &before, &after, &why), 0);
}

static void
a_link_is_followed_and_stays_a_link(void **state)
{
	struct tempdir *t = *state;
	struct config cfg = config_of(t);
	struct settings_values before, after;
	struct errmsg why = { "" };
	char real[sizeof(t->file) + 8];
	struct stat st;

	snprintf(real, sizeof(real), "%s.real", t->file);
	tempdir_write_at(real, "{}", 2, 0640);
	assert_int_equal(symlink(real, t->file), 0);
	assert_int_equal(save(&cfg, 0, 7, &before, &after, &why), 0);
	assert_int_equal(lstat(t->file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(real, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_saved_is_what_is_loaded),
		TEST(a_file_that_would_be_refused_stays_as_it_is),
		TEST(a_value_that_is_no_good_can_be_put_right),
		TEST(who_holds_the_lock_is_waited_for_and_not_overwritten),
		TEST(a_link_is_followed_and_stays_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
