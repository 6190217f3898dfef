/*
 * Fuzz the admin API as clients meet it: evhttp, sessions and tokens, every handler, the key
 * file, settings and ledger. An input is one step or more, a NUL between them; a step is a
 * line, and behind it a body:
 *
 *   WHO METHOD TARGET   a request to /admin/api/v1/TARGET; for WHO's letters see put_caller()
 *   FILE NAME           the body becomes api_keys.json, settings.json, ...
 *
 * In TARGET and body, @t is a token's id and @v the revision of the key shown last. Whatever
 * is asked: one answer, as documented; no secret in it or in the audit, but for a new one in
 * its own answer; files that could be read still can be, and stay as they are where nothing
 * was to be changed.
 */
#include "tests/fuzz/admin_house.h"
#include "tests/fuzz/admin_shape.h"

#include <openssl/evp.h>

#include "admin/access.h"
#include "common/sb.h"

enum {
	INPUT_MAX = 20000,
	STEPS_MAX = 8,
	REQUEST_MAX = 64000,
	SECRETS_MAX = 16 + STEPS_MAX,
	SECRET_MAX = 80,
	ANSWER_MAX = 1 << 20,
	PATIENCE_MS = 15000,
	PASSWORD_MIN = 12,
	HASH_DIGITS = 64
};

struct step {
	char who[8], method[8];
	struct span target, body; /* of the input */
	char request[REQUEST_MAX];
	size_t request_n;
	struct span path; /* in request, behind /admin/api/v1 */
	bool is_write;
};

struct answer {
	char text[ANSWER_MAX]; /* NUL-terminated */
	size_t n;
	struct span body;
	int status;
	char type[64]; /* without parameters; "": none */
	json_t *json;  /* of the body, if that is its type */
	bool done;
};

/* One input's way. */
struct run {
	struct house *h;
	struct span input;
	char secret[SECRETS_MAX][SECRET_MAX]; /* that no answer may hold */
	size_t n_secrets;
	char token_id[TOKEN_ID_BYTES + 1];
	char revision[64];
	struct house_text before[HOUSE_FILES];
	size_t faults; /* of single keys in the file */
	bool readable;
	uint64_t audited;
};

/* Say which promise is broken, and by what. */
#define ANSWER_CHECK(s, a, so)                                                           \
	do {                                                                             \
		if (!(so)) {                                                             \
			fprintf(stderr, "%.*s\n\n%s\n", (int)(s)->request_n,             \
			    (s)->request, (a)->text);                                    \
			FUZZ_CHECK(so);                                                  \
		}                                                                        \
	} while (0)

static bool
holds(struct span s, const char *text)
{
	const size_t n = strlen(text);

	return n > 0 && s.n >= n && memmem(s.p, s.n, text, n) != NULL;
}

/* --- what is asked --- */

/* Take what is before the first c, and c. */
static struct span
take_until(struct span *rest, char c)
{
	const char *end = rest->n > 0 ? memchr(rest->p, c, rest->n) : NULL;
	const struct span s = { rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n };

	rest->p += s.n + (end != NULL);
	rest->n -= s.n + (end != NULL);
	return s;
}

/* What stands for @t and @v. NULL: something else. */
static const char *
placeholder(const struct run *run, struct span s, size_t i)
{
	if (i + 1 >= s.n || s.p[i] != '@')
		return NULL;
	if (s.p[i + 1] == 't')
		return run->token_id;
	return s.p[i + 1] == 'v' ? run->revision : NULL;
}

static bool
is_escape(struct span s, size_t i)
{
	return i + 2 < s.n && strchr("0123456789abcdefABCDEF", s.p[i + 1]) != NULL &&
	    strchr("0123456789abcdefABCDEF", s.p[i + 2]) != NULL;
}

