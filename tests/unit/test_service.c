/*
 * service and envfile: whose configuration a command acts on. The environment is the
 * test's own; a held lock and a status file stand for a running master.
 */
#include "master/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/rundir.h"
#include "master/envfile.h"
#include "tests/unit/tempdir.h"

static void
an_env_file_fills_in_what_the_environment_lacks(void **state)
{
	const struct tempdir *t = *state;
	char given_text[] = "GIVEN=here";
	char *given[] = { given_text, NULL };
	struct strlist env = { 0 };

	tempdir_write(t,
	    "# a comment\n\nGIVEN=there\nPLAIN=a b \nexport\n"
	    "QUOTED=\" two \"\nSINGLE='x=y'\n =nameless\nLAST=$PLAIN");
	assert_int_equal(envfile_copy(given, &env), 0);
	assert_int_equal(envfile_add(t->file, &env), 0);
	assert_int_equal(env.n, 5);
	assert_string_equal(env.v[0], "GIVEN=here");
	assert_string_equal(env.v[1], "PLAIN=a b");
	assert_string_equal(env.v[2], "QUOTED= two ");
	assert_string_equal(env.v[3], "SINGLE=x=y");
	assert_string_equal(env.v[4], "LAST=$PLAIN"); /* nothing is expanded */
	strlist_wipe(&env);
	assert_int_equal(envfile_add("/nonexistent/file", &env), 0);
	assert_int_equal(env.n, 0);
}

static void
the_env_file_counts_only_where_the_environment_is_silent(void **state)
{
	const struct tempdir *t = *state;
	struct config *cfg = NULL;
	struct strlist faults = { 0 };

	tempdir_write(t, "DATA_DIR=/from/the/file\nMAX_KEYS=77\n");
	clearenv();
	assert_int_equal(service_load_config(NULL, t->file, &cfg, &faults), 0);
	assert_string_equal(cfg->data_dir, "/from/the/file");
	assert_int_equal(cfg->max_keys, 77);
	config_destroy(&cfg);
	setenv("DATA_DIR", "/from/the/environment", 1);
	assert_int_equal(service_load_config(NULL, t->file, &cfg, &faults), 0);
	assert_string_equal(cfg->data_dir, "/from/the/environment");
	assert_int_not_equal(cfg->max_keys, 77);
	config_destroy(&cfg);
	clearenv();
}

static void
without_a_master_it_is_what_the_environment_says(void **state)
{
	const struct tempdir *t = *state;
	struct service s = { 0 };
	struct strlist faults = { 0 };

	clearenv();
	setenv("DATA_DIR", t->path, 1);
	assert_int_equal(service_find(NULL, &s, &faults), 0);
	assert_int_equal(s.master, 0);
	assert_string_equal(s.run_dir, t->path);
	service_fini(&s);
	clearenv();
}

static void
a_running_master_is_asked_even_when_the_files_have_become_faulty(void **state)
{
	const struct tempdir *t = *state;
	json_t *status = json_pack("{s:s, s:s, s:i, s:b}", "api_keys_file",
	    "/its/own/keys.json", "data_dir", t->path, "max_keys", 5, "strict_keys", 1);
	struct service s = { 0 };
	struct strlist faults = { 0 };
	int fd = -1;

	clearenv();
	setenv("DATA_DIR", t->path, 1);
	setenv("WORKERS", "nonsense", 1); /* in this shell, not in the master's */
	assert_int_equal(rundir_lock(t->path, RUNDIR_PID_FILE, &fd), 0);
	assert_int_equal(rundir_save_status(t->path, status), 0);
	json_decref(status);
	assert_int_equal(service_find(NULL, &s, &faults), 0);
	assert_int_equal(s.master, getpid());
	assert_string_equal(s.config->api_keys_file, "/its/own/keys.json");
	assert_int_equal(s.config->max_keys, 5);
	assert_true(s.config->strict_keys);
	assert_int_equal(faults.n, 0);
	service_fini(&s);
	rundir_unlock(t->path, RUNDIR_PID_FILE, &fd);
	assert_int_not_equal(service_find(NULL, &s, &faults), 0);
	assert_null(s.config);
	assert_non_null(strstr(faults.v[0], "WORKERS"));
	strlist_free(&faults);
	service_fini(&s);
	clearenv();
}

int
main(void)
{
#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		DIR_TEST(an_env_file_fills_in_what_the_environment_lacks),
		DIR_TEST(the_env_file_counts_only_where_the_environment_is_silent),
		DIR_TEST(without_a_master_it_is_what_the_environment_says),
		DIR_TEST(a_running_master_is_asked_even_when_the_files_have_become_faulty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
