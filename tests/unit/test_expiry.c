/* Certificates that end soon: who is warned of, and when it is looked at again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "common/log.h"
#include "master/expiry.h"
#include "tests/unit/tls_case.h"

enum { DAY_S = 86400 };
#define DAY_MS UINT64_C(86400000)

static void
the_last_two_weeks_are_near_and_the_end_is_past(void **state)
{
	const int64_t end = 1800000000;

	(void)state;
	assert_int_equal(expiry_judge(end, end - 14 * DAY_S - 1), EXPIRY_FAR);
	assert_int_equal(expiry_judge(end, end - 14 * DAY_S), EXPIRY_NEAR);
	assert_int_equal(expiry_judge(end, end), EXPIRY_NEAR);
	assert_int_equal(expiry_judge(end, end + 1), EXPIRY_PAST);
	assert_int_equal(expiry_judge(INT64_MAX, end), EXPIRY_FAR);
}

/* A step of the master; what it logged stands in text. */
static void
step(struct master *m, uint64_t now_ms, int64_t wall_s, char *text, size_t size)
{
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(f);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fileno(f), STDERR_FILENO), STDERR_FILENO);
	m->wake_ms = STATE_NEVER;
	expiry_step(m, now_ms, wall_s);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(text, 1, size - 1, f);
	text[n] = '\0';
	fclose(f);
}

static void
each_certificate_that_ends_soon_is_named_once_a_day(void **state)
{
	struct tls_pair p[3] = { tls_case_pair(*state, "soon", "DNS:a", 13, NULL),
		tls_case_pair(*state, "later", "DNS:b", 20, NULL),
		tls_case_pair(*state, "gone", "DNS:c", -1, NULL) };
	struct tls_files files;
	struct config cfg = tls_case_config(&files, p, 3);
	struct master *m = calloc(1, sizeof(*m));
	struct inputs *in;
	struct errmsg why;
	const int64_t wall_s = time(NULL) + 60;
	char text[2048];

	assert_non_null(m);
	in = &state_generation(m, 0)->inputs;
	in->config = &cfg;
	assert_int_equal(tls_server_create(&cfg, NULL, &in->tls, &why), 0);
	step(m, 5000, wall_s, text, sizeof(text));
	assert_non_null(strstr(text, "soon.crt expires in 12 days"));
	assert_non_null(strstr(text, "gone.crt has expired"));
	assert_null(strstr(text, "later.crt"));
	assert_true(m->wake_ms == 5000 + DAY_MS);
	step(m, 5000 + DAY_MS - 1, wall_s + DAY_S, text, sizeof(text));
	assert_string_equal(text, "");
	assert_true(m->wake_ms == 5000 + DAY_MS);
	step(m, 5000 + DAY_MS, wall_s + 7 * DAY_S, text, sizeof(text));
	assert_non_null(strstr(text, "soon.crt expires in 5 days"));
	assert_non_null(strstr(text, "later.crt expires in 12 days"));
	expiry_request(m);
	step(m, 5001 + DAY_MS, wall_s, text, sizeof(text));
	assert_non_null(strstr(text, "soon.crt expires in 12 days"));
	tls_server_destroy(&in->tls);
	free(m);
}

static void
without_a_certificate_nothing_is_said(void **state)
{
	struct config cfg = { 0 };
	struct master *m = calloc(1, sizeof(*m));
	char text[256];

	(void)state;
	assert_non_null(m);
	state_generation(m, 0)->inputs.config = &cfg;
	step(m, 0, 0, text, sizeof(text));
	assert_string_equal(text, "");
	free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_two_weeks_are_near_and_the_end_is_past),
		cmocka_unit_test_setup_teardown(
		    each_certificate_that_ends_soon_is_named_once_a_day, tempdir_make,
		    tempdir_remove),
		cmocka_unit_test(without_a_certificate_nothing_is_said),
	};

	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
