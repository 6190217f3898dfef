/*
 * Admin tokens in DATA_DIR/admin_tokens.json, as hashes: read by the admin process, edited by
 * it and by the CLI, each under a lock on DATA_DIR and by replacing the file whole. The
 * running admin looks at the file at each bearer request, so what the CLI does holds for the
 * very next one. A file that makes no sense lets nobody in.
 */
#ifndef GATEHOUSE_ADMIN_TOKEN_H
#define GATEHOUSE_ADMIN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "common/err.h"
#include "common/span.h"

#define TOKEN_FILE "admin_tokens.json"
#define TOKEN_PREFIX "gha_"

enum {
	TOKEN_MAX = 1000,
	TOKEN_ID_BYTES = 12,
	TOKEN_NAME_MAX = 128,
	TOKEN_BY_MAX = 64,
	TOKEN_SECRET_BYTES = 47, /* "gha_" + 43 base64url characters */
	TOKEN_HASH_BYTES = 32
};

/* Times are ms since 1970; 0: never. */
struct token {
	char id[TOKEN_ID_BYTES + 1];
	char name[TOKEN_NAME_MAX + 1];
	char created_by[TOKEN_BY_MAX + 1]; /* "session ab..", "cli root" */
	uint8_t hash[TOKEN_HASH_BYTES];
	unsigned scopes; /* enum api_scope, or-ed, as given */
	int64_t created_ms;
	int64_t expires_ms;
	int64_t used_ms;
};

/* --- scopes, which have the numbers of enum api_scope --- */

/* The scope of a name: "admin", "read", "metrics"; 0: none. */
unsigned token_scope(struct span name);
/* The names of all scopes in the mask, as an array. NULL without memory. */
json_t *token_scopes_json(unsigned mask);

/* A token as the API and `admin-token list --json` show it, without its hash. */
json_t *token_json(const struct token *t, int64_t now_ms);

/* --- the file: the CLI, and admin's job thread. They wait up to 5 s for the lock. --- */

/*
 * Read all tokens.
 * out  an array of *n_out, to be freed with free(). No file: none.
 * Returns 0, ERR_SYNTAX or -errno (why).
 */
int token_file_list(const char *data_dir, struct token **out, size_t *n_out,
    struct errmsg *why) MUSTCHECK;

/*
 * Add a token. Of t, name (UTF-8, no control characters), scopes, expires_ms, created_ms and
 * created_by are given; id and hash are set.
 * secret_out  the secret: to be shown once and wiped.
 * Returns 0, ERR_INVALID (name or scopes), ERR_FULL, ERR_SYNTAX (the file), ERR_TLS,
 * -EWOULDBLOCK (locked) or -errno; why says more, and nothing has changed.
 */
int token_file_create(const char *data_dir, struct token *t,
    char secret_out[TOKEN_SECRET_BYTES + 1], struct errmsg *why) MUSTCHECK;

/*
 * Take a token out: its id or, if only one has it, its name.
 * out  what it was.
 * Returns 0, -ENOENT, ERR_INVALID (several have the name), or as above.
 */
int token_file_revoke(const char *data_dir, const char *id, struct token *out,
    struct errmsg *why) MUSTCHECK;

/* Note when the n tokens of v were last used, those that are still there. */
int token_file_note_used(
    const char *data_dir, const struct token *v, size_t n, struct errmsg *why) MUSTCHECK;

/* --- admin's view --- */

struct token_store;

/* Returns 0, -ENOMEM or -ENAMETOOLONG. */
int token_store_create(const char *data_dir, struct token_store **out) MUSTCHECK;
/* Accepts NULL inside, leaves NULL. */
void token_store_destroy(struct token_store **s);

/* The token of a secret, unless it has expired; counts as used. Returns 0 or -ENOENT. */
int token_store_find(struct token_store *s, struct span secret, int64_t now_ms,
    struct token *out) MUSTCHECK;

/* All tokens; valid until the next call. Returns 0, or why the file can't be used. */
int token_store_list(
    struct token_store *s, const struct token **out, size_t *n_out) MUSTCHECK;

/* Was any used since this was last asked? Then list them for token_file_note_used(). */
bool token_store_take_used(struct token_store *s);

#endif
