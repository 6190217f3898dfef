/*
 * Settings judged together. Runs in whoever calls config_load(). Files are opened
 * to see that they can be read, and closed again; their contents are judged by
 * those who use them.
 */
#include "common/config_check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config_net.h"
#include "common/config_text.h"
#include "common/config_words.h"

enum { ADMIN_PASSWORD_CHARACTERS = 12 };

/* Can path be read as a file? Returns 0 or -errno; its mode in *mode_out. */
static int
look_at(const char *path, mode_t *mode_out)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r = 0;

	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) != 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else
		*mode_out = st.st_mode;
	close(fd);
	return r;
}

static void
check_readable(struct config_draft *d, const char *name, const char *path)
{
	mode_t mode;
	const int r = look_at(path, &mode);

	if (r != 0)
		config_fault_at(d, name, "%s: %s", path, err_text(r));
}

static void
check_files(struct config_draft *d)
{
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		const struct strlist *paths = &config_draft_raw(d, rows[i].name)->items;

		if (!(rows[i].flags & CONFIG_READABLE))
			continue;
		for (size_t k = 0; k < paths->n; k++)
			check_readable(d, rows[i].name, paths->v[k]);
	}
}

static void
check_tls_pairs(struct config_draft *d)
{
	const size_t certs = d->cfg->tls_cert_files.n, keys = d->cfg->tls_key_files.n;

	if (certs > 0 && keys == 0)
		config_fault_at(d, "TLS_CERT_FILE", "is set without TLS_KEY_FILE");
	else if (keys > 0 && certs == 0)
		config_fault_at(d, "TLS_KEY_FILE", "is set without TLS_CERT_FILE");
	else if (keys != certs)
		config_fault_at(
		    d, "TLS_KEY_FILE", "has %zu entries, TLS_CERT_FILE %zu", keys, certs);
}

/* Fault entries that need a certificate where there is none, or stand twice. */
static void
check_listen(
    struct config_draft *d, const char *name, const struct listen_addr *v, size_t n)
{
	char text[LISTEN_TEXT_BYTES];

	for (size_t i = 0; i < n; i++) {
		listen_addr_format(&v[i], text);
		if (v[i].scheme == LISTEN_HTTPS && d->cfg->tls_cert_files.n == 0)
			config_fault_at(d, name, "%s needs TLS_CERT_FILE", text);
		for (size_t k = 0; k < i; k++)
			if (v[i].port != 0 && listen_addr_same_place(&v[i], &v[k]))
				config_fault_at(d, name, "%s is there twice", text);
	}
}

static void
check_metrics_listen(struct config_draft *d)
{
	const struct config *c = d->cfg;

	for (size_t i = 0; i < c->n_metrics_listen; i++)
		if (c->metrics_listen[i].scheme == LISTEN_HTTPS) {
			config_fault_at(
			    d, "METRICS_LISTEN", "metrics are plain HTTP only");
			return;
		}
	check_listen(d, "METRICS_LISTEN", c->metrics_listen, c->n_metrics_listen);
}

/* privatemode-proxy would write prompts to disk: no setting may do that. */
static void
check_command(struct config_draft *d)
{
	const char *command = d->cfg->upstream_command;
	struct strlist words = { 0 };
	int r = command != NULL ? config_words_split(command, &words) : 0;

	if (r == ERR_SYNTAX)
		config_fault_at(
		    d, "UPSTREAM_COMMAND", "a quote or a backslash has no end");
	else if (r != 0)
		config_draft_check(d, r);
	for (size_t i = 0; i < words.n; i++)
		if (strcasestr(words.v[i], "-dumpRequests") != NULL)
			config_fault_at(d, "UPSTREAM_COMMAND",
			    "--dumpRequests writes what is said to disk");
	strlist_wipe(&words);
}

void
config_check_faults(struct config_draft *d)
{
	const struct config *c = d->cfg;

	check_files(d);
	check_tls_pairs(d);
	check_listen(d, "LISTEN", c->listen, c->n_listen);
	check_listen(d, "ADMIN_LISTEN", c->admin_listen, c->n_admin_listen);
	check_metrics_listen(d);
	check_command(d);
}

static void
warn_placeholders(struct config_draft *d)
{
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		const struct strlist *items = &config_draft_raw(d, rows[i].name)->items;

		if (!(rows[i].flags & CONFIG_SECRET) || rows[i].type == CONFIG_IGNORED)
			continue;
		for (size_t k = 0; k < items->n; k++)
			if (config_text_is_placeholder(items->v[k])) {
				config_warn_at(d, rows[i].name,
				    "looks like a placeholder, not like a secret");
				break;
			}
	}
}

/* Characters of UTF-8: bytes that begin one. */
static size_t
characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xC0u) != 0x80u;
	return n;
}

static void
warn_password(struct config_draft *d)
{
	const char *password = d->cfg->admin_password;

	if (password != NULL && characters(password) < ADMIN_PASSWORD_CHARACTERS)
		config_warn_at(d, "ADMIN_PASSWORD", "has fewer than %d characters",
		    ADMIN_PASSWORD_CHARACTERS);
}

static void
warn_key_modes(struct config_draft *d)
{
	const struct strlist *keys = &d->cfg->tls_key_files;
	mode_t mode = 0;

	for (size_t i = 0; i < keys->n; i++)
		if (look_at(keys->v[i], &mode) == 0 && (mode & S_IROTH) != 0)
			config_warn_at(d, "TLS_KEY_FILE",
			    "%s: everybody on this machine can read it", keys->v[i]);
}

/* Does the command line carry a secret that everybody sees in the process list? */
static void
warn_command(struct config_draft *d)
{
	const char *command = d->cfg->upstream_command;
	const char *key = command != NULL ? strcasestr(command, "-apiKey") : NULL;

	if (key != NULL && key[strcspn(key, " =\t")] != '\0' &&
	    key[strcspn(key, " =\t") + 1] != '@')
		config_warn_at(d, "UPSTREAM_COMMAND",
		    "an API key on a command line is seen by everybody; it needs none");
}

void
config_check_warnings(struct config_draft *d)
{
	const struct config *c = d->cfg;

	warn_placeholders(d);
	warn_password(d);
	warn_key_modes(d);
	warn_command(d);
	if (c->trust_proxy && c->n_trusted_proxies == 0)
		config_warn_at(d, "TRUST_PROXY",
		    "is on without TRUSTED_PROXIES: the rightmost address of "
		    "X-Forwarded-For is believed from everybody");
	if (c->upstream.scheme == UPSTREAM_HTTP && !upstream_url_is_local(&c->upstream))
		config_warn_at(d, "UPSTREAM_URL",
		    "is plain http:// to another machine: what is said crosses the "
		    "network unencrypted");
}
