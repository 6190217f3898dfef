/* Comparing, keeping, printing and documenting configurations by the table. */
#include "tests/unit/config_case.h"

#include <ctype.h>

#include "common/config_table.h"

/* Another good value than the default for every row. */
static const char *const others[] = { "PRIVATEMODE_API_KEY=abcdefghijkl",
	"UPSTREAM_URL=http://127.0.0.1:1", "UPSTREAM_CA_FILE=/dev/null",
	"UPSTREAM_COMMAND=/bin/true", "UPSTREAM_HEADERS=x-a", "UPSTREAM_CONNECT_TIMEOUT=1",
	"UPSTREAM_TIMEOUT=1", "UPSTREAM_IDLE_TIMEOUT=1", "ADMIN_PASSWORD=long-enough-one",
	"ADMIN_LISTEN=127.0.0.1:1", "API_KEYS_FILE=/x/k", "API_KEYS=aaaa,bbbb",
	"STRICT_KEYS=1", "MAX_KEYS=1", "SETTINGS_FILE=/x/s", "RATE_LIMIT_REQUESTS=1",
	"RATE_LIMIT_WINDOW=1", "IP_RATE_LIMIT_REQUESTS=1", "IP_RATE_LIMIT_WINDOW=1",
	"MODELS_FILE=/dev/null", "DATA_DIR=/x/d", "USAGE_FILE=/x/u", "RUN_DIR=/x/r",
	"USAGE_RETENTION=1", "AUDIT_RETENTION=1", "PORT=1", "LISTEN=127.0.0.1:1",
	"FORCE_HTTPS=1", "ACME_WEBROOT=/x", "TRUST_PROXY=1", "TRUSTED_PROXIES=10.0.0.0/8",
	"CORS_ORIGINS=*", "WORKERS=77", "HEADER_TIMEOUT=1", "BODY_TIMEOUT=1",
	"IDLE_TIMEOUT=1", "MAX_BODY=1", "MAX_HEADER=1024", "MAX_BUFFERED=1",
	"MAX_CONNECTIONS=1", "MAX_CONNECTIONS_PER_IP=1", "DRAIN_TIMEOUT=1",
	"RELOAD_DRAIN_TIMEOUT=1", "SSE_KEEPALIVE=1", "METRICS_LISTEN=off",
	"METRICS_TOKEN=abcdefghijkl", "METRICS_KEYS=off", "WORKER_USER=u", "ADMIN_USER=u",
	"LOG_LEVEL=debug", "LOG_FORMAT=text", "LOG_ADDRESS=on", "ACCESS_LOG=on",
	"WATCH=off", "PBKDF2_SALT=x" };

static const struct config_row *
row_of(const char *var)
{
	const struct config_row *row =
	    config_row_find((struct span){ var, strcspn(var, "=") });

	assert_non_null(row);
	return row;
}

static bool
names(const struct strlist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], name) == 0)
			return true;
	return false;
}

static void
the_table_is_sound(void **state)
{
	const struct config_row *rows;
	size_t n, plain = 0;

	(void)state;
	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(config_row_find(span_of(rows[i].name)), &rows[i]);
		for (const char *p = rows[i].name; *p != '\0'; p++)
			assert_true(isupper((unsigned char)*p) || *p == '_' ||
			    isdigit((unsigned char)*p));
		assert_true(strlen(rows[i].help) > 0);
		assert_true(rows[i].lo <= rows[i].hi);
		assert_int_equal(rows[i].count != 0,
		    rows[i].type == CONFIG_LISTEN || rows[i].type == CONFIG_CIDRS);
		if (rows[i].type != CONFIG_IGNORED)
			plain++;
	}
	/* so that no row is left out below; the TLS pair has a test of its own */
	assert_int_equal(n, COUNT(others) + 2);
	assert_true(plain > 0);
}

static void
a_configuration_does_not_differ_from_itself(void **state)
{
	struct strlist restart = { 0 };
	struct outcome a, b;

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		a = case_good(NULL, ENV(others[i]));
		b = case_good(NULL, ENV(others[i]));
		assert_false(config_differs(a.cfg, b.cfg, &restart));
		assert_false(config_admin_differs(a.cfg, b.cfg));
		assert_int_equal(restart.n, 0);
		case_fini(&a);
		case_fini(&b);
	}
}

