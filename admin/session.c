/*
 * An array and linear search: a thousand comparisons are a few microseconds. Which password
 * opened the sessions stands in the file as its scrypt (RFC 7914) under a random salt: slow
 * enough that a stolen file is no help to guess it.
 */
#include "admin/session.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "admin/hexfile.h"
#include "common/keyfile.h"
#include "common/log.h"
#include "common/span.h"

enum {
	SALT_BYTES = 16,
	DIGEST_BYTES = 32,
	HASH_BYTES = KEY_HASH_BYTES,
	SCRYPT_N = 16384,
	SCRYPT_R = 8,
	SCRYPT_P = 1,
	SCRYPT_MEMORY = 64 * 1024 * 1024,
	FILE_BYTES = 1024 * 1024
};

struct entry {
	struct session s;
	uint8_t hash[HASH_BYTES];
};

struct session_store {
	char path[PATH_MAX];
	uint8_t salt[SALT_BYTES];
	uint8_t password[DIGEST_BYTES];
	bool changed;
	bool failing; /* the last save did */
	size_t n;
	struct entry v[SESSION_MAX];
};

void
session_csrf(const char *token, char out[SESSION_CSRF_BYTES + 1])
{
	static const char what[] = "gatehouse csrf";
	uint8_t mac[HASH_BYTES];
	unsigned n = sizeof(mac);

	if (HMAC(EVP_sha256(), token, (int)strlen(token), (const uint8_t *)what,
		sizeof(what) - 1, mac, &n) == NULL)
		abort(); /* no memory for a few hundred bytes: the master starts another */
	hexfile_put(mac, sizeof(mac), out);
}

/* --- the array --- */

static bool
is_over(const struct session *s, int64_t now_ms)
{
	return now_ms >= s->created_ms + SESSION_LIFE_MS ||
	    now_ms >= s->seen_ms + SESSION_IDLE_MS;
}

static void
remove_at(struct session_store *s, size_t i)
{
	memmove(&s->v[i], &s->v[i + 1], (s->n - i - 1) * sizeof(s->v[0]));
	s->n--;
	OPENSSL_cleanse(&s->v[s->n], sizeof(s->v[s->n]));
	s->changed = true;
}

static void
remove_over(struct session_store *s, int64_t now_ms)
{
	for (size_t i = s->n; i-- > 0;) {
		if (is_over(&s->v[i].s, now_ms))
			remove_at(s, i);
	}
}

static void
make_room(struct session_store *s)
{
	size_t idle = 0;

	if (s->n < SESSION_MAX)
		return;
	for (size_t i = 1; i < s->n; i++) {
		if (s->v[i].s.seen_ms < s->v[idle].s.seen_ms)
			idle = i;
	}
	remove_at(s, idle);
}

/* --- the file --- */

static json_t *
entry_json(const struct entry *e)
{
	char hash[2 * HASH_BYTES + 1];

	hexfile_put(e->hash, HASH_BYTES, hash);
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "id", e->s.id, "token_hash", hash,
	    "from", e->s.from, "created_ms", (json_int_t)e->s.created_ms, "seen_ms",
	    (json_int_t)e->s.seen_ms);
}