/* A target has no byte that evhttp would refuse: these are put as %XX. */
static void
put_target(struct sb *b, const struct run *run, struct span s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~!$&'()*+,;=:@/?";

	for (size_t i = 0; i < s.n; i++) {
		const char *for_it = placeholder(run, s, i);

		if (for_it != NULL) {
			sb_str(b, for_it);
			i++;
		} else if (s.p[i] == '%' ? is_escape(s, i)
					 : strchr(plain, s.p[i]) != NULL) {
			sb_put(b, &s.p[i], 1);
		} else {
			sb_printf(b, "%%%02X", (unsigned)(unsigned char)s.p[i]);
		}
	}
}

static void
put_body(struct sb *b, const struct run *run, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		const char *for_it = placeholder(run, s, i);

		if (for_it != NULL) {
			sb_str(b, for_it);
			i++;
		} else {
			sb_put(b, &s.p[i], 1);
		}
	}
}

/*
 * Who asks, and how: a, r, m have an admin token of that scope, s a session, w a wrong token,
 * others nothing. Behind it: c without the CSRF token, o from another origin, t with a body
 * of another type, h over HTTPS.
 */
static void
put_caller(struct sb *b, const struct house *h, const char *who)
{
	static const char scopes[] = "arm";
	const char *scope = who[0] != '\0' ? strchr(scopes, who[0]) : NULL;
	char csrf[SESSION_CSRF_BYTES + 1];

	sb_printf(b, "X-Gatehouse-Client: 192.0.2.7\r\nX-Gatehouse-Proto: %s\r\n",
	    strchr(who, 'h') != NULL ? "https" : "http");
	if (scope != NULL)
		sb_printf(b, "Authorization: Bearer %s\r\n", h->token[scope - scopes]);
	else if (who[0] == 'w')
		SB_LIT(b, "Authorization: Bearer gha_wrong\r\n");
	if (who[0] == 's')
		sb_printf(b, "Cookie: " ACCESS_COOKIE "=%s\r\n", h->cookie);
	session_csrf(h->cookie, csrf);
	if (who[0] == 's' && strchr(who, 'c') == NULL)
		sb_printf(b, "X-CSRF-Token: %s\r\n", csrf);
	if (strchr(who, 'o') != NULL)
		SB_LIT(b, "Origin: https://elsewhere.example\r\n");
	sb_printf(b, "Content-Type: %s\r\n",
	    strchr(who, 't') != NULL ? "text/plain" : "application/json; charset=utf-8");
}

/* Returns false if there is nothing to be sent. */
static bool
put_request(const struct run *run, struct step *s)
{
	static const char prefix[] = " /admin/api/v1/";
	static char body[REQUEST_MAX];
	struct sb b = sb_init(s->request, sizeof(s->request));
	struct sb c = sb_init(body, sizeof(body));
	const char *end;

	sb_str(&b, s->method);
	sb_str(&b, prefix);
	put_target(&b, run, s->target);
	s->path.p = s->request + strlen(s->method) + sizeof(prefix) - 2; /* its last '/' */
	s->path.n = (size_t)(s->request + b.n - s->path.p);
	end = memchr(s->path.p, '?', s->path.n);
	s->path.n = end != NULL ? (size_t)(end - s->path.p) : s->path.n;
	SB_LIT(&b, " HTTP/1.1\r\nHost: gatehouse\r\nConnection: close\r\n");
	put_caller(&b, run->h, s->who);
	if (s->is_write)
		put_body(&c, run, s->body);
	if (s->is_write)
		sb_printf(&b, "Content-Length: %zu\r\n", c.n);
	SB_LIT(&b, "\r\n");
	sb_put(&b, c.p, c.n);
	s->request_n = b.n;
	return !b.over && !c.over;
}

static bool
take_word(struct span word, char *out, size_t cap)
{
	if (word.n == 0 || word.n >= cap || memchr(word.p, '\0', word.n) != NULL)
		return false;
	memcpy(out, word.p, word.n);
	out[word.n] = '\0';
	return true;
}