/* By each row's rule; what follows from a row (USAGE_FILE from DATA_DIR) may join in. */
static void
a_difference_asks_for_just_what_its_row_says(void **state)
{
	struct outcome a = case_good(NULL, NO_ENV), b;

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		const struct config_row *row = row_of(others[i]);
		struct strlist restart = { 0 };
		bool generation, admin;

		b = case_good(NULL, ENV(others[i]));
		generation = config_differs(a.cfg, b.cfg, &restart);
		admin = config_admin_differs(a.cfg, b.cfg);
		assert_int_equal(
		    names(&restart, row->name), row->reload == CONFIG_RESTART);
		if (row->reload != CONFIG_RESTART)
			assert_int_equal(restart.n, 0);
		assert_int_equal(generation,
		    row->reload == CONFIG_GENERATION ||
			strcmp(row->name, "ADMIN_PASSWORD") == 0);
		if (row->reload != CONFIG_RESTART)
			assert_int_equal(admin, row->type != CONFIG_IGNORED);
		strlist_free(&restart);
		case_fini(&b);
	}
	case_fini(&a);
}

static void
what_is_published_needs_no_new_workers(void **state)
{
	struct strlist restart = { 0 };
	struct outcome a, b;

	(void)state;
	a = case_good(NULL, ENV("ADMIN_PASSWORD=the-first-password"));
	b = case_good(NULL,
	    ENV("ADMIN_PASSWORD=the-second-password", "API_KEYS=aaaa", "API_KEYS_FILE=/k",
		"SETTINGS_FILE=/s", "RATE_LIMIT_REQUESTS=1", "RATE_LIMIT_WINDOW=1",
		"IP_RATE_LIMIT_REQUESTS=1", "IP_RATE_LIMIT_WINDOW=1",
		"MODELS_FILE=/dev/null"));
	assert_false(config_differs(a.cfg, b.cfg, &restart));
	assert_int_equal(restart.n, 0);
	assert_true(config_admin_differs(a.cfg, b.cfg));
	case_fini(&a);
	case_fini(&b);
}

static void
what_needs_a_restart_is_named_and_nothing_else(void **state)
{
	static const char *const want[] = { "ADMIN_LISTEN", "MAX_KEYS", "DATA_DIR",
		"RUN_DIR", "PORT", "LISTEN", "WORKERS", "METRICS_LISTEN", "WORKER_USER",
		"ADMIN_USER" };
	struct strlist restart = { 0 };
	struct outcome a = case_good(NULL, ENV("WORKERS=1", "USAGE_FILE=/u")), b;

	(void)state;
	b = case_good(NULL,
	    ENV("ADMIN_LISTEN=127.0.0.1:2", "MAX_KEYS=9", "DATA_DIR=/d", "PORT=1",
		"WORKERS=2", "METRICS_LISTEN=off", "WORKER_USER=w", "ADMIN_USER=a",
		"USAGE_FILE=/u"));
	assert_false(config_differs(a.cfg, b.cfg, &restart));
	assert_false(config_admin_differs(a.cfg, b.cfg));
	assert_int_equal(restart.n, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++)
		assert_true(names(&restart, want[i]));
	strlist_free(&restart);
	case_fini(&a);
	case_fini(&b);
}

