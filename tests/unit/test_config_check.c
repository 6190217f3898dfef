/* Settings together: defaults worked out, combinations refused, warnings. */
#include "tests/unit/config_case.h"

#include <sched.h>

#include "common/config_text.h"

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* "NAME=PATH" in a buffer of the caller. */
static const char *
var_of(char *room, size_t bytes, const char *name, const char *value)
{
	snprintf(room, bytes, "%s=%s", name, value);
	return room;
}

static void
every_setting_works_with_no_file_and_no_environment(void **state)
{
	struct outcome o = case_good(NULL, NO_ENV);
	const struct config *c = o.cfg;

	(void)state;
	assert_null(c->privatemode_api_key);
	assert_null(c->admin_password);
	assert_null(c->metrics_token);
	assert_null(c->upstream_ca_file);
	assert_null(c->upstream_command);
	assert_null(c->models_file);
	assert_null(c->acme_webroot);
	assert_int_equal(c->max_keys, 131072);
	assert_false(c->strict_keys);
	assert_int_equal(c->rate.requests, 100);
	assert_int_equal(c->rate.window_s, 60);
	assert_int_equal(c->ip_rate.requests, 1000);
	assert_int_equal(c->ip_rate.window_s, 60);
	assert_false(c->trust_proxy);
	assert_false(c->force_https);
	assert_int_equal(c->upstream_connect_timeout_ms, 5000);
	assert_int_equal(c->upstream_timeout_ms, 600000);
	assert_int_equal(c->upstream_idle_timeout_ms, 300000);
	assert_int_equal(c->header_timeout_ms, 15000);
	assert_int_equal(c->body_timeout_ms, 60000);
	assert_int_equal(c->idle_timeout_ms, 75000);
	assert_int_equal(c->max_body, 32 << 20);
	assert_int_equal(c->max_header, 16 << 10);
	assert_int_equal(c->max_buffered, 256 << 20);
	assert_int_equal(c->max_connections, 20000);
	assert_int_equal(c->max_connections_per_ip, 1000);
	assert_int_equal(c->drain_timeout_ms, 30000);
	assert_int_equal(c->reload_drain_timeout_ms, 3600000);
	assert_int_equal(c->sse_keepalive_ms, 15000);
	assert_int_equal(c->usage_retention_days, 0);
	assert_int_equal(c->audit_retention_days, 0);
	assert_string_equal(c->worker_user, "gatehouse");
	assert_string_equal(c->admin_user, "gatehouse-admin");
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->log_format, LOG_FORMAT_JSON);
	assert_false(c->log_address);
	assert_false(c->access_log);
	assert_true(c->watch);
	assert_true(c->metrics_keys);
	assert_int_equal(c->warnings.n, 0);
	case_fini(&o);
}

static void
addresses_default_to_one_dual_stack_port_and_local_metrics(void **state)
{
	struct outcome o = case_good(NULL, NO_ENV);

	(void)state;
	assert_int_equal(o.cfg->n_listen, 1);
	assert_string_equal(o.cfg->listen[0].host, "::");
	assert_int_equal(o.cfg->listen[0].port, 8080);
	assert_int_equal(o.cfg->listen[0].scheme, LISTEN_HTTP);
	assert_int_equal(o.cfg->n_metrics_listen, 1);
	assert_string_equal(o.cfg->metrics_listen[0].host, "127.0.0.1");
	assert_int_equal(o.cfg->metrics_listen[0].port, 9464);
	assert_int_equal(o.cfg->metrics_listen[0].scheme, LISTEN_HTTP);
	assert_int_equal(o.cfg->n_admin_listen, 0);
	case_fini(&o);
	o = case_good(NULL, ENV("PORT=0"));
	assert_int_equal(o.cfg->listen[0].port, 0);
	case_fini(&o);
	o = case_good(NULL, ENV("PORT=81", "LISTEN=127.0.0.1:82"));
	assert_int_equal(o.cfg->n_listen, 1);
	assert_int_equal(o.cfg->listen[0].port, 82);
	case_fini(&o);
}

