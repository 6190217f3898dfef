/*
 * Admin's view of the tokens: the file as it was last read, looked at again whenever its
 * identity, size or times are others. When a token was used is known here first; token_file.c
 * writes it now and then.
 */
#include "admin/token.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/crypto.h>

#include "admin/token_entry.h"
#include "common/keyfile.h"
#include "common/log.h"

struct token_store {
	char data_dir[PATH_MAX];
	char path[PATH_MAX];
	bool is_read;
	struct stat st; /* of the file as it was read; all zero: there was none */
	int fault;      /* of the last reading */
	struct token *v;
	size_t n;
	bool used;
};

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	    a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* What is known of use here and not yet in the file. */
static void
keep_used(struct token_store *s, struct token *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < s->n; k++) {
			if (strcmp(v[i].id, s->v[k].id) == 0 &&
			    s->v[k].used_ms > v[i].used_ms)
				v[i].used_ms = s->v[k].used_ms;
		}
	}
}

/* Read the file again if it is another one now. */
static void
refresh(struct token_store *s)
{
	struct stat now = { 0 };
	struct token *v = NULL;
	struct errmsg why = { "" };
	size_t n = 0;
	int r = 0;

	if (stat(s->path, &now) == -1) {
		now = (struct stat){ 0 };
		r = errno == ENOENT ? 0 : -errno;
	}
	if (s->is_read && r == s->fault && same_file(&now, &s->st))
		return;
	if (r == 0)
		r = token_file_list(s->data_dir, &v, &n, &why);
	if (r != 0 && r != s->fault)
		log_error("token", "no admin token is let in: %s",
		    why.text[0] != '\0' ? why.text : err_text(r));
	keep_used(s, v, n);
	free(s->v);
	s->v = v;
	s->n = n;
	s->st = now; /* looked at before it was read: a later change shows */
	s->fault = r;
	s->is_read = true;
}

int
token_store_create(const char *data_dir, struct token_store **out)
{
	struct token_store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	if (snprintf(s->data_dir, sizeof(s->data_dir), "%s", data_dir) >= PATH_MAX ||
	    snprintf(s->path, sizeof(s->path), "%s/" TOKEN_FILE, data_dir) >= PATH_MAX) {
		free(s);
		return -ENAMETOOLONG;
	}
	refresh(s);
	*out = s;
	return 0;
}

void
token_store_destroy(struct token_store **sp)
{
	struct token_store *s = *sp;

	if (s == NULL)
		return;
	free(s->v);
	free(s);
	*sp = NULL;
}

int
token_store_find(
    struct token_store *s, struct span secret, int64_t now_ms, struct token *out)
{
	uint8_t hash[KEY_HASH_BYTES];
	struct token *found = NULL;

	if (secret.n != TOKEN_SECRET_BYTES || !span_starts(secret, SPAN(TOKEN_PREFIX)))
		return -ENOENT;
	refresh(s);
	key_hash(secret.p, secret.n, hash);
	for (size_t i = 0; i < s->n; i++) {
		if (CRYPTO_memcmp(s->v[i].hash, hash, sizeof(hash)) == 0)
			found = &s->v[i];
	}
	if (found == NULL || (found->expires_ms != 0 && found->expires_ms <= now_ms))
		return -ENOENT;
	if (now_ms > found->used_ms) {
		found->used_ms = now_ms;
		s->used = true;
	}
	*out = *found;
	return 0;
}

int
token_store_list(struct token_store *s, const struct token **out, size_t *n_out)
{
	refresh(s);
	*out = s->v;
	*n_out = s->n;
	return s->fault;
}

bool
token_store_take_used(struct token_store *s)
{
	const bool used = s->used;

	s->used = false;
	return used;
}
