/*
 * The admin process without the process, for fuzzing: its HTTP server on a UNIX socket, its
 * room, its ledger, and beside them a master that publishes what admin has written. All in
 * one loop and one folder in memory, so nothing waits for a disk. Who is logged in, tokens,
 * keys and settings are the same before each input; the ledger is made anew now and then.
 */
#ifndef GATEHOUSE_TESTS_FUZZ_ADMIN_HOUSE_H
#define GATEHOUSE_TESTS_FUZZ_ADMIN_HOUSE_H

#include "tests/fuzz/fuzz_file.h"

#include "admin/admin.h"
#include "admin/flush.h"
#include "admin/http.h"
#include "admin/ledger_audit.h"
#include "admin/ledger_import.h"
#include "admin/room.h"
#include "admin/session.h"
#include "admin/token.h"
#include "admin/zone.h"
#include "common/clock.h"
#include "common/keyfile.h"
#include "common/models.h"
#include "common/settings.h"
#include "tests/unit/http_client.h"
#include "tests/unit/ledger_bench.h"

enum { HOUSE_MAX_KEYS = 9, HOUSE_AUDIT_MAX = 2000, HOUSE_HOUR_MS = 3600000 };

#define HOUSE_PASSWORD "the-admins-own-password"
#define HOUSE_UPSTREAM_KEY "pm_the-key-that-is-sent-upstream"
#define HOUSE_ENV_KEY "pm_a-key-of-the-environment"
#define HOUSE_METRICS_TOKEN "the-token-that-prometheus-has"
#define HOUSE_PLAIN_KEY "pm_a-key-in-plain-text"

enum house_file { HOUSE_KEYS, HOUSE_SETTINGS, HOUSE_TOKENS, HOUSE_SESSIONS, HOUSE_FILES };

/* In the order of enum house_file. */
static const char *const house_names[HOUSE_FILES] = { "api_keys.json", "settings.json",
	"admin_tokens.json", SESSION_FILE };

/* A file as every input finds it. */
struct house_text {
	char *p;
	size_t n;
};

struct house {
	char dir[64];
	struct config *config;
	struct shared shared;
	struct event_base *base;
	struct flush *flush;
	struct http_server *http;
	struct http_place place;
	struct metrics metrics;
	struct room *room; /* of one input */
	struct event *wish;
	uid_t uid;
	int listen_fd;
	int wishes[2]; /* admin's to the master */
	struct house_text start[HOUSE_FILES];
	char token[3][TOKEN_SECRET_BYTES + 1]; /* of scope admin, read, metrics */
	char token_id[TOKEN_ID_BYTES + 1];     /* of the last of them */
	char cookie[SESSION_TOKEN_BYTES + 1];
};

/* One key of each kind: plain, named with blanks, over, turned off, rotated, limited. */
static const char house_keys[] =
    "{\"keys\":["
    "{\"key_id\":\"alice\",\"key_hash\":"
    "\"2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90\","
    "\"description\":\"Alice's\",\"created_at\":1700000000,\"team\":{\"unknown\":[1,null]}},"
    "{\"key_id\":\"b\xc3\xb6 b/\",\"key_hash\":"
    "\"81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9\","
    "\"rate_limit\":5,\"previous_hash\":"
    "\"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\","
    "\"previous_expires_at\":4000000000.5},"
    "{\"key_id\":\"over\",\"key_hash\":"
    "\"2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6\","
    "\"expires_at\":\"2020-01-01T00:00:00Z\"},"
    "{\"key_id\":\"off\",\"key_hash\":"
    "\"18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4\","
    "\"enabled\":false,\"expires_at\":null},"
    "{\"name\":\"no id\",\"key\":\"" HOUSE_PLAIN_KEY "\"}]}\n";
static const char house_settings[] = "{\"rate_limit_requests\":50}\n";

/* --- files --- */

static inline void
house_path(const struct house *h, const char *name, char out[160])
{
	FUZZ_CHECK(snprintf(out, 160, "%s/%s", h->dir, name) < 160);
}

/* Put another file in the place of this one, as whoever edits it would. */
static inline void
house_write(const struct house *h, enum house_file which, const void *p, size_t n)
{
	char path[160], next[160];
	int fd;

	house_path(h, house_names[which], path);
	house_path(h, "next", next);
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd != -1 && write(fd, p, n) == (ssize_t)n && close(fd) == 0);
	FUZZ_CHECK(rename(next, path) == 0);
}