static void
paths_follow_from_each_other(void **state)
{
	const char *keys = is_folder("/app/secrets") ? "/app/secrets/api_keys.json"
						     : "/etc/gatehouse/api_keys.json";
	const char *data = is_folder("/app/data") ? "/app/data" : "/var/lib/gatehouse";
	struct outcome o = case_good(NULL, NO_ENV);

	(void)state;
	assert_string_equal(o.cfg->api_keys_file, keys);
	assert_string_equal(o.cfg->data_dir, data);
	assert_string_equal(o.cfg->run_dir, data);
	case_fini(&o);
	o = case_good(NULL, ENV("API_KEYS_FILE=/a/b/keys.json", "DATA_DIR=/srv/d"));
	assert_string_equal(o.cfg->settings_file, "/a/b/settings.json");
	assert_string_equal(o.cfg->usage_file, "/srv/d/usage.json");
	assert_string_equal(o.cfg->run_dir, "/srv/d");
	case_fini(&o);
	o = case_good(
	    NULL, ENV("API_KEYS_FILE=keys.json", "RUN_DIR=/run/g", "USAGE_FILE=/u"));
	assert_string_equal(o.cfg->settings_file, "settings.json");
	assert_string_equal(o.cfg->run_dir, "/run/g");
	assert_string_equal(o.cfg->usage_file, "/u");
	case_fini(&o);
	o = case_good(NULL, ENV("API_KEYS_FILE=/keys.json", "SETTINGS_FILE=/s"));
	assert_string_equal(o.cfg->settings_file, "/s");
	case_fini(&o);
}

static void
workers_default_to_the_processors_of_this_process(void **state)
{
	cpu_set_t all, one;
	struct outcome o;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	o = case_good(NULL, NO_ENV);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(o.cfg->workers, 1);
	case_fini(&o);
	o = case_good(NULL, NO_ENV);
	assert_in_range(o.cfg->workers, 1, (unsigned)CPU_COUNT(&all));
	case_fini(&o);
}

/* The variables of a certificate pair whose files can be read. */
struct pair {
	char cert[128], key[128];
};

static struct pair
make_pair(void)
{
	struct pair p = { "", "" };

	var_of(p.cert, sizeof(p.cert), "TLS_CERT_FILE", case_file("cert.pem", "x"));
	var_of(p.key, sizeof(p.key), "TLS_KEY_FILE", case_file("key.pem", "x"));
	assert_int_equal(chmod(case_path("key.pem"), 0600), 0);
	return p;
}

static void
a_certificate_turns_tls_on_wherever_no_scheme_says_otherwise(void **state)
{
	const struct pair p = make_pair();
	struct outcome o;

	(void)state;
	o = case_good(NULL, ENV(p.cert, p.key));
	assert_int_equal(o.cfg->listen[0].scheme, LISTEN_HTTPS);
	assert_int_equal(o.cfg->metrics_listen[0].scheme, LISTEN_HTTP);
	assert_true(o.cfg->force_https);
	assert_int_equal(o.cfg->warnings.n, 0);
	case_fini(&o);
	o = case_good(NULL,
	    ENV(p.cert, p.key, "LISTEN=[::]:443,http://[::]:80,https://[::]:8443",
		"ADMIN_LISTEN=127.0.0.1:9,http://127.0.0.1:10", "FORCE_HTTPS=no"));
	assert_int_equal(o.cfg->listen[0].scheme, LISTEN_HTTPS);
	assert_int_equal(o.cfg->listen[1].scheme, LISTEN_HTTP);
	assert_int_equal(o.cfg->listen[2].scheme, LISTEN_HTTPS);
	assert_int_equal(o.cfg->admin_listen[0].scheme, LISTEN_HTTPS);
	assert_int_equal(o.cfg->admin_listen[1].scheme, LISTEN_HTTP);
	assert_false(o.cfg->force_https);
	case_fini(&o);
	o = case_good(NULL, ENV("FORCE_HTTPS=on"));
	assert_true(o.cfg->force_https);
	case_fini(&o);
}

static void
half_a_tls_pair_is_refused(void **state)
{
	const struct pair p = make_pair();
	char two[256];

	(void)state;
	case_one_fault(
	    NULL, ENV(p.cert), "environment: TLS_CERT_FILE: is set without TLS_KEY_FILE");
	case_one_fault(
	    NULL, ENV(p.key), "environment: TLS_KEY_FILE: is set without TLS_CERT_FILE");
	snprintf(two, sizeof(two), "%s,%s", p.cert, case_file("cert2.pem", "x"));
	case_one_fault(
	    NULL, ENV(two, p.key), "TLS_KEY_FILE: has 1 entries, TLS_CERT_FILE 2");
}