/* Read a step's line. Returns false if it is no request. */
static bool
take_step(const struct run *run, struct span text, struct step *s)
{
	static const char *const methods[] = { "POST", "PATCH", "PUT", "GET", "HEAD",
		"DELETE", "OPTIONS" };
	struct span line = take_until(&text, '\n');
	bool known = false;

	s->is_write = false;
	if (!take_word(take_until(&line, ' '), s->who, sizeof(s->who)) ||
	    !take_word(take_until(&line, ' '), s->method, sizeof(s->method)))
		return false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i], s->method) != 0)
			continue;
		known = true;
		s->is_write = i < 3; /* evhttp reads a body of these */
	}
	s->target = line;
	s->body = text;
	return known && put_request(run, s);
}

/* --- what comes back --- */

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct answer *a = arg;
	const ssize_t n = recv(fd, a->text + a->n, sizeof(a->text) - 1 - a->n, 0);

	(void)what;
	FUZZ_CHECK(n >= 0 && a->n < sizeof(a->text) - 1);
	a->n += (size_t)n;
	a->text[a->n] = '\0';
	a->done = n == 0;
}

/* Send the request, and turn the loop until the server has closed. */
static void
ask(struct house *h, const struct step *s, struct answer *a)
{
	const uint64_t since_ms = clock_mono_ms();
	const int fd = http_place_connect(&h->place);
	struct event *ev = event_new(h->base, fd, EV_READ | EV_PERSIST, on_answer, a);

	a->n = 0;
	a->done = false;
	FUZZ_CHECK(fd != -1 && ev != NULL && event_add(ev, NULL) == 0);
	FUZZ_CHECK(
	    send(fd, s->request, s->request_n, MSG_NOSIGNAL) == (ssize_t)s->request_n);
	while (!a->done) {
		FUZZ_CHECK(event_base_loop(h->base, EVLOOP_ONCE) == 0);
		ANSWER_CHECK(s, a, clock_mono_ms() - since_ms < PATIENCE_MS);
	}
	event_free(ev);
	close(fd);
}

/* A header's value up to its end or ';'. Each stands once, and is one line. */
static void
take_header(
    const struct step *s, struct answer *a, const char *name, char *out, size_t cap)
{
	const char *end = strstr(a->text, "\r\n\r\n"), *at;
	char line[40];
	size_t n;

	out[0] = '\0';
	(void)snprintf(line, sizeof(line), "\r\n%s: ", name);
	at = strstr(a->text, line);
	if (at == NULL || at > end)
		return;
	ANSWER_CHECK(s, a, strstr(at + 1, line) == NULL || strstr(at + 1, line) > end);
	at += strlen(line);
	n = strcspn(at, ";\r");
	ANSWER_CHECK(s, a, n < cap);
	memcpy(out, at, n);
	out[n] = '\0';
}

/* One head, and behind it the body that it announces: nothing more was answered. */
static void
read_answer(const struct step *s, struct answer *a)
{
	const char *end = strstr(a->text, "\r\n\r\n");
	char length[24];

	ANSWER_CHECK(s, a, strlen(a->text) == a->n && end != NULL);
	a->status = http_status(a->text);
	a->body = (struct span){ end + 4, a->n - (size_t)(end + 4 - a->text) };
	take_header(s, a, "Content-Type", a->type, sizeof(a->type));
	take_header(s, a, "Content-Length", length, sizeof(length));
	if (strcmp(s->method, "HEAD") == 0 || a->status == 204)
		ANSWER_CHECK(s, a, a->body.n == 0);
	else
		ANSWER_CHECK(
		    s, a, length[0] != '\0' && strtoul(length, NULL, 10) == a->body.n);
	a->json = NULL;
	if (strcmp(a->type, "application/json") == 0 && a->body.n > 0) {
		a->json = json_loadb(a->body.p, a->body.n, JSON_REJECT_DUPLICATES, NULL);
		ANSWER_CHECK(s, a, json_is_object(a->json));
	}
}

static bool
is_utf8(struct span s)
{
	while (s.n > 0) {
		const size_t step = sb_utf8_bytes((const unsigned char *)s.p, s.n);

		if (step == 0)
			return false;
		s.p += step;
		s.n -= step;
	}
	return true;
}

/* --- oracles --- */

