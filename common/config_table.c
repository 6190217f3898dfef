/*
 * The rows of all settings; CONTRACT section 2 is this table for people. Pure data,
 * read by every process that loads, prints or compares a configuration.
 */
#include "common/config_table.h"

#include <string.h>

#define DAY_S 86400
#define MOST_REQUESTS 16000000 /* what the cells of a window can count */
#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define AT(field) offsetof(struct config, field), 0
#define ARRAY(field) offsetof(struct config, field), offsetof(struct config, n_##field)
#define NOWHERE 0, 0
#define ANY 0, 0

/* clang-format off */
static const struct config_row rows[] = {
	/* upstream */
	{ "PRIVATEMODE_API_KEY", CONFIG_STRING, AT(privatemode_api_key), ANY, NULL,
	  CONFIG_GENERATION, CONFIG_SECRET | CONFIG_FROM_FILE | CONFIG_TOKEN,
	  "sent upstream as Authorization: Bearer" },
	{ "UPSTREAM_URL", CONFIG_URL, AT(upstream), ANY, "http://localhost:8081",
	  CONFIG_GENERATION, 0,
	  "http://HOST[:PORT], https://HOST[:PORT] (verified) or unix:/PATH" },
	{ "UPSTREAM_CA_FILE", CONFIG_STRING, AT(upstream_ca_file), ANY, NULL,
	  CONFIG_GENERATION, CONFIG_READABLE,
	  "PEM certificates that an https upstream is verified against, instead of the system's" },
	{ "UPSTREAM_COMMAND", CONFIG_STRING, AT(upstream_command), ANY, NULL,
	  CONFIG_PUBLISH, 0,
	  "a program that is kept running, split into words without a shell" },
	{ "UPSTREAM_HEADERS", CONFIG_HEADERS, AT(upstream_headers), ANY, NULL,
	  CONFIG_GENERATION, 0,
	  "further client headers that may go upstream" },
	{ "UPSTREAM_CONNECT_TIMEOUT", CONFIG_MS, AT(upstream_connect_timeout_ms), 1, DAY_S, "5 s",
	  CONFIG_GENERATION, 0,
	  "to connect to upstream" },
	{ "UPSTREAM_TIMEOUT", CONFIG_MS, AT(upstream_timeout_ms), 1, DAY_S, "600 s",
	  CONFIG_GENERATION, 0,
	  "to the first byte of upstream's answer" },
	{ "UPSTREAM_IDLE_TIMEOUT", CONFIG_MS, AT(upstream_idle_timeout_ms), 1, DAY_S, "300 s",
	  CONFIG_GENERATION, 0,
	  "between two bytes of upstream's answer" },

	/* admin */
	{ "ADMIN_PASSWORD", CONFIG_STRING, AT(admin_password), ANY, NULL,
	  CONFIG_ADMIN, CONFIG_SECRET | CONFIG_FROM_FILE,
	  "of the admin page; without it the page is off" },
	{ "ADMIN_LISTEN", CONFIG_LISTEN, ARRAY(admin_listen), ANY, NULL,
	  CONFIG_RESTART, 0,
	  "addresses that alone serve /admin" },

	/* keys and limits */
	{ "API_KEYS_FILE", CONFIG_STRING, AT(api_keys_file), ANY,
	  "(/app/secrets/api_keys.json if that folder exists, else /etc/gatehouse/api_keys.json)",
	  CONFIG_PUBLISH, 0,
	  "the key file" },
	{ "API_KEYS", CONFIG_LIST, AT(api_keys), ANY, NULL,
	  CONFIG_PUBLISH, CONFIG_SECRET,
	  "secrets with ids env_key_0, ..., in addition to the key file's" },
	{ "STRICT_KEYS", CONFIG_BOOL, AT(strict_keys), ANY, "false",
	  CONFIG_PUBLISH, 0,
	  "a faulty entry in the key file refuses the start" },
	{ "MAX_KEYS", CONFIG_COUNT, AT(max_keys), 1, 1048576, "131072",
	  CONFIG_RESTART, 0,
	  "keys that there is room for" },
	{ "SETTINGS_FILE", CONFIG_STRING, AT(settings_file), ANY,
	  "(settings.json beside the key file)",
	  CONFIG_PUBLISH, 0,
	  "rate limits set on the admin page; wins over the environment" },
	{ "RATE_LIMIT_REQUESTS", CONFIG_COUNT, AT(rate.requests), 1, MOST_REQUESTS, "100",
	  CONFIG_PUBLISH, 0,
	  "requests in a window, all keys together" },
	{ "RATE_LIMIT_WINDOW", CONFIG_SECONDS, AT(rate.window_s), 1, 31 * DAY_S, "60 s",
	  CONFIG_PUBLISH, 0,
	  "length of that window, and of the keys' own" },
	{ "IP_RATE_LIMIT_REQUESTS", CONFIG_COUNT, AT(ip_rate.requests), 1, MOST_REQUESTS, "1000",
	  CONFIG_PUBLISH, 0,
	  "requests in a window from one client address (IPv6: from one /64)" },
	{ "IP_RATE_LIMIT_WINDOW", CONFIG_SECONDS, AT(ip_rate.window_s), 1, 31 * DAY_S, "60 s",
	  CONFIG_PUBLISH, 0,
	  "length of that window" },
	{ "MODELS_FILE", CONFIG_STRING, AT(models_file), ANY, "(built in)",
	  CONFIG_PUBLISH, CONFIG_READABLE,
	  "names, aliases, kinds and prices of models" },

	/* data */
	{ "DATA_DIR", CONFIG_STRING, AT(data_dir), ANY,
	  "(/app/data if it exists, else /var/lib/gatehouse)",
	  CONFIG_RESTART, 0,
	  "ledger and journal; on a local disk, for one gatehouse" },
	{ "USAGE_FILE", CONFIG_STRING, AT(usage_file), ANY, "(usage.json in DATA_DIR)",
	  CONFIG_ADMIN, 0,
	  "the Python proxy's usage, imported at the first start of an empty ledger" },
	{ "RUN_DIR", CONFIG_STRING, AT(run_dir), ANY, "(DATA_DIR)",
	  CONFIG_RESTART, 0,
	  "pid file, admin socket and status" },
	{ "USAGE_RETENTION", CONFIG_COUNT, AT(usage_retention_days), 0, 36500, "0",
	  CONFIG_ADMIN, 0,
	  "days that usage is kept by the hour, then by the day; 0 is for ever" },
	{ "AUDIT_RETENTION", CONFIG_COUNT, AT(audit_retention_days), 0, 36500, "0",
	  CONFIG_ADMIN, 0,
	  "days that the audit is kept; 0 is for ever" },

	/* listening */
	{ "PORT", CONFIG_COUNT, AT(port), 0, 65535, "8080",
	  CONFIG_RESTART, 0,
	  "the port of LISTEN's default; 0 is any free one" },
	{ "LISTEN", CONFIG_LISTEN, ARRAY(listen), ANY, "([::]:PORT)",
	  CONFIG_RESTART, 0,
	  "[http://|https://]ADDRESS:PORT, ...; [::] is IPv4 and IPv6; TLS is on when a certificate is set" },
	{ "TLS_CERT_FILE", CONFIG_LIST, AT(tls_cert_files), ANY, NULL,
	  CONFIG_GENERATION, CONFIG_READABLE,
	  "PEM chains, one for each name (SNI)" },
	{ "TLS_KEY_FILE", CONFIG_LIST, AT(tls_key_files), ANY, NULL,
	  CONFIG_GENERATION, CONFIG_READABLE,
	  "PEM keys, in the order of TLS_CERT_FILE" },
	{ "FORCE_HTTPS", CONFIG_BOOL, AT(force_https), ANY, "(true when TLS is on)",
	  CONFIG_GENERATION, 0,
	  "plain ports serve /health and ACME only" },
	{ "ACME_WEBROOT", CONFIG_STRING, AT(acme_webroot), ANY, NULL,
	  CONFIG_GENERATION, 0,
	  "folder whose .well-known/acme-challenge/ is served on plain ports" },
	{ "TRUST_PROXY", CONFIG_BOOL, AT(trust_proxy), ANY, "false",
	  CONFIG_GENERATION, 0,
	  "X-Forwarded-For and X-Forwarded-Proto are believed" },
	{ "TRUSTED_PROXIES", CONFIG_CIDRS, ARRAY(trusted_proxies), ANY, NULL,
	  CONFIG_GENERATION, 0,
	  "networks of proxies: the client is the rightmost address outside them" },
	{ "CORS_ORIGINS", CONFIG_ORIGINS, AT(cors_origins), ANY, NULL,
	  CONFIG_GENERATION, 0,
	  "exact origins that browsers may call /v1/ from, or *" },
	{ "WORKERS", CONFIG_COUNT, AT(workers), 1, CONFIG_MAX_WORKERS,
	  "(the processors this process may use)",
	  CONFIG_RESTART, 0,
	  "processes that serve" },

	/* time-outs and sizes */
	{ "HEADER_TIMEOUT", CONFIG_MS, AT(header_timeout_ms), 1, DAY_S, "15 s",
	  CONFIG_GENERATION, 0,
	  "for a client's handshake and head" },
	{ "BODY_TIMEOUT", CONFIG_MS, AT(body_timeout_ms), 1, DAY_S, "60 s",
	  CONFIG_GENERATION, 0,
	  "between two bytes of a client's body" },
	{ "IDLE_TIMEOUT", CONFIG_MS, AT(idle_timeout_ms), 1, DAY_S, "75 s",
	  CONFIG_GENERATION, 0,
	  "between two requests on one connection" },
	{ "MAX_BODY", CONFIG_BYTES, AT(max_body), 1, 1024 * GIB, "32 MiB",
	  CONFIG_GENERATION, 0,
	  "largest body of a request" },
	{ "MAX_HEADER", CONFIG_BYTES32, AT(max_header), 1 * KIB, 64 * KIB, "16 KiB",
	  CONFIG_GENERATION, 0,
	  "largest head of a request" },
	{ "MAX_BUFFERED", CONFIG_BYTES, AT(max_buffered), 0, 1024 * GIB, "256 MiB",
	  CONFIG_GENERATION, 0,
	  "memory for bodies of all workers together" },
	{ "MAX_CONNECTIONS", CONFIG_COUNT, AT(max_connections), 1, 10000000, "20000",
	  CONFIG_GENERATION, 0,
	  "clients' connections" },
	{ "MAX_CONNECTIONS_PER_IP", CONFIG_COUNT, AT(max_connections_per_ip), 1, 10000000, "1000",
	  CONFIG_GENERATION, 0,
	  "connections from one address that is no trusted proxy" },
	{ "DRAIN_TIMEOUT", CONFIG_MS, AT(drain_timeout_ms), 0, 7 * DAY_S, "30 s",
	  CONFIG_GENERATION, 0,
	  "how long streams may finish on SIGTERM" },
	{ "RELOAD_DRAIN_TIMEOUT", CONFIG_MS, AT(reload_drain_timeout_ms), 0, 7 * DAY_S, "1 h",
	  CONFIG_GENERATION, 0,
	  "how long streams may finish on old workers after a reload or upgrade" },
	{ "SSE_KEEPALIVE", CONFIG_MS, AT(sse_keepalive_ms), 0, DAY_S, "15 s",
	  CONFIG_GENERATION, 0,
	  "silence of a stream after which its client gets a comment line; 0 turns it off" },

	/* metrics */
	{ "METRICS_LISTEN", CONFIG_LISTEN, ARRAY(metrics_listen), ANY, "127.0.0.1:9464",
	  CONFIG_RESTART, CONFIG_MAY_BE_OFF,
	  "addresses of the Prometheus metrics, or off" },
	{ "METRICS_TOKEN", CONFIG_STRING, AT(metrics_token), ANY, NULL,
	  CONFIG_ADMIN, CONFIG_SECRET | CONFIG_FROM_FILE | CONFIG_TOKEN,
	  "bearer token that the metrics ask for" },
	{ "METRICS_KEYS", CONFIG_BOOL, AT(metrics_keys), ANY, "on",
	  CONFIG_ADMIN, 0,
	  "series for each key_id" },

	/* process */
	{ "WORKER_USER", CONFIG_STRING, AT(worker_user), ANY, "gatehouse",
	  CONFIG_RESTART, 0,
	  "user of the workers when started as root" },
	{ "ADMIN_USER", CONFIG_STRING, AT(admin_user), ANY, "gatehouse-admin",
	  CONFIG_RESTART, 0,
	  "user of the admin process when started as root" },
	{ "LOG_LEVEL", CONFIG_LEVEL, AT(log_level), ANY, "info",
	  CONFIG_GENERATION, 0,
	  "error, warn, info or debug" },
	{ "LOG_FORMAT", CONFIG_FORMAT, AT(log_format), ANY, "json",
	  CONFIG_GENERATION, 0,
	  "json or text" },
	{ "LOG_ADDRESS", CONFIG_BOOL, AT(log_address), ANY, "off",
	  CONFIG_GENERATION, 0,
	  "clients' addresses in the log" },
	{ "ACCESS_LOG", CONFIG_BOOL, AT(access_log), ANY, "off",
	  CONFIG_GENERATION, 0,
	  "a line for each request" },
	{ "WATCH", CONFIG_BOOL, AT(watch), ANY, "on",
	  CONFIG_PUBLISH, 0,
	  "look at key file, settings and models once a second" },
	{ "PBKDF2_SALT", CONFIG_IGNORED, NOWHERE, ANY, NULL,
	  CONFIG_PUBLISH, CONFIG_SECRET,
	  "of the Python proxy: accepted and not needed" },
};
/* clang-format on */

const struct config_row *
config_rows(size_t *n_out)
{
	*n_out = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const struct config_row *
config_row_find(struct span name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (span_eq(span_of(rows[i].name), name))
			return &rows[i];
	return NULL;
}

bool
config_type_is_list(enum config_type type)
{
	return type == CONFIG_LIST || type == CONFIG_HEADERS || type == CONFIG_ORIGINS ||
	    type == CONFIG_LISTEN || type == CONFIG_CIDRS;
}

bool
config_default_is_words(const struct config_row *row)
{
	return row->def != NULL && row->def[0] == '(';
}

void *
config_field(struct config *cfg, const struct config_row *row)
{
	return (char *)cfg + row->offset;
}

const void *
config_field_const(const struct config *cfg, const struct config_row *row)
{
	return (const char *)cfg + row->offset;
}

size_t *
config_count(struct config *cfg, const struct config_row *row)
{
	return (size_t *)(void *)((char *)cfg + row->count);
}

size_t
config_count_get(const struct config *cfg, const struct config_row *row)
{
	return *(const size_t *)(const void *)((const char *)cfg + row->count);
}
