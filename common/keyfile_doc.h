/*
 * A key file as text and as JSON of the form {"keys": [...]}; what stands in an
 * entry is for keyfile_entry.h. Errors name file, line and column, never a byte of
 * the text.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_DOC_H
#define GATEHOUSE_COMMON_KEYFILE_DOC_H

#include <jansson.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/err.h"

/* The bytes of a file and what the file was when they were read. */
struct keyfile_text {
	char *p;
	size_t n;
	struct stat st;
};

/* An entry that no parser may read: a field stands twice, a number is too big, ... */
struct keyfile_flaw {
	size_t entry; /* counted from 0 */
	int line;     /* of the file, counted from 1 */
	const char *what;
};

/* The JSON of a key file. */
struct keyfile_doc {
	json_t *root;               /* owned */
	json_t *keys;               /* the array, inside root */
	struct keyfile_flaw *flaws; /* in the order of entries */
	size_t n_flaws;
};

/*
 * Open a key file for reading. Never waits (a FIFO is refused).
 * fd_out  the caller's to close, on 0.
 * Returns 0, -ENOENT (why untouched), -errno or ERR_INVALID (no regular file).
 */
int keyfile_open(const char *path, int *fd_out, struct errmsg *why) MUSTCHECK;

/*
 * Read the whole of an open key file, from its beginning.
 * out  freed with keyfile_text_free(), on 0.
 * Returns 0, -errno or ERR_TOO_LARGE.
 */
int keyfile_read(
    int fd, const char *path, struct keyfile_text *out, struct errmsg *why) MUSTCHECK;

/* Wipe and free. Leaves it empty. */
void keyfile_text_free(struct keyfile_text *text);

/*
 * Parse text, strictly: nothing may stand twice in an object.
 * out  freed with keyfile_doc_free(), on 0.
 * Returns 0, ERR_SYNTAX or -ENOMEM.
 */
int keyfile_doc_parse(const struct keyfile_text *text, const char *path,
    struct keyfile_doc *out, struct errmsg *why) MUSTCHECK;

/*
 * The same, but entries with a flaw that leaves the rest of the file readable are
 * set aside in out->flaws; what stands in out->keys in their place means nothing.
 * text  such entries are overwritten in it.
 */
int keyfile_doc_parse_lenient(struct keyfile_text *text, const char *path,
    struct keyfile_doc *out, struct errmsg *why) MUSTCHECK;

/* Wipe the secrets in it and free. Leaves it empty. */
void keyfile_doc_free(struct keyfile_doc *doc);

#endif