/* OpenAI's names, by status; and a word for programs, a sentence for people. */
static void
check_error(const struct step *s, const struct answer *a)
{
	const json_t *e = json_object_get(a->json, "error");
	const char *type = json_string_value(json_object_get(e, "type"));
	const char *code = json_string_value(json_object_get(e, "code"));
	const char *message = json_string_value(json_object_get(e, "message"));
	const char *want = a->status >= 500 ? "server_error"
	    : a->status == 401              ? "authentication_error"
					    : "invalid_request_error";

	ANSWER_CHECK(s, a, code != NULL && message != NULL && message[0] != '\0');
	ANSWER_CHECK(s, a, type != NULL && strcmp(type, want) == 0);
	ANSWER_CHECK(s, a,
	    code[0] != '\0' && code[strspn(code, "abcdefghijklmnopqrstuvwxyz_")] == '\0');
}

/* Is it what openapi.json has of this method and path? */
static void
check_shape(const struct step *s, const struct answer *a)
{
	const bool is_head = strcmp(s->method, "HEAD") == 0;
	const json_t *operation;
	char method[8];
	bool known;

	(void)snprintf(method, sizeof(method), "%s", is_head ? "GET" : s->method);
	for (char *p = method; *p != '\0'; p++)
		*p = (char)(*p | 0x20);
	operation = shape_operation(method, s->path, &known);
	if (operation == NULL) {
		/* 404 of a known path: a part of it is no UTF-8 */
		ANSWER_CHECK(s, a, a->status == 404 || (known && a->status == 405));
		return;
	}
	ANSWER_CHECK(s, a,
	    shape_is_answer(
		operation, a->status, a->type[0] != '\0' ? a->type : NULL, a->json));
}

/* The password that was sent, unless it is a word of the answer to any wrong one. */
static void
check_password(const struct step *s, const struct answer *a)
{
	static const char said[] =
	    "{\"error\":{\"message\":\"The password is wrong.\",\"type\":\"authentication_error\","
	    "\"param\":\"password\",\"code\":\"invalid_password\",\"attempts_left\":4}}"
	    "The password must be a text. There is no such field here.";
	json_t *body = json_loadb(s->body.p, s->body.n, JSON_REJECT_DUPLICATES, NULL);
	const char *given = json_string_value(json_object_get(body, "password"));

	if (span_eq(s->path, SPAN("/session")) && a->status == 401 && given != NULL &&
	    json_object_size(body) == 1 && strlen(given) >= PASSWORD_MIN &&
	    strstr(said, given) == NULL)
		ANSWER_CHECK(s, a, !holds((struct span){ a->text, a->n }, given));
	json_decref(body);
}

/* No secret but those that the input has itself, and no hash of a key. */
static void
check_secrets(const struct run *run, const struct step *s, const struct answer *a)
{
	static const char field[] = "\"key_hash\": \"";
	const struct span text = { a->text, a->n };
	const struct house_text *keys = &run->before[HOUSE_KEYS];
	char hash[HASH_DIGITS + 1];

	for (size_t i = 0; i < run->n_secrets; i++)
		if (!holds(run->input, run->secret[i]))
			ANSWER_CHECK(s, a, !holds(text, run->secret[i]));
	for (const char *at = keys->p; (at = strstr(at, field)) != NULL; at += 1) {
		(void)snprintf(hash, sizeof(hash), "%s", at + sizeof(field) - 1);
		if (strlen(hash) == HASH_DIGITS && !holds(run->input, hash))
			ANSWER_CHECK(s, a, !holds(text, hash));
	}
	check_password(s, a);
}

static int
look_at_record(const struct ledger_audit_record *r, void *arg)
{
	const struct run *run = arg;

	FUZZ_CHECK(is_utf8(r->text));
	for (size_t i = 0; i < run->n_secrets; i++)
		if (!holds(run->input, run->secret[i]))
			FUZZ_CHECK(!holds(r->text, run->secret[i]));
	return 0;
}