static void
an_https_listener_without_a_certificate_is_refused(void **state)
{
	(void)state;
	case_one_fault(NULL, ENV("LISTEN=https://[::]:443"),
	    "environment: LISTEN: https://[::]:443 needs TLS_CERT_FILE");
	case_one_fault("{\"admin_listen\": [\"127.0.0.1:1\", \"https://127.0.0.1:2\"]}",
	    NO_ENV, "file.json: admin_listen: https://127.0.0.1:2 needs TLS_CERT_FILE");
	case_one_fault(NULL, ENV("METRICS_LISTEN=https://127.0.0.1:2"),
	    "METRICS_LISTEN: metrics are plain HTTP only");
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
	const struct pair p = make_pair();

	(void)state;
	case_one_fault(NULL, ENV(p.key, "TLS_CERT_FILE=/nonexistent/c.pem"),
	    "environment: TLS_CERT_FILE: /nonexistent/c.pem: No such file or directory");
	case_one_fault(
	    NULL, ENV(p.cert, "TLS_KEY_FILE=/etc"), "TLS_KEY_FILE: /etc: Is a directory");
	case_one_fault(NULL, ENV("UPSTREAM_CA_FILE=/nonexistent/ca"),
	    "UPSTREAM_CA_FILE: /nonexistent/ca: No such file");
	case_one_fault("{\"models_file\": \"/nonexistent/m\"}", NO_ENV,
	    "file.json: models_file: /nonexistent/m: No such file");
}

static void
a_key_file_need_not_exist(void **state)
{
	struct outcome o = case_good(NULL,
	    ENV("API_KEYS_FILE=/nonexistent/k", "SETTINGS_FILE=/nonexistent/s",
		"DATA_DIR=/nonexistent/d", "USAGE_FILE=/nonexistent/u"));

	(void)state;
	case_fini(&o);
}

static void
a_command_that_would_write_prompts_to_disk_is_refused(void **state)
{
	(void)state;
	case_one_fault(NULL,
	    ENV("UPSTREAM_COMMAND=/bin/proxy --port 1 --dumpRequests /tmp"),
	    "UPSTREAM_COMMAND: --dumpRequests writes");
	case_one_fault(NULL, ENV("UPSTREAM_COMMAND=/bin/proxy -dumprequests=/tmp"),
	    "UPSTREAM_COMMAND: --dumpRequests writes");
	case_one_fault(NULL, ENV("UPSTREAM_COMMAND=/bin/proxy --dump\"Req\"uests /tmp"),
	    "UPSTREAM_COMMAND: --dumpRequests writes");
}

static void
a_command_whose_quote_has_no_end_is_refused(void **state)
{
	(void)state;
	case_one_fault(NULL, ENV("UPSTREAM_COMMAND=/bin/proxy 'x"),
	    "UPSTREAM_COMMAND: a quote or a backslash has no end");
}