/* The bytes of a file, with a NUL behind them; to be freed. */
static inline struct house_text
house_read(const struct house *h, enum house_file which)
{
	struct house_text t = { NULL, 0 };
	struct stat st;
	char path[160];
	int fd;

	house_path(h, house_names[which], path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	FUZZ_CHECK(fd != -1 && fstat(fd, &st) == 0);
	t.p = calloc(1, (size_t)st.st_size + 1);
	FUZZ_CHECK(t.p != NULL && read(fd, t.p, (size_t)st.st_size) == st.st_size);
	t.n = (size_t)st.st_size;
	close(fd);
	return t;
}

/* --- the master's part --- */

/*
 * As master/enact.c: read both files, say of each what it is worth. A file of keys with
 * single faults, which a master refuses for as long as three seconds, is taken here.
 */
static inline void
house_enact(struct house *h)
{
	struct state *state = h->shared.state;
	struct shared_enacted e = { .number = 0 };
	struct strlist faults = { 0 };
	struct keyset *set = NULL;
	struct errmsg why = { "" };
	struct settings s;

	e.number = atomic_fetch_add(&state->figures.enact_started, 1) + 1;
	e.keys.code = keyfile_load(h->config->api_keys_file, &h->config->api_keys,
	    h->config->max_keys, &set, &why);
	if (e.keys.code == 0) {
		FUZZ_CHECK(keyring_publish(
			       shared_keyring_mutable(h->shared.published), set) == 0);
		e.keys.good = e.number;
	}
	keyset_destroy(&set);
	e.settings.code = settings_load(h->config, &s, &faults);
	if (e.settings.code == 0) {
		shared_put_settings(h->shared.published, &s);
		e.settings.good = e.number;
	}
	strlist_free(&faults);
	shared_put_enacted(state, &e);
}

static inline void
house_on_wish(evutil_socket_t fd, short what, void *arg)
{
	char c[64];
	const ssize_t n = read(fd, c, sizeof(c));

	(void)what;
	for (ssize_t i = 0; i < n; i++)
		FUZZ_CHECK(c[i] == ADMIN_WISH_ENACT);
	house_enact(arg);
}

/* --- before the first input --- */

static inline void
house_configure(struct house *h)
{
	char data[80], keys[112], settings[112], upstream[112];
	char password[] = "ADMIN_PASSWORD=" HOUSE_PASSWORD;
	char upstream_key[] = "PRIVATEMODE_API_KEY=" HOUSE_UPSTREAM_KEY;
	char metrics[] = "METRICS_TOKEN=" HOUSE_METRICS_TOKEN;
	char env_key[] = "API_KEYS=" HOUSE_ENV_KEY;
	char max_keys[] = "MAX_KEYS=9", listen[] = "LISTEN=127.0.0.1:0";
	char *env[] = { data, keys, settings, upstream, password, upstream_key, metrics,
		env_key, max_keys, listen, NULL };
	struct strlist faults = { 0 };

	(void)snprintf(data, sizeof(data), "DATA_DIR=%s", h->dir);
	(void)snprintf(keys, sizeof(keys), "API_KEYS_FILE=%s/api_keys.json", h->dir);
	(void)snprintf(
	    settings, sizeof(settings), "SETTINGS_FILE=%s/settings.json", h->dir);
	(void)snprintf(upstream, sizeof(upstream), "UPSTREAM_URL=unix:%s/none", h->dir);
	FUZZ_CHECK(config_load(fuzz_file((const uint8_t *)"{}", 2), env, &h->config,
		       &faults) == 0);
}

/* Some usage of keys and models that need care in every format. */
static inline void
house_use(struct house *h)
{
	static const char *const names[] = { "alice", "b\xc3\xb6 b/", "=cmd()|\"a\",b",
		"-" };
	const uint32_t now = (uint32_t)(clock_wall_ms() / HOUSE_HOUR_MS);
	size_t n = 0;

	for (uint32_t i = 0; i < 40; i++) {
		const struct ledger_import row = { .id = { (const char *)&i, sizeof(i) },
			.key = { now - i * i, names[i % 4], names[i / 4 % 4], "chat" },
			.counters = { { i, i % 3, 1000 * i, i, i, 10 * i, i, i,
			    (int64_t)i * 123456789 } } };

		FUZZ_CHECK(
		    ledger_import_records(flush_ledger(h->flush), &row, 1, &n) == 0);
	}
	flush_forget_totals(h->flush);
}

static inline void
house_log_in(struct house *h)
{
	static const unsigned scopes[] = { 1, 2, 4 };
	const int64_t now_ms = clock_wall_ms();
	struct session_store *sessions = NULL;
	struct session session;
	struct errmsg why = { "" };

	for (size_t i = 0; i < 3; i++) {
		struct token t = { .scopes = scopes[i], .created_ms = now_ms };

		(void)snprintf(t.name, sizeof(t.name), "token %zu", i);
		(void)snprintf(t.created_by, sizeof(t.created_by), "cli root");
		FUZZ_CHECK(token_file_create(h->dir, &t, h->token[i], &why) == 0);
		memcpy(h->token_id, t.id, sizeof(t.id));
	}
	FUZZ_CHECK(session_store_create(h->dir, HOUSE_PASSWORD, now_ms, &sessions) == 0 &&
	    session_store_open(sessions, "192.0.2.9", now_ms, h->cookie, &session) == 0);
	session_store_destroy(&sessions);
}

static inline void
house_give_up(void *arg)
{
	(void)arg;
	FUZZ_CHECK(!"the ledger needs recovery");
}

/* A new ledger, and new logins, which would end by and by. */
static inline void
house_begin_anew(struct house *h)
{
	const struct flush_options o = {
		.config = h->config, .retry_ms = FLUSH_RETRY_MS, .give_up = house_give_up
	};

	flush_destroy(&h->flush);
	ledger_bench_remove(h->dir);
	FUZZ_CHECK(mkdir(h->dir, 0700) == 0);
	house_write(h, HOUSE_KEYS, house_keys, sizeof(house_keys) - 1);
	house_write(h, HOUSE_SETTINGS, house_settings, sizeof(house_settings) - 1);
	house_log_in(h);
	for (enum house_file f = 0; f < HOUSE_FILES; f++) {
		free(h->start[f].p);
		h->start[f] = house_read(h, f);
	}
	FUZZ_CHECK(flush_create(h->base, &o, &h->flush) == 0);
	flush_begin(h->flush);
	FUZZ_CHECK(flush_ledger(h->flush) != NULL);
	house_use(h);
}

static inline void
house_on_request(struct http_request *rq, void *arg)
{
	const struct house *h = arg;

	room_handle(rq, h->room);
}

static inline void
house_serve(struct house *h)
{
	enum {
		ANY = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
		    EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS
	};
	static const struct http_route all = { ANY, "/admin/", house_on_request };
	const struct http_options o = { &all, 1, h, &h->uid, 1 };
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.sock", h->dir);
	h->uid = geteuid();
	h->listen_fd = http_place_listen(&h->place, path);
	FUZZ_CHECK(h->listen_fd != -1);
	FUZZ_CHECK(http_server_create(h->base, &o, &h->http) == 0);
	FUZZ_CHECK(http_server_listen(h->http, h->listen_fd) == 0);
	FUZZ_CHECK(pipe2(h->wishes, O_NONBLOCK | O_CLOEXEC) == 0);
	h->wish = event_new(h->base, h->wishes[0], EV_READ | EV_PERSIST, house_on_wish, h);
	FUZZ_CHECK(h->wish != NULL && event_add(h->wish, NULL) == 0);
}

static inline void
house_publish_models(struct house *h)
{
	struct models *m = calloc(1, sizeof(*m));
	struct errmsg why = { "" };

	FUZZ_CHECK(m != NULL && models_load(NULL, m, &why) == 0);
	shared_put_models(h->shared.published, m);
	free(m);
}

/* Lives as long as the process; house_leave() frees it and removes its files. */
static inline void
house_open(struct house *h)
{
	log_init("fuzz", LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
	(void)snprintf(h->dir, sizeof(h->dir), "%s/gatehouse-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	FUZZ_CHECK(mkdtemp(h->dir) != NULL);
	FUZZ_CHECK((h->base = event_base_new()) != NULL && zone_use("UTC") == 0);
	FUZZ_CHECK(shared_create(HOUSE_MAX_KEYS, &h->shared) == 0);
	atomic_store(&h->shared.state->figures.started_ms, (uint64_t)clock_wall_ms());
	house_configure(h);
	house_publish_models(h);
	house_begin_anew(h);
	house_serve(h);
	house_enact(h);
}

static inline void
house_leave(struct house *h)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.sock", h->dir);
	(void)unlink(path);
	http_server_destroy(&h->http);
	flush_destroy(&h->flush);
	event_free(h->wish);
	event_base_free(h->base);
	config_destroy(&h->config);
	for (enum house_file f = 0; f < HOUSE_FILES; f++)
		free(h->start[f].p);
	ledger_bench_remove(h->dir);
}

/* --- one input --- */

/* The room opens at the first request: a file of sessions before it is read, too. */
static inline void
house_open_room(struct house *h)
{
	const struct room_options o = { .config = h->config,
		.shared = &h->shared,
		.flush = h->flush,
		.metrics = &h->metrics,
		.master_pid = getpid(),
		.reload_fd = h->wishes[1] };

	if (h->room == NULL)
		FUZZ_CHECK(room_create(h->base, &o, &h->room) == 0);
}

static inline uint64_t
house_audited(const struct house *h)
{
	uint64_t last = 0;

	FUZZ_CHECK(ledger_audit_last(flush_ledger(h->flush), &last) == 0);
	return last;
}

static inline void
house_reset(struct house *h)
{
	if (house_audited(h) > HOUSE_AUDIT_MAX)
		house_begin_anew(h);
	for (enum house_file f = 0; f < HOUSE_FILES; f++)
		house_write(h, f, h->start[f].p, h->start[f].n);
}

#endif