/* What was done to keys, settings and tokens is in the audit, without a secret. */
static void
check_audit(struct run *run, const struct step *s, const struct answer *a)
{
	const uint64_t last = house_audited(run->h);

	if (s->method[0] != 'G' && s->method[0] != 'H' && a->status / 100 == 2 &&
	    !span_eq(s->path, SPAN("/upstream/check")))
		ANSWER_CHECK(s, a, last > run->audited);
	FUZZ_CHECK(ledger_audit_read(flush_ledger(run->h->flush), run->audited + 1,
		       look_at_record, run) == 0);
	run->audited = last;
}

/* Is the hash of secret a key's? */
static bool
is_key(const struct keyset *set, const char *secret)
{
	uint8_t hash[KEY_HASH_BYTES];

	key_hash(secret, strlen(secret), hash);
	for (size_t i = 0; i < set->n; i++)
		if (memcmp(set->v[i].hash, hash, sizeof(hash)) == 0)
			return true;
	return false;
}

/* A secret is shown once, to who made it, and its key or token is there. */
static void
take_secret(struct run *run, const struct step *s, const struct answer *a,
    const struct keyset *set)
{
	const char *secret = json_string_value(json_object_get(a->json, "secret"));
	const struct house_text *keys = &run->before[HOUSE_KEYS];
	const struct house_text *tokens = &run->before[HOUSE_TOKENS];
	const char *id =
	    json_string_value(json_object_get(json_object_get(a->json, "token"), "id"));

	if (secret == NULL)
		return;
	ANSWER_CHECK(s, a, strcmp(s->method, "POST") == 0 && a->status / 100 == 2);
	ANSWER_CHECK(s, a, !holds((struct span){ keys->p, keys->n }, secret));
	ANSWER_CHECK(s, a, !holds((struct span){ tokens->p, tokens->n }, secret));
	if (id == NULL)
		ANSWER_CHECK(s, a, set != NULL && is_key(set, secret));
	else
		ANSWER_CHECK(s, a, holds((struct span){ tokens->p, tokens->n }, id));
	if (id != NULL)
		(void)snprintf(run->token_id, sizeof(run->token_id), "%s", id);
	FUZZ_CHECK(run->n_secrets < SECRETS_MAX && strlen(secret) < SECRET_MAX);
	(void)snprintf(run->secret[run->n_secrets++], SECRET_MAX, "%s", secret);
}

static void
take_revision(struct run *run, const struct answer *a)
{
	const json_t *key = json_object_get(a->json, "key");
	const char *text = json_string_value(
	    json_object_get(json_is_object(key) ? key : a->json, "revision"));

	if (text != NULL)
		(void)snprintf(run->revision, sizeof(run->revision), "%s", text);
}

/* --- files --- */

/* Read them again. Returns whether the keys, settings and tokens are as they were. */
static bool
look_at_files(struct run *run)
{
	bool same = true;

	for (enum house_file f = 0; f < HOUSE_SESSIONS; f++) {
		struct house_text now = house_read(run->h, f);

		same = same && run->before[f].p != NULL && now.n == run->before[f].n &&
		    memcmp(now.p, run->before[f].p, now.n) == 0;
		free(run->before[f].p);
		run->before[f] = now;
	}
	return same;
}

/* Load the keys as the master would. NULL: the file can't be read. */
static struct keyset *
load_keys(const struct run *run)
{
	const struct config *cfg = run->h->config;
	struct keyset *set = NULL;
	struct errmsg why = { "" };

	if (keyfile_load(cfg->api_keys_file, &cfg->api_keys, cfg->max_keys, &set, &why) !=
	    0)
		return NULL;
	return set;
}

static void
note_keys(struct run *run, const struct keyset *set)
{
	run->readable = set != NULL;
	run->faults = set != NULL ? set->faults.n : 0;
}