static void
a_certificate_that_comes_needs_new_workers_but_no_restart(void **state)
{
	char cert[128], key[128];
	struct strlist restart = { 0 };
	struct outcome a, b;

	(void)state;
	snprintf(cert, sizeof(cert), "TLS_CERT_FILE=%s", case_file("cert.pem", "x"));
	snprintf(key, sizeof(key), "TLS_KEY_FILE=%s", case_file("key.pem", "x"));
	a = case_good(NULL, ENV("PORT=1"));
	b = case_good(NULL, ENV("PORT=1", cert, key));
	assert_int_equal(a.cfg->listen[0].scheme, LISTEN_HTTP);
	assert_true(config_differs(a.cfg, b.cfg, &restart));
	assert_int_equal(restart.n, 0);
	assert_int_equal(config_keep_restart(b.cfg, a.cfg), 0);
	assert_int_equal(b.cfg->listen[0].scheme, LISTEN_HTTPS);
	case_fini(&a);
	case_fini(&b);
	a = case_good(NULL, ENV("LISTEN=http://[::]:1", cert, key));
	b = case_good(NULL, ENV("LISTEN=https://[::]:1", cert, key));
	assert_true(config_differs(a.cfg, b.cfg, &restart));
	assert_int_equal(restart.n, 0);
	case_fini(&a);
	case_fini(&b);
}

static void
another_certificate_needs_new_workers(void **state)
{
	char cert[128], key[128], cert2[128], key2[128];
	struct strlist restart = { 0 };
	struct outcome a, b, c;

	(void)state;
	snprintf(cert, sizeof(cert), "TLS_CERT_FILE=%s", case_file("cert.pem", "x"));
	snprintf(key, sizeof(key), "TLS_KEY_FILE=%s", case_file("key.pem", "x"));
	snprintf(cert2, sizeof(cert2), "TLS_CERT_FILE=%s", case_file("cert2.pem", "x"));
	snprintf(key2, sizeof(key2), "TLS_KEY_FILE=%s", case_file("key2.pem", "x"));
	a = case_good(NULL, ENV(cert, key));
	b = case_good(NULL, ENV(cert2, key));
	c = case_good(NULL, ENV(cert, key2));
	assert_true(config_differs(a.cfg, b.cfg, &restart));
	assert_true(config_differs(a.cfg, c.cfg, &restart));
	assert_int_equal(restart.n, 0);
	case_fini(&a);
	case_fini(&b);
	case_fini(&c);
}

static void
a_reload_can_keep_what_needs_a_restart(void **state)
{
	struct strlist restart = { 0 };
	struct outcome a = case_good(NULL,
	    ENV("WORKERS=3", "LISTEN=127.0.0.1:1,http://127.0.0.1:2", "DATA_DIR=/a"));
	struct outcome b = case_good(NULL,
	    ENV("WORKERS=4", "LISTEN=[::]:9", "ADMIN_LISTEN=[::]:8", "METRICS_LISTEN=off",
		"DATA_DIR=/b", "RUN_DIR=/c", "MAX_KEYS=4", "PORT=5", "WORKER_USER=w",
		"ADMIN_USER=a", "RATE_LIMIT_REQUESTS=5"));

	(void)state;
	assert_int_equal(config_keep_restart(b.cfg, a.cfg), 0);
	config_differs(a.cfg, b.cfg, &restart);
	assert_int_equal(restart.n, 0);
	assert_int_equal(b.cfg->workers, 3);
	assert_int_equal(b.cfg->n_listen, 2);
	assert_string_equal(b.cfg->listen[1].host, "127.0.0.1");
	assert_int_equal(b.cfg->n_admin_listen, 0);
	assert_int_equal(b.cfg->n_metrics_listen, 1);
	assert_string_equal(b.cfg->data_dir, "/a");
	assert_string_equal(b.cfg->run_dir, "/a");
	assert_string_equal(b.cfg->worker_user, "gatehouse");
	assert_int_equal(b.cfg->rate.requests, 5); /* the rest is the new one's */
	case_fini(&a);
	assert_string_equal(b.cfg->data_dir, "/a"); /* and its own copy */
	case_fini(&b);
}