/* One environment variable and what its warning says; NULL: none. */
static void
what_is_unsafe_is_warned_of(void **state)
{
	static const char *const cases[][2] = {
		{ "ADMIN_PASSWORD=elevenchars",
		    "environment: ADMIN_PASSWORD: has fewer than 12" },
		{ "ADMIN_PASSWORD=twelve-chars", NULL },
		{ "ADMIN_PASSWORD=\xC3\xA4\xC3\xB6\xC3\xBC\xC3\xA4\xC3\xB6\xC3\xBC",
		    "fewer than 12" },
		{ "TRUST_PROXY=yes", "TRUST_PROXY: is on without TRUSTED_PROXIES" },
		{ "TRUSTED_PROXIES=10.0.0.0/8", NULL },
		{ "UPSTREAM_URL=http://proxy:8081", "UPSTREAM_URL: is plain http://" },
		{ "UPSTREAM_URL=http://10.0.0.1", "UPSTREAM_URL: is plain http://" },
		{ "UPSTREAM_URL=http://[2001:db8::1]", "UPSTREAM_URL: is plain http://" },
		{ "UPSTREAM_URL=http://localhost.example.org",
		    "UPSTREAM_URL: is plain http://" },
		{ "UPSTREAM_URL=http://LocalHost:1", NULL },
		{ "UPSTREAM_URL=http://127.9.9.9", NULL },
		{ "UPSTREAM_URL=http://[::1]:1", NULL },
		{ "UPSTREAM_URL=https://10.0.0.1", NULL },
		{ "UPSTREAM_URL=unix:/run/x", NULL },
		{ "PRIVATEMODE_API_KEY=your-privatemode-api-key",
		    "environment: PRIVATEMODE_API_KEY: looks like a placeholder" },
		{ "METRICS_TOKEN=change-me", "METRICS_TOKEN: looks like a placeholder" },
		{ "API_KEYS=pm_0123456789abcdef,your-secure-api-key-here",
		    "API_KEYS: looks like a placeholder" },
		{ "ADMIN_PASSWORD=your-secure-admin-password", "looks like a placeholder" },
		{ "UPSTREAM_COMMAND=/bin/proxy --apiKey abc",
		    "an API key on a command line" },
		{ "UPSTREAM_COMMAND=/bin/proxy --apiKey=abc",
		    "an API key on a command line" },
		{ "UPSTREAM_COMMAND=/bin/proxy --apiKey @/run/key", NULL },
		{ "UPSTREAM_COMMAND=/bin/proxy --port 8081", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct outcome o = case_good(NULL, ENV(cases[i][0]));

		if (o.cfg->warnings.n != (cases[i][1] != NULL))
			print_error("%s: %zu warnings\n", cases[i][0], o.cfg->warnings.n);
		assert_int_equal(o.cfg->warnings.n, cases[i][1] != NULL);
		if (cases[i][1] != NULL)
			assert_true(case_has(&o.cfg->warnings, cases[i][1]));
		case_fini(&o);
	}
}

static void
a_trusted_list_silences_the_warning_of_trust(void **state)
{
	struct outcome o =
	    case_good(NULL, ENV("TRUST_PROXY=1", "TRUSTED_PROXIES=10.0.0.0/8"));

	(void)state;
	assert_int_equal(o.cfg->warnings.n, 0);
	case_fini(&o);
}

static void
a_private_key_that_others_can_read_is_warned_of(void **state)
{
	const struct pair p = make_pair();
	struct outcome o;

	(void)state;
	assert_int_equal(chmod(case_path("key.pem"), 0644), 0);
	o = case_good(NULL, ENV(p.cert, p.key));
	assert_int_equal(o.cfg->warnings.n, 1);
	assert_true(case_has(&o.cfg->warnings, "key.pem: everybody on this machine"));
	case_fini(&o);
}

static void
placeholders_are_known_and_real_secrets_are_not_mistaken(void **state)
{
	static const char *const stand_ins[] = { "change-me", "CHANGEME",
		"please_change_me", "your-secure-admin-password-here",
		"your-privatemode-api-key-here", "your_key", "YOUR-API-KEY", "<your key>",
		"<>", "example-key", "placeholder", "password", "xxxxxxxx", "..." };
	static const char *const real[] = { "",
		"pm_Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdo",
		"correct horse battery staple", "b7f3c0de-1111-4222-8333-944455556666",
		"<half", "passw0rd!" };

	(void)state;
	for (size_t i = 0; i < COUNT(stand_ins); i++)
		assert_true(config_text_is_placeholder(stand_ins[i]));
	for (size_t i = 0; i < COUNT(real); i++)
		assert_false(config_text_is_placeholder(real[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_works_with_no_file_and_no_environment),
		cmocka_unit_test(
		    addresses_default_to_one_dual_stack_port_and_local_metrics),
		cmocka_unit_test(paths_follow_from_each_other),
		cmocka_unit_test(workers_default_to_the_processors_of_this_process),
		cmocka_unit_test(
		    a_certificate_turns_tls_on_wherever_no_scheme_says_otherwise),
		cmocka_unit_test(half_a_tls_pair_is_refused),
		cmocka_unit_test(an_https_listener_without_a_certificate_is_refused),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(a_key_file_need_not_exist),
		cmocka_unit_test(a_command_that_would_write_prompts_to_disk_is_refused),
		cmocka_unit_test(a_command_whose_quote_has_no_end_is_refused),
		cmocka_unit_test(what_is_unsafe_is_warned_of),
		cmocka_unit_test(a_trusted_list_silences_the_warning_of_trust),
		cmocka_unit_test(a_private_key_that_others_can_read_is_warned_of),
		cmocka_unit_test(placeholders_are_known_and_real_secrets_are_not_mistaken),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
