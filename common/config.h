/*
 * The configuration: one table of settings (config_table.c) that parses,
 * checks, prints and documents. config_load() has no side effect, so that a
 * refused reload costs nothing. Read by the master; everybody else borrows the
 * result over fork. CONTRACT section 2 has the rules.
 */
#ifndef GATEHOUSE_COMMON_CONFIG_H
#define GATEHOUSE_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/log.h"
#include "common/strlist.h"

enum { CONFIG_MAX_WORKERS = 256 };

enum listen_scheme { LISTEN_AUTO, LISTEN_HTTP, LISTEN_HTTPS };

/* One address to listen on. `[::]` means v4 and v6. */
struct listen_addr {
	enum listen_scheme scheme; /* AUTO is resolved by config_load() */
	char *host;                /* a literal address, no name, no brackets */
	uint16_t port;             /* 0: any free port, printed at start */
};

enum upstream_scheme { UPSTREAM_HTTP, UPSTREAM_HTTPS, UPSTREAM_UNIX };

/* UPSTREAM_URL taken apart; the URL has no path, query or user. */
struct upstream_url {
	enum upstream_scheme scheme;
	char *host;      /* name or literal without brackets; NULL for unix */
	uint16_t port;   /* 0 for unix */
	char *unix_path; /* NULL unless unix */
	char *authority; /* value of the Host header */
};

struct rate_setting {
	uint32_t requests;
	uint32_t window_s;
};

struct config {
	/* upstream */
	char *privatemode_api_key; /* secret; NULL when unset */
	struct upstream_url upstream;
	char *upstream_ca_file;
	char *upstream_command;
	struct strlist upstream_headers; /* lower case */
	uint32_t upstream_connect_timeout_ms;
	uint32_t upstream_timeout_ms, upstream_idle_timeout_ms;

	/* admin */
	char *admin_password; /* secret; NULL: admin off */
	struct listen_addr *admin_listen;
	size_t n_admin_listen;

	/* keys and settings */
	char *api_keys_file;
	struct strlist api_keys; /* secrets */
	bool strict_keys;
	uint32_t max_keys;
	char *settings_file;
	struct rate_setting rate;    /* all keys together */
	struct rate_setting ip_rate; /* each client address */
	char *models_file;           /* NULL: the installed one */

	/* data */
	char *data_dir;
	char *usage_file;
	char *run_dir;
	uint32_t usage_retention_days, audit_retention_days;

	/* listening */
	uint32_t port; /* of LISTEN's default */
	struct listen_addr *listen;
	size_t n_listen;
	struct strlist tls_cert_files, tls_key_files; /* pairwise */
	bool force_https;
	char *acme_webroot;
	bool trust_proxy;
	struct cidr *trusted_proxies;
	size_t n_trusted_proxies;
	struct strlist cors_origins;
	uint32_t workers;

	/* time-outs (ms) and sizes (bytes) */
	uint32_t header_timeout_ms, body_timeout_ms, idle_timeout_ms;
	uint64_t max_body, max_buffered;
	uint32_t max_header;
	uint32_t max_connections, max_connections_per_ip;
	uint32_t drain_timeout_ms, reload_drain_timeout_ms;
	uint32_t sse_keepalive_ms; /* 0: off */

	/* metrics */
	struct listen_addr *metrics_listen; /* n 0: off */
	size_t n_metrics_listen;
	char *metrics_token; /* secret */
	bool metrics_keys;

	/* process */
	char *worker_user, *admin_user;
	enum log_level log_level;
	enum log_format log_format;
	bool log_address;
	bool access_log;
	bool watch;

	/* not settings: */
	char *file;              /* the JSON file that was read, NULL: none */
	struct strlist warnings; /* one line each, logged once by who starts */
};

/*
 * Read defaults, file and environment.
 * file     the -c option; NULL: GATEHOUSE_CONFIG, else /etc/gatehouse/gatehouse.json
 *          if it exists, else none.
 * env      a NULL-terminated "NAME=value" array (environ); borrowed.
 * cfg_out  set on 0 only; free with config_destroy().
 * faults   every fault, one line each, naming file and field; the caller frees
 *          it with strlist_free(). Empty on 0.
 * Returns 0 or ERR_INVALID (faults filled), -ENOMEM.
 */
int config_load(const char *file, char *const *env, struct config **cfg_out,
    struct strlist *faults) MUSTCHECK;

/* Free everything; secrets are wiped. Accepts NULL inside, leaves NULL. */
void config_destroy(struct config **cfg);

/*
 * Wipe all secrets but those of the settings named in keep (NULL at the end), in place:
 * what was set is an empty string then, what was not stays NULL.
 */
void config_forget(struct config *cfg, const char *const *keep);

/* Print the effective configuration, one `name = value` a line, secrets redacted. */
void config_print(const struct config *cfg, FILE *out);

/*
 * What differs between two configurations.
 * restart_out  names of settings that need a restart and differ (owned by the
 *              caller), to be named in a warning and left as they were.
 * Returns whether anything that a new generation of workers would see differs
 * (file contents of certificates are not looked at here).
 */
bool config_differs(
    const struct config *a, const struct config *b, struct strlist *restart_out);

/* Does anything differ that admin reads and that needs no restart? Then it is
 * started anew. */
bool config_admin_differs(const struct config *a, const struct config *b);

/*
 * Put running's values of all settings that need a restart into next, so that a
 * reload leaves them as they were. An unchanged LISTEN address keeps next's
 * scheme: that changes with the certificate and needs no restart.
 * Returns 0 or -ENOMEM (next is then to be thrown away).
 */
int config_keep_restart(struct config *next, const struct config *running) MUSTCHECK;

/*
 * The settings that need a restart as lines NAME=value, for a successor of this process
 * that goes on with them; and back. config_restart_load() checks each value, but none
 * against the others; all other settings are zero. Nothing in them is secret.
 * lines  appended to; the caller's. out is set on 0: config_destroy().
 * Returns 0, ERR_INVALID (load) or -ENOMEM.
 */
int config_restart_save(const struct config *cfg, struct strlist *lines) MUSTCHECK;
int config_restart_load(const struct strlist *lines, struct config **out) MUSTCHECK;

/*
 * Write the table of settings for people (manual page, README test), two lines
 * each: NAME=default, then the meaning behind a tab.
 */
void config_document(FILE *out);

#endif