static void
what_needs_a_restart_survives_being_written_down(void **state)
{
	struct outcome o = case_good(NULL,
	    ENV("LISTEN=http://[::]:81,http://127.0.0.1:82", "WORKERS=3", "MAX_KEYS=9",
		"METRICS_LISTEN=off", "DATA_DIR=/x/a=b", "WORKER_USER=u",
		"PRIVATEMODE_API_KEY=abcdefghijkl"));
	struct strlist lines = { 0 };
	struct strlist differs = { 0 };
	struct config *back = NULL;

	(void)state;
	assert_int_equal(config_restart_save(o.cfg, &lines), 0);
	for (size_t i = 0; i < lines.n; i++)
		assert_null(strstr(lines.v[i], "abcdefghijkl"));
	assert_int_equal(config_restart_load(&lines, &back), 0);
	(void)config_differs(o.cfg, back, &differs);
	assert_int_equal(differs.n, 0);
	assert_int_equal(back->listen[1].scheme, LISTEN_HTTP);
	assert_int_equal(back->n_metrics_listen, 0);
	assert_null(back->privatemode_api_key);
	strlist_free(&lines);
	strlist_free(&differs);
	config_destroy(&back);
	case_fini(&o);
}

static void
lines_that_are_no_such_settings_are_refused(void **state)
{
	static const char *const cases[] = { "", "WORKERS", "WORKERS=", "WORKERS=0",
		"WORKERS=x", "LISTEN=nonsense", "NOTHING=1", "ACCESS_LOG=on",
		"workers=1" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct strlist lines = { 0 };
		struct config *back = NULL;

		assert_int_equal(strlist_add(&lines, cases[i]), 0);
		assert_int_equal(config_restart_load(&lines, &back), ERR_INVALID);
		assert_null(back);
		strlist_free(&lines);
	}
}

static void
what_is_printed_is_the_effective_configuration(void **state)
{
	const char *const env[] = { "API_KEYS_FILE=/k/keys.json", "WORKERS=2",
		"DATA_DIR=/d", NULL };
	struct outcome o = case_good(NULL, env);
	char *text = case_printed(o.cfg);
	const struct config_row *rows;
	size_t n;

	(void)state;
	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		char line[128];

		snprintf(line, sizeof(line), "\n%s = ", rows[i].name);
		assert_int_equal(
		    strstr(text, line) != NULL, rows[i].type != CONFIG_IGNORED);
	}
	assert_non_null(strstr(text, "\nAPI_KEYS_FILE = /k/keys.json\n"));
	assert_non_null(strstr(text, "\nSETTINGS_FILE = /k/settings.json\n"));
	assert_non_null(strstr(text, "\nWORKERS = 2\n"));
	assert_non_null(strstr(text, "\nLISTEN = http://[::]:8080\n"));
	assert_non_null(strstr(text, "\nMETRICS_LISTEN = http://127.0.0.1:9464\n"));
	assert_non_null(strstr(text, "\nADMIN_PASSWORD = (not set)\n"));
	assert_non_null(strstr(text, "\nMODELS_FILE = (built in)\n"));
	assert_non_null(strstr(text, "\nMAX_BODY = 32 MiB\n"));
	assert_non_null(strstr(text, "\nRELOAD_DRAIN_TIMEOUT = 1 h\n"));
	assert_non_null(strstr(text, "empty.json and the environment\n"));
	free(text);
	case_fini(&o);
}

static void
the_documentation_has_every_row_with_its_default(void **state)
{
	char *text = case_printed(NULL);
	const struct config_row *rows;
	size_t n, lines = 0;

	(void)state;
	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		char lead[512];

		snprintf(lead, sizeof(lead), "%s=%s\n\t%s", rows[i].name,
		    rows[i].def != NULL ? rows[i].def : "", rows[i].help);
		assert_non_null(strstr(text, lead));
	}
	for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 2 * n);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(a_configuration_does_not_differ_from_itself),
		cmocka_unit_test(a_difference_asks_for_just_what_its_row_says),
		cmocka_unit_test(what_is_published_needs_no_new_workers),
		cmocka_unit_test(what_needs_a_restart_is_named_and_nothing_else),
		cmocka_unit_test(a_certificate_that_comes_needs_new_workers_but_no_restart),
		cmocka_unit_test(another_certificate_needs_new_workers),
		cmocka_unit_test(a_reload_can_keep_what_needs_a_restart),
		cmocka_unit_test(what_needs_a_restart_survives_being_written_down),
		cmocka_unit_test(lines_that_are_no_such_settings_are_refused),
		cmocka_unit_test(what_is_printed_is_the_effective_configuration),
		cmocka_unit_test(the_documentation_has_every_row_with_its_default),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