static json_t *
store_json(const struct session_store *s)
{
	char salt[2 * SALT_BYTES + 1], digest[2 * DIGEST_BYTES + 1];
	json_t *list = json_array();

	hexfile_put(s->salt, SALT_BYTES, salt);
	hexfile_put(s->password, DIGEST_BYTES, digest);
	for (size_t i = 0; list != NULL && i < s->n; i++) {
		if (json_array_append_new(list, entry_json(&s->v[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return json_pack("{s:i, s:s, s:s, s:o}", "version", 1, "password_salt", salt,
	    "password_scrypt", digest, "sessions", list);
}

int
session_store_save(struct session_store *s)
{
	json_t *root;
	struct errmsg why;
	int r;

	if (!s->changed)
		return 0;
	root = store_json(s);
	r = root != NULL ? hexfile_save(s->path, root, &why) : -ENOMEM;
	json_decref(root);
	if (r == 0) {
		s->changed = false;
		if (s->failing)
			log_info("session", "sessions are on disk again");
	} else if (!s->failing) {
		log_warn("session",
		    "%s can't be written (%s): who is logged in is forgotten when admin "
		    "is started anew",
		    s->path, err_text(r));
	}
	s->failing = r != 0;
	return r;
}

static int
entry_from_json(const json_t *o, struct entry *e)
{
	const char *id = NULL, *hash = NULL, *from = NULL;
	json_int_t created, seen;

	*e = (struct entry){ 0 };
	if (json_unpack((json_t *)(uintptr_t)o, "{s:s, s:s, s:s, s:I, s:I}", "id", &id,
		"token_hash", &hash, "from", &from, "created_ms", &created, "seen_ms",
		&seen) != 0 ||
	    strlen(id) > SESSION_ID_BYTES || strlen(from) >= SESSION_FROM_BYTES ||
	    created < 0 || seen < created)
		return ERR_SYNTAX;
	(void)snprintf(e->s.id, sizeof(e->s.id), "%s", id);
	(void)snprintf(e->s.from, sizeof(e->s.from), "%s", from);
	e->s.created_ms = created;
	e->s.seen_ms = seen;
	return hexfile_get(hash, e->hash, HASH_BYTES);
}

/* Take over the sessions of a file. now_ms: none is from the future. */
static int
take_entries(struct session_store *s, const json_t *list, int64_t now_ms)
{
	int r = json_is_array(list) ? 0 : ERR_SYNTAX;

	for (size_t i = 0; r == 0 && i < json_array_size(list) && s->n < SESSION_MAX; i++) {
		struct entry *e = &s->v[s->n];

		r = entry_from_json(json_array_get(list, i), e);
		if (r == 0 && !is_over(&e->s, now_ms) && e->s.created_ms <= now_ms)
			s->n++;
		else
			s->changed = true;
	}
	if (r != 0)
		s->n = 0;
	return r;
}

static int
digest_password(struct session_store *s, const char *password)
{
	if (EVP_PBE_scrypt(password, strlen(password), s->salt, SALT_BYTES, SCRYPT_N,
		SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, s->password, DIGEST_BYTES) != 1)
		return ERR_TLS;
	return 0;
}

/* Begin without sessions: a salt of our own. */
static int
begin(struct session_store *s, const char *password)
{
	s->n = 0;
	if (RAND_bytes(s->salt, SALT_BYTES) != 1)
		return ERR_TLS;
	return digest_password(s, password);
}

/* Sessions of the file, if this password opened them; else none, and a new salt. */
static int
take_file(
    struct session_store *s, const json_t *root, const char *password, int64_t now_ms)
{
	const char *salt = json_string_value(json_object_get(root, "password_salt"));
	const char *digest = json_string_value(json_object_get(root, "password_scrypt"));
	uint8_t before[DIGEST_BYTES];
	int r;

	if (hexfile_get(salt, s->salt, SALT_BYTES) != 0 ||
	    hexfile_get(digest, before, DIGEST_BYTES) != 0)
		return ERR_SYNTAX;
	if ((r = digest_password(s, password)) != 0)
		return r;
	if (CRYPTO_memcmp(before, s->password, DIGEST_BYTES) == 0)
		return take_entries(s, json_object_get(root, "sessions"), now_ms);
	log_info("session", "ADMIN_PASSWORD is another one: all sessions have ended");
	s->changed = true;
	return begin(s, password);
}

static int
load(struct session_store *s, const char *password, int64_t now_ms)
{
	json_t *root = NULL;
	int r = hexfile_load(s->path, FILE_BYTES, &root);

	if (r == 0)
		r = take_file(s, root, password, now_ms);
	else if (r == -ENOENT)
		r = begin(s, password);
	json_decref(root);
	if (r == 0 || r == ERR_TLS || r == -ENOMEM)
		return r;
	log_warn("session", "%s can't be used (%s): all sessions have ended", s->path,
	    err_text(r));
	s->changed = true;
	return begin(s, password);
}

int
session_store_create(const char *data_dir, const char *password, int64_t now_ms,
    struct session_store **out)
{
	struct session_store *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (s == NULL)
		return r;
	if (snprintf(s->path, sizeof(s->path), "%s/" SESSION_FILE, data_dir) >=
	    (int)sizeof(s->path))
		r = -ENAMETOOLONG;
	else
		r = load(s, password, now_ms);
	if (r != 0) {
		s->changed = false;
		session_store_destroy(&s);
		return r;
	}
	*out = s;
	return 0;
}

void
session_store_destroy(struct session_store **sp)
{
	struct session_store *s = *sp;

	if (s == NULL)
		return;
	(void)session_store_save(s);
	OPENSSL_clear_free(s, sizeof(*s));
	*sp = NULL;
}

/* --- sessions --- */

int
session_store_open(struct session_store *s, const char *from, int64_t now_ms,
    char token_out[SESSION_TOKEN_BYTES + 1], struct session *out)
{
	char secret[KEY_SECRET_BYTES + 1];
	uint8_t id[SESSION_ID_BYTES / 2];
	struct entry *e;

	if (key_generate(secret) != 0 || RAND_bytes(id, sizeof(id)) != 1)
		return ERR_TLS;
	memcpy(token_out, secret + KEY_SECRET_BYTES - SESSION_TOKEN_BYTES,
	    SESSION_TOKEN_BYTES + 1); /* without its "pm_" */
	OPENSSL_cleanse(secret, sizeof(secret));
	remove_over(s, now_ms);
	make_room(s);
	e = &s->v[s->n++];
	*e = (struct entry){ .s = { .created_ms = now_ms, .seen_ms = now_ms } };
	hexfile_put(id, sizeof(id), e->s.id);
	(void)snprintf(e->s.from, sizeof(e->s.from), "%s", from);
	key_hash(token_out, SESSION_TOKEN_BYTES, e->hash);
	*out = e->s;
	s->changed = true;
	(void)session_store_save(s);
	return 0;
}

int
session_store_find(
    struct session_store *s, const char *token, int64_t now_ms, struct session *out)
{
	uint8_t hash[HASH_BYTES];
	struct entry *found = NULL;

	if (token[0] == '\0')
		return -ENOENT;
	key_hash(token, strlen(token), hash);
	for (size_t i = 0; i < s->n; i++) {
		if (CRYPTO_memcmp(s->v[i].hash, hash, HASH_BYTES) == 0)
			found = &s->v[i];
	}
	if (found == NULL || is_over(&found->s, now_ms))
		return -ENOENT;
	if (now_ms > found->s.seen_ms) {
		found->s.seen_ms = now_ms;
		s->changed = true;
	}
	*out = found->s;
	return 0;
}

size_t
session_store_end(struct session_store *s, const char *id)
{
	size_t ended = 0;

	for (size_t i = s->n; i-- > 0;) {
		if (strcmp(s->v[i].s.id, id) == 0) {
			remove_at(s, i);
			ended++;
		}
	}
	(void)session_store_save(s);
	return ended;
}

size_t
session_store_end_all(struct session_store *s)
{
	const size_t ended = s->n;

	while (s->n > 0)
		remove_at(s, s->n - 1);
	(void)session_store_save(s);
	return ended;
}

int
session_store_at(struct session_store *s, size_t n, int64_t now_ms, struct session *out)
{
	remove_over(s, now_ms);
	if (n >= s->n)
		return -ENOENT;
	*out = s->v[n].s;
	return 0;
}