/* After an answer: what could be read can be read, and nothing has changed without a 2xx. */
static void
check_files(struct run *run, const struct step *s, const struct answer *a)
{
	const bool same = look_at_files(run);
	struct keyset *set = load_keys(run);
	const bool may_change =
	    a->status / 100 == 2 && s->method[0] != 'G' && s->method[0] != 'H';

	ANSWER_CHECK(s, a, same || may_change);
	ANSWER_CHECK(s, a, set != NULL || !run->readable);
	ANSWER_CHECK(s, a, set == NULL || set->faults.n <= run->faults || !run->readable);
	take_secret(run, s, a, set);
	note_keys(run, set);
	keyset_destroy(&set);
}

/* --- the run --- */

static void
do_request(struct run *run, const struct step *s)
{
	static struct answer a;

	house_open_room(run->h);
	ask(run->h, s, &a);
	read_answer(s, &a);
	ANSWER_CHECK(s, &a, is_utf8((struct span){ a.text, a.n }));
	check_shape(s, &a);
	if (a.status >= 400 && a.json != NULL)
		check_error(s, &a);
	check_secrets(run, s, &a);
	check_audit(run, s, &a);
	check_files(run, s, &a);
	take_revision(run, &a);
	json_decref(a.json);
}

/* `FILE NAME`. Returns false if it is something else. */
static bool
do_file(struct run *run, struct span text)
{
	const struct span line = take_until(&text, '\n');
	struct keyset *set;

	for (enum house_file f = 0; f < HOUSE_FILES; f++) {
		char wanted[40];

		(void)snprintf(wanted, sizeof(wanted), "FILE %s", house_names[f]);
		if (!span_eq(line, span_of(wanted)))
			continue;
		house_write(run->h, f, text.p, text.n);
		(void)look_at_files(run);
		set = load_keys(run);
		note_keys(run, set);
		keyset_destroy(&set);
		return true;
	}
	return false;
}

static void
begin(struct run *run, struct house *h)
{
	const char *const known[] = { HOUSE_PASSWORD, HOUSE_UPSTREAM_KEY, HOUSE_ENV_KEY,
		HOUSE_METRICS_TOKEN, HOUSE_PLAIN_KEY, h->token[0], h->token[1],
		h->token[2], h->cookie };

	house_reset(h);
	run->h = h;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		(void)snprintf(run->secret[run->n_secrets++], SECRET_MAX, "%s", known[i]);
	memcpy(run->token_id, h->token_id, sizeof(run->token_id));
	(void)look_at_files(run);
	run->readable = true;
	run->audited = house_audited(h);
}

static struct house house;

static void
leave(void)
{
	house_leave(&house);
}

/*
 * In the place of OpenSSL's: it is slow on purpose, and a room derives from the password
 * before it opens. Whose salt and password differ has another result, which is all that
 * session.c asks of it.
 */
int
EVP_PBE_scrypt(const char *pass, size_t passlen, const unsigned char *salt, size_t saltlen,
    uint64_t n, uint64_t r, uint64_t p, uint64_t max, unsigned char *key, size_t keylen)
{
	(void)n;
	(void)r;
	(void)p;
	(void)max;
	memset(key, 0, keylen);
	for (size_t i = 0; i < passlen || i < saltlen; i++)
		key[i % keylen] = (unsigned char)(key[i % keylen] * 31U +
		    (i < passlen ? (unsigned char)pass[i] : 0) * 7U +
		    (i < saltlen ? salt[i] : 0));
	return 1;
}

/* Berkeley DB keeps what it allocates in regions where no pointer shows. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:__os_malloc\n";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct step step;
	struct run run = { .input = { (const char *)data, size } };
	struct span rest = run.input;

	if (size > INPUT_MAX)
		return 0;
	if (house.base == NULL) {
		house_open(&house);
		FUZZ_CHECK(atexit(leave) == 0);
	}
	begin(&run, &house);
	for (size_t i = 0; i < STEPS_MAX && rest.n > 0; i++) {
		const struct span text = take_until(&rest, '\0');

		if (!do_file(&run, text) && take_step(&run, text, &step))
			do_request(&run, &step);
	}
	room_destroy(&house.room);
	for (enum house_file f = 0; f < HOUSE_FILES; f++)
		free(run.before[f].p);
	return 0;
}
