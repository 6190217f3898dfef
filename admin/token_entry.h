/* Entries of admin_tokens.json, from JSON and back. Private to the token modules. */
#ifndef GATEHOUSE_ADMIN_TOKEN_ENTRY_H
#define GATEHOUSE_ADMIN_TOKEN_ENTRY_H

#include "admin/token.h"

/* At most TOKEN_NAME_MAX bytes of UTF-8 without control characters, and at least one? */
bool token_name_is_valid(struct span name);

/* Read the file, or none. out: free(). Returns 0, ERR_SYNTAX or -errno (why). */
int token_entries_load(
    const char *path, struct token **out, size_t *n_out, struct errmsg *why) MUSTCHECK;

/* The file's content. NULL without memory. */
json_t *token_entries_json(const struct token *v, size_t n);

#endif
