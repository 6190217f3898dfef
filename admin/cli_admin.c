/*
 * A blocking HTTP client for one request (the answer ends with the connection), and the
 * ledger opened in place of admin. The master keeps the socket, so a connection is there
 * also while admin is being started anew; it is then answered a moment later.
 */
#include "admin/cli_admin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "admin/cli_keys.h"
#include "common/clock.h"
#include "common/rundir.h"

enum {
	TRIES = 5,
	PATIENCE_MS = 120000,
	CHUNK = 64 * 1024,
	HEAD_BYTES = 512,
	HOUR_MS = 3600 * 1000
};

/* --- asking --- */

/* Connect to the socket in run_dir, however long its path is. Returns the fd or -errno. */
static int
connect_admin(const char *run_dir)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int dir = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd, r = 0;

	if (dir == -1)
		return -errno;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%s", dir,
	    RUNDIR_ADMIN_SOCKET);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) == -1)
		r = -errno;
	if (r != 0 && fd != -1)
		close(fd);
	close(dir);
	return r != 0 ? r : fd;
}

static int
send_all(int fd, struct span s)
{
	while (s.n > 0) {
		const ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		s.p += n;
		s.n -= (size_t)n;
	}
	return 0;
}

/* Wait until fd can be read. Returns 0, -ETIMEDOUT or -errno. */
static int
wait_readable(int fd, uint64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do {
		const uint64_t now_ms = clock_mono_ms();

		n = poll(&p, 1, until_ms > now_ms ? (int)(until_ms - now_ms) : 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

/* Read to the end. *n_out bytes at *out, NUL-terminated, the caller's. */
static int
receive_all(int fd, uint32_t patience_ms, char **out, size_t *n_out)
{
	const uint64_t until_ms = clock_mono_ms() + patience_ms;
	size_t n = 0, cap = 0;
	char *bytes = NULL;
	int r;

	for (;;) {
		ssize_t got;

		if (cap - n < CHUNK) {
			char *more = realloc(bytes, 2 * cap + CHUNK + 1);

			r = more != NULL ? 0 : -ENOMEM;
			bytes = more != NULL ? more : bytes;
			cap = more != NULL ? 2 * cap + CHUNK : cap;
		} else {
			r = 0;
		}
		if (r != 0 || (r = wait_readable(fd, until_ms)) != 0)
			break;
		got = recv(fd, bytes + n, cap - n, 0);
		if (got == 0)
			break;
		if (got == -1 && errno != EINTR) {
			r = -errno;
			break;
		}
		n += got > 0 ? (size_t)got : 0;
	}
	if (r != 0) {
		free(bytes);
		return r;
	}
	bytes[n] = '\0';
	*out = bytes;
	*n_out = n;
	return 0;
}

/* Is the answer whole? status_out and the body are set then. */
static bool
take_apart(struct cli_answer *a, size_t n, int *status_out)
{
	static const char begin[] = "HTTP/1.1 ", length[] = "\r\nContent-Length: ";
	const char *end = strstr(a->bytes, "\r\n\r\n");
	const char *at = strstr(a->bytes, length);

	if (strncmp(a->bytes, begin, sizeof(begin) - 1) != 0 || end == NULL ||
	    at == NULL || at > end)
		return false;
	*status_out = (int)strtol(a->bytes + sizeof(begin) - 1, NULL, 10);
	a->body = (struct span){ end + 4, n - (size_t)(end + 4 - a->bytes) };
	return strtoull(at + sizeof(length) - 1, NULL, 10) == a->body.n;
}

/* One try: head and body. -ECONNRESET: it ended before its answer was whole. */
static int
ask_once(const char *run_dir, const struct span sent[2], uint32_t patience_ms,
    struct cli_answer *out, int *status_out)
{
	int fd = connect_admin(run_dir);
	size_t n = 0;
	int r;

	if (fd < 0)
		return fd;
	if ((r = send_all(fd, sent[0])) == 0 && (r = send_all(fd, sent[1])) == 0)
		r = receive_all(fd, patience_ms, &out->bytes, &n);
	close(fd);
	if (r == -EPIPE)
		r = -ECONNRESET;
	if (r == 0 && !take_apart(out, n, status_out)) {
		cli_answer_free(out);
		r = -ECONNRESET;
	}
	return r;
}

/* The message of an error's body; what it lacks is made up. */
static void
explain(const struct cli_answer *a, int status, struct errmsg *why)
{
	json_t *root = json_loadb(a->body.p, a->body.n, 0, NULL);
	const char *text = NULL;

	if (root == NULL || json_unpack(root, "{s:{s:s}}", "error", "message", &text) != 0)
		errmsg_set(why, "the running gatehouse answers with status %d", status);
	else
		errmsg_set(why, "%s", text);
	json_decref(root);
}

int
cli_admin_ask(const char *run_dir, const char *method, const char *target,
    struct span body, struct cli_answer *out, struct errmsg *why)
{
	return cli_admin_ask_within(run_dir, method, target, body, PATIENCE_MS, out, why);
}

int
cli_admin_ask_within(const char *run_dir, const char *method, const char *target,
    struct span body, uint32_t patience_ms, struct cli_answer *out, struct errmsg *why)
{
	char head[HEAD_BYTES];
	const int n = snprintf(head, sizeof(head),
	    "%s %s HTTP/1.1\r\nHost: gatehouse\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    method, target, body.n);
	const struct span sent[] = { { head, (size_t)n }, body };
	int status = 0, r = -ECONNRESET;

	*out = (struct cli_answer){ .bytes = NULL };
	for (int i = 0; i < TRIES && r == -ECONNRESET; i++)
		r = ask_once(run_dir, sent, patience_ms, out, &status);
	if (r != 0) {
		errmsg_set(why, "the gatehouse in %s can't be reached: %s", run_dir,
		    err_text(r));
		return r;
	}
	if (status / 100 == 2)
		return 0;
	explain(out, status, why);
	cli_answer_free(out);
	return ERR_INVALID;
}

void
cli_answer_free(struct cli_answer *a)
{
	free(a->bytes);
	*a = (struct cli_answer){ .bytes = NULL };
}

long long
cli_answer_number(const struct cli_answer *a, const char *name)
{
	json_t *root = json_loadb(a->body.p, a->body.n, 0, NULL);
	const long long v = json_integer_value(json_object_get(root, name));

	json_decref(root);
	return v;
}

int
cli_refuse(
    const struct cli_service *s, const char *command, int r, const struct errmsg *why)
{
	fprintf(s->err, "gatehouse %s: %s\n", command, why->text);
	return s->running && r != ERR_INVALID ? CLI_NOT_RUNNING : CLI_REFUSED;
}

/* --- the ledger itself --- */

/* Root becomes the owner of the ledger's folder, or of DATA_DIR before there is one. */
static int
become_owner(const char *data_dir, bool *done_out)
{
	char path[PATH_MAX];
	struct stat st;

	*done_out = false;
	(void)snprintf(path, sizeof(path), "%s/ledger", data_dir);
	if (stat(path, &st) == -1 && stat(data_dir, &st) == -1)
		return -errno;
	if (geteuid() != 0 || st.st_uid == 0)
		return 0;
	if (setegid(st.st_gid) == -1 || seteuid(st.st_uid) == -1)
		return -errno;
	*done_out = true;
	return 0;
}

static int
catch_up(struct cli_ledger *c)
{
	const uint32_t hour = (uint32_t)(clock_wall_ms() / HOUR_MS);
	struct journal_flushed done;
	int r = journal_scan(c->journal);

	if (r == 0)
		r = journal_learn(c->journal, c->ledger);
	if (r == 0)
		r = journal_flush(c->journal, c->ledger, hour, NULL, &done);
	return r == LEDGER_DISK_LOW || r == -ENOSPC ? 0 : r; /* it is told all the same */
}

int
cli_ledger_open(const char *data_dir, struct cli_ledger *out, struct errmsg *why)
{
	const struct ledger_options o = { data_dir, LEDGER_MIN_FREE };
	struct cli_ledger c = { NULL, NULL, false };
	int r = become_owner(data_dir, &c.as_owner);

	if (r != 0) {
		errmsg_set(why, "%s: %s", data_dir, err_text(r));
		return r;
	}
	r = ledger_open(&o, &c.ledger, why);
	if (r == 0 &&
	    ((r = journal_create(data_dir, &c.journal)) != 0 || (r = catch_up(&c)) != 0))
		errmsg_set(why, "%s: %s", data_dir, ledger_text(r));
	if (r != 0)
		cli_ledger_close(&c);
	else
		*out = c;
	return r;
}

void
cli_ledger_close(struct cli_ledger *c)
{
	journal_destroy(&c->journal);
	ledger_close(&c->ledger);
	if (c->as_owner && (seteuid(0) == -1 || setegid(0) == -1))
		abort(); /* root can always go back */
	c->as_owner = false;
}
