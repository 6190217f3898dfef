/* Loading a configuration: sources, precedence, values of every type, faults. */
#include "tests/unit/config_case.h"

#include "common/config_table.h"

/* One variable and what config_print() says of it. */
static void
value_is_printed_as(const char *name, const char *value, const char *printed)
{
	char var[512], line[512];
	struct outcome o;
	char *text;

	snprintf(var, sizeof(var), "%s=%s", name, value);
	snprintf(line, sizeof(line), "\n%s = %s\n", name, printed);
	o = case_good(NULL, ENV(var));
	text = case_printed(o.cfg);
	if (strstr(text, line) == NULL)
		print_error("%s is not printed as %s\n", var, printed);
	assert_non_null(strstr(text, line));
	free(text);
	case_fini(&o);
}

static void
every_good_value_is_taken(void **state)
{
	static const char *const cases[][3] = {
		{ "STRICT_KEYS", "true", "true" },
		{ "STRICT_KEYS", "1", "true" },
		{ "STRICT_KEYS", "YES", "true" },
		{ "STRICT_KEYS", "on", "true" },
		{ "WATCH", "false", "false" },
		{ "WATCH", "0", "false" },
		{ "WATCH", "No", "false" },
		{ "WATCH", "off", "false" },
		{ "RATE_LIMIT_REQUESTS", "1", "1" },
		{ "RATE_LIMIT_REQUESTS", "16000000", "16000000" },
		{ "RATE_LIMIT_WINDOW", "1", "1 s" },
		{ "RATE_LIMIT_WINDOW", "90", "90 s" },
		{ "RATE_LIMIT_WINDOW", "90s", "90 s" },
		{ "RATE_LIMIT_WINDOW", "5m", "5 m" },
		{ "RATE_LIMIT_WINDOW", "2 h", "2 h" },
		{ "RATE_LIMIT_WINDOW", "3600", "1 h" },
		{ "IP_RATE_LIMIT_WINDOW", "010", "10 s" },
		{ "HEADER_TIMEOUT", "86400", "24 h" },
		{ "SSE_KEEPALIVE", "0", "0 s" },
		{ "MAX_BODY", "1000", "1000" },
		{ "MAX_BODY", "64KiB", "64 KiB" },
		{ "MAX_BODY", "25 MiB", "25 MiB" },
		{ "MAX_BODY", "1048576", "1 MiB" },
		{ "MAX_BODY", "2GiB", "2 GiB" },
		{ "MAX_BODY", "1024GiB", "1024 GiB" },
		{ "MAX_HEADER", "64KiB", "64 KiB" },
		{ "MAX_BUFFERED", "0", "0" },
		{ "WORKERS", "256", "256" },
		{ "PORT", "0", "0" },
		{ "PORT", "65535", "65535" },
		{ "LOG_LEVEL", "error", "error" },
		{ "LOG_LEVEL", "WARNING", "warn" },
		{ "LOG_LEVEL", "Debug", "debug" },
		{ "LOG_FORMAT", "text", "text" },
		{ "LOG_FORMAT", "JSON", "json" },
		{ "UPSTREAM_URL", "http://localhost:8081", "http://localhost:8081" },
		{ "UPSTREAM_URL", "http://127.0.0.1/", "http://127.0.0.1" },
		{ "UPSTREAM_URL", "HTTP://[::1]:8081/", "http://[::1]:8081" },
		{ "UPSTREAM_URL", "http://[::1]", "http://[::1]" },
		{ "UPSTREAM_URL", "https://up.example.org", "https://up.example.org" },
		{ "UPSTREAM_URL", "https://up_1.example.org:443",
		    "https://up_1.example.org" },
		{ "UPSTREAM_URL", "https://up.example.org:80",
		    "https://up.example.org:80" },
		{ "UPSTREAM_URL", "unix:/run/proxy.sock", "unix:/run/proxy.sock" },
		{ "LISTEN", "127.0.0.1:80", "http://127.0.0.1:80" },
		{ "LISTEN", "[::1]:0", "http://[::1]:0" },
		{ "LISTEN", "http://[::]:80,http://0.0.0.0:81",
		    "http://[::]:80,http://0.0.0.0:81" },
		{ "LISTEN", ":80", "http://[::]:80" },
		{ "LISTEN", "*:80", "http://[::]:80" },
		{ "LISTEN", " 127.0.0.1:80 ,, 127.0.0.2:80,",
		    "http://127.0.0.1:80,http://127.0.0.2:80" },
		{ "LISTEN", "127.0.0.1:0,127.0.0.1:0",
		    "http://127.0.0.1:0,http://127.0.0.1:0" },
		{ "METRICS_LISTEN", "off", "off" },
		{ "METRICS_LISTEN", "OFF", "off" },
		{ "METRICS_LISTEN", "[::1]:9000", "http://[::1]:9000" },
		{ "ADMIN_LISTEN", "127.0.0.1:9000", "http://127.0.0.1:9000" },
		{ "TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32,192.0.2.1",
		    "10.0.0.0/8,2001:db8::/32,192.0.2.1/32" },
		{ "TRUSTED_PROXIES", "::/0,0.0.0.0/0", "::/0,0.0.0.0/0" },
		{ "CORS_ORIGINS", "*", "*" },
		{ "CORS_ORIGINS", "https://Chat.Example.ORG,http://localhost:3000",
		    "https://chat.example.org,http://localhost:3000" },
		{ "CORS_ORIGINS", "app://obsidian.md,http://[::1]:80",
		    "app://obsidian.md,http://[::1]:80" },
		{ "UPSTREAM_HEADERS", "X-Trace, x-tenant-ID", "x-trace,x-tenant-id" },
		{ "UPSTREAM_COMMAND", "/usr/bin/privatemode-proxy --port 8081",
		    "/usr/bin/privatemode-proxy --port 8081" },
		{ "DATA_DIR", "/srv/d\xC3\xA4ta, two", "/srv/d\xC3\xA4ta, two" },
		{ "USAGE_RETENTION", "0", "0" },
		{ "AUDIT_RETENTION", "365", "365" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		value_is_printed_as(cases[i][0], cases[i][1], cases[i][2]);
}

static void
every_bad_value_is_refused_by_name(void **state)
{
	static const char *const cases[][2] = {
		{ "STRICT_KEYS=maybe", "STRICT_KEYS: \"maybe\" is none of true" },
		{ "RATE_LIMIT_REQUESTS=0", "RATE_LIMIT_REQUESTS: \"0\" is below 1" },
		{ "RATE_LIMIT_REQUESTS=-5", "\"-5\" is below 1" },
		{ "RATE_LIMIT_REQUESTS=16000001", "is above 16000000" },
		{ "RATE_LIMIT_REQUESTS=1e3", "\"1e3\" is not a whole number" },
		{ "RATE_LIMIT_REQUESTS=10s", "\"10s\" is not a whole number" },
		{ "RATE_LIMIT_REQUESTS=0x10", "is not a whole number" },
		{ "RATE_LIMIT_REQUESTS= 5", "is not a whole number" },
		{ "RATE_LIMIT_REQUESTS=+5", "is not a whole number" },
		{ "RATE_LIMIT_REQUESTS=18446744073709551617", "is above 16000000" },
		{ "RATE_LIMIT_WINDOW=0",
		    "environment: RATE_LIMIT_WINDOW: \"0\" is below 1" },
		{ "RATE_LIMIT_WINDOW=-60", "\"-60\" is below 1" },
		{ "RATE_LIMIT_WINDOW=-0", "\"-0\" is below 1" },
		{ "RATE_LIMIT_WINDOW=1.5", "is not a whole number of seconds" },
		{ "RATE_LIMIT_WINDOW=5 min", "is not a whole number of seconds" },
		{ "RATE_LIMIT_WINDOW=5M", "is not a whole number of seconds" },
		{ "RATE_LIMIT_WINDOW=5  s", "is not a whole number of seconds" },
		{ "RATE_LIMIT_WINDOW=s", "is not a whole number of seconds" },
		{ "RATE_LIMIT_WINDOW=-", "is not a whole number of seconds" },
		{ "RATE_LIMIT_WINDOW=99999999999999999999h", "is above 2678400" },
		{ "IP_RATE_LIMIT_WINDOW=0s", "\"0s\" is below 1" },
		{ "IP_RATE_LIMIT_REQUESTS=none",
		    "IP_RATE_LIMIT_REQUESTS: \"none\" is not" },
		{ "SSE_KEEPALIVE=-1", "SSE_KEEPALIVE: \"-1\" is below 0" },
		{ "HEADER_TIMEOUT=0", "HEADER_TIMEOUT: \"0\" is below 1" },
		{ "UPSTREAM_TIMEOUT=25h", "UPSTREAM_TIMEOUT: \"25h\" is above 86400" },
		{ "MAX_BODY=0", "MAX_BODY: \"0\" is below 1" },
		{ "MAX_BODY=1MB", "is not a whole number of bytes" },
		{ "MAX_BODY=1k", "is not a whole number of bytes" },
		{ "MAX_BODY=99999999999GiB", "MAX_BODY: \"99999999999GiB\" is above" },
		{ "MAX_HEADER=1", "MAX_HEADER: \"1\" is below 1024" },
		{ "WORKERS=0", "WORKERS: \"0\" is below 1" },
		{ "WORKERS=257", "WORKERS: \"257\" is above 256" },
		{ "WORKERS=auto", "WORKERS: \"auto\" is not a whole number" },
		{ "PORT=65536", "PORT: \"65536\" is above 65535" },
		{ "PORT=-1", "PORT: \"-1\" is below 0" },
		{ "PORT=http", "PORT: \"http\" is not a whole number" },
		{ "LOG_LEVEL=loud", "LOG_LEVEL: \"loud\" is none of" },
		{ "LOG_FORMAT=xml", "LOG_FORMAT: \"xml\" is none of" },
		{ "UPSTREAM_URL=localhost:8081", "begins with none of http://" },
		{ "UPSTREAM_URL=ftp://localhost", "begins with none of http://" },
		{ "UPSTREAM_URL=http://", "has no valid host" },
		{ "UPSTREAM_URL=http://:80", "has no valid host" },
		{ "UPSTREAM_URL=http://a b", "has no valid host" },
		{ "UPSTREAM_URL=http://::1:80", "has no valid host" },
		{ "UPSTREAM_URL=http://[::1", "has no valid host" },
		{ "UPSTREAM_URL=http://[name]:80", "has no valid host" },
		{ "UPSTREAM_URL=http://host:0", "has no port from 1 to 65535" },
		{ "UPSTREAM_URL=http://host:65536", "has no port from 1 to 65535" },
		{ "UPSTREAM_URL=http://host:", "has no port from 1 to 65535" },
		{ "UPSTREAM_URL=http://host/v1", "has a path or query" },
		{ "UPSTREAM_URL=http://host//", "has a path or query" },
		{ "UPSTREAM_URL=http://host?x=1", "has a path or query" },
		{ "UPSTREAM_URL=http://host#x", "has a path or query" },
		{ "UPSTREAM_URL=http://user:hunter2@host", "has a user or password" },
		{ "UPSTREAM_URL=unix:relative", "has no absolute path" },
		{ "UPSTREAM_URL=unix:", "has no absolute path" },
		{ "LISTEN=8080", "LISTEN: \"8080\" is no ADDRESS:PORT" },
		{ "LISTEN=127.0.0.1", "is no ADDRESS:PORT" },
		{ "LISTEN=[::]", "is no ADDRESS:PORT" },
		{ "LISTEN=localhost:80", "has no literal address" },
		{ "LISTEN=::1:80", "has no literal address" },
		{ "LISTEN=[127.0.0.1]:80", "has no literal address" },
		{ "LISTEN=[::1]x:80", "has no literal address" },
		{ "LISTEN=127.0.0.1:65536", "has no port from 0 to 65535" },
		{ "LISTEN=127.0.0.1:", "has no port from 0 to 65535" },
		{ "LISTEN=127.0.0.1:80/", "has no port from 0 to 65535" },
		{ "LISTEN=127.0.0.1:+80", "has no port from 0 to 65535" },
		{ "LISTEN=ftp://127.0.0.1:80", "has no literal address" },
		{ "LISTEN=off", "LISTEN: \"off\" is no ADDRESS:PORT" },
		{ "ADMIN_LISTEN=off", "ADMIN_LISTEN: \"off\" is no ADDRESS:PORT" },
		{ "METRICS_LISTEN=no", "METRICS_LISTEN: \"no\" is no ADDRESS:PORT" },
		{ "LISTEN=127.0.0.1:80,127.0.0.1:80",
		    "http://127.0.0.1:80 is there twice" },
		{ "TRUSTED_PROXIES=10.0.0.1/8", "\"10.0.0.1/8\" is no address or network" },
		{ "TRUSTED_PROXIES=10.0.0.0/8,proxy",
		    "\"proxy\" is no address or network" },
		{ "TRUSTED_PROXIES=10.0.0.0/33",
		    "\"10.0.0.0/33\" is no address or network" },
		{ "CORS_ORIGINS=https://a.org/", "\"https://a.org/\" is no origin" },
		{ "CORS_ORIGINS=a.org", "\"a.org\" is no origin" },
		{ "CORS_ORIGINS=https://*.a.org", "is no origin" },
		{ "CORS_ORIGINS=null", "\"null\" is no origin" },
		{ "CORS_ORIGINS=https://", "is no origin" },
		{ "CORS_ORIGINS=https://u@a.org", "is no origin" },
		{ "UPSTREAM_HEADERS=a b", "\"a b\" is no header name" },
		{ "UPSTREAM_HEADERS=x:", "\"x:\" is no header name" },
		{ "UPSTREAM_HEADERS=Authorization", "authorization is a credential" },
		{ "UPSTREAM_HEADERS=x-ok,X-API-KEY", "x-api-key is a credential" },
		{ "UPSTREAM_HEADERS=Cookie", "cookie is a credential" },
		{ "UPSTREAM_HEADERS=Connection", "connection is a credential" },
		{ "UPSTREAM_HEADERS=Transfer-Encoding",
		    "transfer-encoding is a credential" },
		{ "UPSTREAM_HEADERS=Proxy-Authorization", "proxy-authorization is" },
		{ "UPSTREAM_HEADERS=Keep-Alive", "keep-alive is" },
		{ "UPSTREAM_HEADERS=TE", "te is" },
		{ "UPSTREAM_HEADERS=Trailer", "trailer is" },
		{ "UPSTREAM_HEADERS=Upgrade", "upgrade is" },
		{ "UPSTREAM_HEADERS=Host", "host is" },
		{ "UPSTREAM_HEADERS=Content-Length", "content-length is" },
		{ "UPSTREAM_HEADERS=Accept-Encoding", "accept-encoding is" },
		{ "DATA_DIR=/srv/\n", "DATA_DIR: has a control character" },
		{ "MAX_KEYS=0", "MAX_KEYS: \"0\" is below 1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		case_one_fault(NULL, ENV(cases[i][0]), cases[i][1]);
}

static void
a_url_is_taken_apart(void **state)
{
	static const struct {
		const char *env, *host, *unix_path, *authority;
		enum upstream_scheme scheme;
		unsigned port;
	} cases[] = {
		{ "X=", "localhost", NULL, "localhost:8081", UPSTREAM_HTTP, 8081 },
		{ "UPSTREAM_URL=http://a.b", "a.b", NULL, "a.b", UPSTREAM_HTTP, 80 },
		{ "UPSTREAM_URL=https://a.b/", "a.b", NULL, "a.b", UPSTREAM_HTTPS, 443 },
		{ "UPSTREAM_URL=https://a.b:80", "a.b", NULL, "a.b:80", UPSTREAM_HTTPS,
		    80 },
		{ "UPSTREAM_URL=http://[2001:DB8::1]:99", "2001:db8::1", NULL,
		    "[2001:db8::1]:99", UPSTREAM_HTTP, 99 },
		{ "UPSTREAM_URL=unix:/a/b", NULL, "/a/b", "localhost", UPSTREAM_UNIX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct outcome o = case_good(NULL, ENV(cases[i].env));
		const struct upstream_url *u = &o.cfg->upstream;

		assert_int_equal(u->scheme, cases[i].scheme);
		assert_int_equal(u->port, cases[i].port);
		assert_string_equal(u->authority, cases[i].authority);
		if (cases[i].host != NULL)
			assert_string_equal(u->host, cases[i].host);
		else
			assert_null(u->host);
		if (cases[i].unix_path != NULL)
			assert_string_equal(u->unix_path, cases[i].unix_path);
		else
			assert_null(u->unix_path);
		case_fini(&o);
	}
}

static void
the_environment_wins_over_the_file_and_the_file_over_the_default(void **state)
{
	struct outcome o;

	(void)state;
	o = case_good(NULL, NO_ENV);
	assert_int_equal(o.cfg->rate.requests, 100);
	case_fini(&o);
	o = case_good("{\"rate_limit_requests\": 7, \"max_keys\": 9}", NO_ENV);
	assert_int_equal(o.cfg->rate.requests, 7);
	assert_int_equal(o.cfg->max_keys, 9);
	assert_string_equal(o.cfg->file, case_path("file.json"));
	case_fini(&o);
	o = case_good("{\"rate_limit_requests\": 7, \"max_keys\": 9}",
	    ENV("RATE_LIMIT_REQUESTS=8"));
	assert_int_equal(o.cfg->rate.requests, 8);
	assert_int_equal(o.cfg->max_keys, 9);
	case_fini(&o);
}

static void
an_empty_variable_counts_as_unset(void **state)
{
	struct outcome o = case_good("{\"rate_limit_requests\": 7}",
	    ENV("RATE_LIMIT_REQUESTS=", "RATE_LIMIT_WINDOW=", "ADMIN_PASSWORD=",
		"ADMIN_PASSWORD_FILE=", "LISTEN=", "TLS_CERT_FILE=", "API_KEYS=,, ,"));

	(void)state;
	assert_int_equal(o.cfg->rate.requests, 7);
	assert_int_equal(o.cfg->rate.window_s, 60);
	assert_null(o.cfg->admin_password);
	assert_int_equal(o.cfg->n_listen, 1);
	assert_int_equal(o.cfg->api_keys.n, 0);
	case_fini(&o);
}

static void
variables_of_others_are_left_alone(void **state)
{
	struct outcome o = case_good(NULL,
	    ENV("PATH=/bin", "RATE_LIMIT=x", "rate_limit_window=x", "MAX_KEYS_FILE=/none",
		"NOEQUALS", "WORKERSX=1", "LISTEN_FDS=2"));

	(void)state;
	assert_int_equal(o.cfg->rate.window_s, 60);
	case_fini(&o);
}

static void
a_file_says_everything_in_lower_case_with_json_types(void **state)
{
	struct outcome o =
	    case_good("{\"strict_keys\": true, \"watch\": 0, \"log_address\": \"yes\","
		      " \"rate_limit_window\": \"5m\", \"upstream_timeout\": 20,"
		      " \"max_body\": \"1 MiB\", \"max_header\": 2048,"
		      " \"listen\": [\"127.0.0.1:1\", \"[::1]:2\"],"
		      " \"admin_listen\": \"127.0.0.1:3,127.0.0.1:4\","
		      " \"api_keys\": [\"a,b\", \"c\", \"\"],"
		      " \"trusted_proxies\": [], \"cors_origins\": null,"
		      " \"data_dir\": \"/srv/x\", \"usage_file\": \"\","
		      " \"metrics_listen\": \"off\", \"pbkdf2_salt\": \"s\"}",
		NO_ENV);
	const struct config *c = o.cfg;

	(void)state;
	assert_true(c->strict_keys);
	assert_false(c->watch);
	assert_true(c->log_address);
	assert_int_equal(c->rate.window_s, 300);
	assert_int_equal(c->upstream_timeout_ms, 20000);
	assert_int_equal(c->max_body, 1 << 20);
	assert_int_equal(c->max_header, 2048);
	assert_int_equal(c->n_listen, 2);
	assert_string_equal(c->listen[1].host, "::1");
	assert_int_equal(c->listen[1].port, 2);
	assert_int_equal(c->n_admin_listen, 2);
	assert_int_equal(c->admin_listen[1].port, 4);
	assert_int_equal(c->api_keys.n, 2);
	assert_string_equal(c->api_keys.v[0], "a,b");
	assert_int_equal(c->n_trusted_proxies, 0);
	assert_int_equal(c->cors_origins.n, 0);
	assert_string_equal(c->data_dir, "/srv/x");
	assert_string_equal(c->usage_file, "/srv/x/usage.json");
	assert_int_equal(c->n_metrics_listen, 0);
	case_fini(&o);
}

static void
a_bad_file_is_refused_by_field(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"colour\": 1}", "file.json: colour: unknown field" },
		{ "{\"RATE_LIMIT_WINDOW\": 1}", "RATE_LIMIT_WINDOW: unknown field" },
		{ "{\"api_keys_file_file\": \"x\"}", "api_keys_file_file: unknown field" },
		{ "{\"port_file\": \"x\"}", "port_file: unknown field" },
		{ "{\"_file\": \"x\"}", "_file: unknown field" },
		{ "{\"\": \"x\"}", "unknown field" },
		{ "{\"port\": 1.5}", "file.json: port: has a JSON type that does not fit" },
		{ "{\"port\": true}", "port: has a JSON type that does not fit" },
		{ "{\"port\": [1]}", "port: is no list" },
		{ "{\"port\": {}}", "port: has a JSON type that does not fit" },
		{ "{\"data_dir\": 5}", "data_dir: has a JSON type that does not fit" },
		{ "{\"data_dir\": true}", "data_dir: has a JSON type that does not fit" },
		{ "{\"strict_keys\": 2}", "strict_keys: \"2\" is none of" },
		{ "{\"listen\": [1]}", "listen: entry 0 is no string" },
		{ "{\"listen\": 80}", "listen: has a JSON type that does not fit" },
		{ "{\"rate_limit_window\": 0}",
		    "file.json: rate_limit_window: \"0\" is below 1" },
		{ "{\"rate_limit_window\": -9}", "rate_limit_window: \"-9\" is below 1" },
		{ "{\"admin_password_file\": 5}", "admin_password_file: has a JSON type" },
		{ "{\"port\": 1, \"port\": 2}",
		    "file.json: file: is no JSON: line 1, column" },
		{ "{\"port\": 1,}", "is no JSON: line 1, column" },
		{ "", "is no JSON: line 1, column 0" },
		{ "[]", "file.json: file: is no JSON object" },
		{ "{} {}", "is no JSON: line 1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		case_one_fault(cases[i][0], NO_ENV, cases[i][1]);
}

static void
a_file_that_is_named_must_be_there(void **state)
{
	struct strlist faults;
	struct config *cfg = NULL;
	char var[128];

	(void)state;
	assert_int_equal(config_load("/nonexistent/x.json",
			     (char *const *)(uintptr_t)NO_ENV, &cfg, &faults),
	    ERR_INVALID);
	assert_int_equal(faults.n, 1);
	assert_string_equal(
	    faults.v[0], "/nonexistent/x.json: file: No such file or directory");
	strlist_free(&faults);
	assert_int_equal(
	    config_load(case_dir, (char *const *)(uintptr_t)NO_ENV, &cfg, &faults),
	    ERR_INVALID);
	assert_true(case_has(&faults, "Is a directory"));
	strlist_free(&faults);
	snprintf(var, sizeof(var), "GATEHOUSE_CONFIG=%s",
	    case_file("file.json", "{\"max_keys\": 3}"));
	assert_int_equal(
	    config_load(NULL, (char *const *)(uintptr_t)ENV(var), &cfg, &faults), 0);
	assert_int_equal(cfg->max_keys, 3);
	config_destroy(&cfg);
	assert_int_equal(config_load(case_file("empty.json", "{}"),
			     (char *const *)(uintptr_t)ENV(var), &cfg, &faults),
	    0); /* -c wins */
	assert_int_equal(cfg->max_keys, 131072);
	config_destroy(&cfg);
}

static void
a_secret_may_stand_in_a_file_of_its_own(void **state)
{
	static const char *const cases[][2] = { { "s3cret-of-some-length",
						    "s3cret-of-some-length" },
		{ "s3cret-of-some-length\n", "s3cret-of-some-length" },
		{ "s3cret-of-some-length\r\n", "s3cret-of-some-length" },
		{ " in two words ", " in two words " } };
	char var[128], json[256];

	(void)state;
	snprintf(var, sizeof(var), "ADMIN_PASSWORD_FILE=%s", case_path("secret"));
	snprintf(
	    json, sizeof(json), "{\"admin_password_file\": \"%s\"}", case_path("secret"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct outcome o;

		case_file("secret", cases[i][0]);
		o = case_good(NULL, ENV(var));
		assert_string_equal(o.cfg->admin_password, cases[i][1]);
		case_fini(&o);
		o = case_good(json, NO_ENV);
		assert_string_equal(o.cfg->admin_password, cases[i][1]);
		case_fini(&o);
	}
}

static void
a_role_forgets_all_secrets_but_those_that_it_keeps(void **state)
{
	static const char *const keep[] = { "ADMIN_PASSWORD", NULL };
	static const char *const none[] = { NULL };
	struct outcome o = case_good("{\"admin_password\": \"a-password-of-some-length\","
				     " \"privatemode_api_key\": \"upstream\","
				     " \"api_keys\": [\"one\", \"two\"]}",
	    NO_ENV);

	(void)state;
	config_forget(o.cfg, keep);
	assert_string_equal(o.cfg->admin_password, "a-password-of-some-length");
	assert_string_equal(o.cfg->privatemode_api_key, ""); /* it was set: that stays */
	assert_null(o.cfg->metrics_token);
	assert_int_equal(o.cfg->api_keys.n, 2);
	assert_string_equal(o.cfg->api_keys.v[0], "");
	assert_string_equal(o.cfg->api_keys.v[1], "");
	assert_non_null(o.cfg->data_dir); /* no secret */
	config_forget(o.cfg, none);
	assert_string_equal(o.cfg->admin_password, "");
	case_fini(&o);
}

static void
every_secret_but_the_list_has_a_file_form(void **state)
{
	char key[128], token[128];
	struct outcome o;

	(void)state;
	snprintf(key, sizeof(key), "PRIVATEMODE_API_KEY_FILE=%s",
	    case_file("secret", "tok-0123456789\n"));
	snprintf(token, sizeof(token), "METRICS_TOKEN_FILE=%s", case_path("secret"));
	o = case_good(NULL, ENV(key, token));
	assert_string_equal(o.cfg->privatemode_api_key, "tok-0123456789");
	assert_string_equal(o.cfg->metrics_token, "tok-0123456789");
	case_fini(&o);
}

static void
a_bad_secret_file_is_refused_by_path(void **state)
{
	char var[128], want[160];

	(void)state;
	case_one_fault(NULL, ENV("ADMIN_PASSWORD_FILE=/nonexistent/pw"),
	    "environment: ADMIN_PASSWORD_FILE: /nonexistent/pw: No such file or "
	    "directory");
	snprintf(var, sizeof(var), "ADMIN_PASSWORD_FILE=%s", case_file("secret", "\n"));
	snprintf(want, sizeof(want), "environment: ADMIN_PASSWORD_FILE: %s: is empty",
	    case_path("secret"));
	case_one_fault(NULL, ENV(var), want);
	case_file("secret", "two\nlines\n");
	case_one_fault(
	    NULL, ENV(var), "environment: ADMIN_PASSWORD_FILE: has a control character");
	case_one_fault(NULL, ENV("METRICS_TOKEN_FILE=/dev/zero"), "/dev/zero: too large");
	case_one_fault("{\"admin_password_file\": \"/nonexistent/pw\"}", NO_ENV,
	    "file.json: admin_password_file: /nonexistent/pw: No such file");
}

static void
a_secret_given_twice_in_one_source_is_refused(void **state)
{
	struct outcome o;

	(void)state;
	case_file("secret", "from-a-file-of-its-own");
	case_one_fault(NULL,
	    ENV("ADMIN_PASSWORD=hunter2hunter2", "ADMIN_PASSWORD_FILE=/x"),
	    "environment: ADMIN_PASSWORD: is set and ADMIN_PASSWORD_FILE too");
	case_one_fault(
	    "{\"admin_password\": \"hunter2hunter2\", \"admin_password_file\": \"/x\"}",
	    NO_ENV, "file.json: admin_password: is set and admin_password_file too");
	o = case_good("{\"admin_password\": \"from-the-json-file\"}",
	    ENV("ADMIN_PASSWORD=from-the-environment"));
	assert_string_equal(o.cfg->admin_password, "from-the-environment");
	case_fini(&o);
}

static void
a_secret_fit_for_a_header_has_visible_ascii_only(void **state)
{
	static const char *const bad[] = { "PRIVATEMODE_API_KEY=two words",
		"PRIVATEMODE_API_KEY=umlaut\xC3\xA4", "METRICS_TOKEN=tab\there",
		"PRIVATEMODE_API_KEY=crlf\r\nX-Evil: 1" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct outcome o = case_load(NULL, ENV(bad[i]));

		assert_int_equal(o.r, ERR_INVALID);
		assert_int_equal(o.faults.n, 1);
		case_fini(&o);
	}
}

static void
all_faults_are_told_at_once(void **state)
{
	struct outcome o = case_load("{\"colour\": 1, \"workers\": 0, \"port\": []}",
	    ENV("RATE_LIMIT_WINDOW=0", "UPSTREAM_URL=gopher://x",
		"TLS_KEY_FILE=/nonexistent/k", "ADMIN_PASSWORD_FILE=/nonexistent/pw"));

	(void)state;
	assert_int_equal(o.r, ERR_INVALID);
	assert_true(case_has(&o.faults, "colour: unknown field"));
	assert_true(case_has(&o.faults, "workers: \"0\" is below 1"));
	assert_true(
	    case_has(&o.faults, "environment: RATE_LIMIT_WINDOW: \"0\" is below 1"));
	assert_true(case_has(&o.faults, "UPSTREAM_URL: begins with none of"));
	assert_true(case_has(&o.faults, "TLS_KEY_FILE: is set without TLS_CERT_FILE"));
	assert_true(case_has(&o.faults, "TLS_KEY_FILE: /nonexistent/k: No such file"));
	assert_true(
	    case_has(&o.faults, "ADMIN_PASSWORD_FILE: /nonexistent/pw: No such file"));
	assert_true(case_has(&o.faults, "port: is no list"));
	assert_int_equal(o.faults.n, 8);
	case_fini(&o);
}

/* Each secret of a kind is a word that no text of ours has. */
static void
no_fault_warning_or_print_holds_a_secret(void **state)
{
	static const char *const secret = "hunter2";
	static const char *const jsons[] = {
		NULL, "{\"admin_password\": [\"hunter2\"], \"port\": 0.5}",
		"{\"admin_password\": \"hunter2",
		"{\"admin_password\": \"hunter2\" \"hunter2\"}",
		"{\"api_keys\": [\"hunter2\", 5], \"metrics_token\": \"hunter2 hunter2\"}"
	};
	const char *const env[] = { "PRIVATEMODE_API_KEY=hunter2 hunter2",
		"ADMIN_PASSWORD=hunter2", "API_KEYS=hunter2,hunter2\x01",
		"METRICS_TOKEN=hunter2\n",
		"UPSTREAM_URL=http://u:hunter2@host/hunter2?hunter2",
		"UPSTREAM_COMMAND=proxy --apiKey hunter2 --dumpRequests hunter2",
		"PBKDF2_SALT=hunter2", NULL };
	const char *const good[] = { "PRIVATEMODE_API_KEY=hunter2",
		"ADMIN_PASSWORD=hunter2", "API_KEYS=hunter2,hunter2-changeme",
		"METRICS_TOKEN=hunter2", "UPSTREAM_COMMAND=proxy --apiKey hunter2",
		"PBKDF2_SALT=hunter2", NULL };
	struct outcome o;
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT(jsons); i++) {
		o = case_load(jsons[i], env);
		assert_int_equal(o.r, ERR_INVALID);
		assert_true(o.faults.n >= 5);
		assert_false(case_has(&o.faults, secret));
		case_fini(&o);
	}
	o = case_good(NULL, good);
	assert_true(o.cfg->warnings.n >= 3);
	assert_false(case_has(&o.cfg->warnings, secret));
	text = case_printed(o.cfg);
	assert_null(strstr(text, secret));
	assert_non_null(strstr(text, "\nADMIN_PASSWORD = (set, not shown)\n"));
	assert_non_null(strstr(text, "\nAPI_KEYS = (set, not shown)\n"));
	assert_non_null(
	    strstr(text, "\nUPSTREAM_COMMAND = proxy (arguments not shown)\n"));
	free(text);
	case_fini(&o);
}

static void
the_python_proxys_salt_is_accepted_and_not_needed(void **state)
{
	struct outcome o = case_good(NULL, ENV("PBKDF2_SALT=changeme"));

	(void)state;
	assert_int_equal(o.cfg->warnings.n, 0);
	case_fini(&o);
}

static void
a_fault_is_one_line_whatever_was_written(void **state)
{
	static char longer[100000];
	struct outcome o;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	memcpy(longer, "LISTEN=", 7);
	o = case_load("{\"a\\nb\": 1, \"rate_limit_window\": \"1\\n2\"}", ENV(longer));
	assert_int_equal(o.faults.n, 3);
	for (size_t i = 0; i < o.faults.n; i++) {
		assert_true(strlen(o.faults.v[i]) < 2048);
		assert_null(strchr(o.faults.v[i], '\n'));
	}
	case_fini(&o);
}

static void
the_sample_file_is_what_gatehouse_takes(void **state)
{
	struct config *cfg = NULL;
	struct strlist faults;

	(void)state;
	assert_int_equal(config_load("etc/gatehouse.json",
			     (char *const *)(uintptr_t)NO_ENV, &cfg, &faults),
	    0);
	assert_int_equal(cfg->warnings.n, 0);
	config_destroy(&cfg);
}

/* Its comments name settings too: "#NAME=value". */
static void
the_sample_environment_names_settings_only_and_is_warned_of(void **state)
{
	FILE *f = fopen("etc/gatehouse.env.example", "re");
	char line[512], *env[16] = { NULL };
	struct config *cfg = NULL;
	struct strlist faults;
	size_t n = 0, named = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		const bool comment = line[0] == '#';
		char *name = line + (comment ? 1 : 0);
		const size_t bytes = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

		line[strcspn(line, "\n")] = '\0';
		if (bytes == 0 || name[bytes] != '=')
			continue;
		assert_non_null(config_row_find((struct span){ name, bytes }));
		named++;
		if (!comment && n < COUNT(env) - 1)
			assert_non_null(env[n++] = strdup(name));
	}
	fclose(f);
	assert_true(named >= 10);
	assert_int_equal(
	    config_load(case_file("empty.json", "{}"), env, &cfg, &faults), 0);
	assert_true(
	    case_has(&cfg->warnings, "PRIVATEMODE_API_KEY: looks like a placeholder"));
	assert_true(case_has(&cfg->warnings, "ADMIN_PASSWORD: looks like a placeholder"));
	config_destroy(&cfg);
	while (n > 0)
		free(env[--n]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_good_value_is_taken),
		cmocka_unit_test(every_bad_value_is_refused_by_name),
		cmocka_unit_test(a_url_is_taken_apart),
		cmocka_unit_test(
		    the_environment_wins_over_the_file_and_the_file_over_the_default),
		cmocka_unit_test(an_empty_variable_counts_as_unset),
		cmocka_unit_test(variables_of_others_are_left_alone),
		cmocka_unit_test(a_file_says_everything_in_lower_case_with_json_types),
		cmocka_unit_test(a_bad_file_is_refused_by_field),
		cmocka_unit_test(a_file_that_is_named_must_be_there),
		cmocka_unit_test(a_secret_may_stand_in_a_file_of_its_own),
		cmocka_unit_test(a_role_forgets_all_secrets_but_those_that_it_keeps),
		cmocka_unit_test(every_secret_but_the_list_has_a_file_form),
		cmocka_unit_test(a_bad_secret_file_is_refused_by_path),
		cmocka_unit_test(a_secret_given_twice_in_one_source_is_refused),
		cmocka_unit_test(a_secret_fit_for_a_header_has_visible_ascii_only),
		cmocka_unit_test(all_faults_are_told_at_once),
		cmocka_unit_test(no_fault_warning_or_print_holds_a_secret),
		cmocka_unit_test(the_python_proxys_salt_is_accepted_and_not_needed),
		cmocka_unit_test(a_fault_is_one_line_whatever_was_written),
		cmocka_unit_test(the_sample_file_is_what_gatehouse_takes),
		cmocka_unit_test(
		    the_sample_environment_names_settings_only_and_is_warned_of),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
