/*
 * Reading key files. Jansson does the parsing; its error text quotes its input,
 * so only its line, column and code are used. An entry that Jansson refuses for
 * what it says rather than for where it ends (a field that stands twice, a number
 * out of range) would cost the whole file; so such entries are found by brackets
 * and quotes alone, overwritten, and the file is parsed again: whatever that
 * search makes of the text, Jansson has the last word.
 */
#include "common/keyfile_doc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "common/keyfile_entry.h"

enum { KEYFILE_BYTES_MAX = 512 * 1024 * 1024, READ_BYTES_MIN = 4096 };

int
keyfile_open(const char *path, int *fd_out, struct errmsg *why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd == -1) {
		r = -errno;
		if (r != -ENOENT)
			errmsg_set(why, "%s: can't be opened: %s", path, err_text(r));
		return r;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*fd_out = fd;
		return 0;
	}
	errmsg_set(why, "%s: is no regular file", path);
	close(fd);
	return ERR_INVALID;
}

/* Read up to cap bytes; n_out is less only at the end of the file. */
static int
read_full(int fd, char *p, size_t cap, off_t from, size_t *n_out)
{
	size_t n = 0;

	while (n < cap) {
		ssize_t got = pread(fd, p + n, cap - n, from + (off_t)n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*n_out = n;
	return 0;
}

/* Like realloc, but what is given up is wiped. */
static int
text_grow(struct keyfile_text *text, size_t cap)
{
	char *p = malloc(cap);

	if (p == NULL)
		return -ENOMEM;
	if (text->n > 0)
		memcpy(p, text->p, text->n);
	if (text->p != NULL)
		OPENSSL_cleanse(text->p, text->n);
	free(text->p);
	text->p = p;
	return 0;
}

int
keyfile_read(int fd, const char *path, struct keyfile_text *out, struct errmsg *why)
{
	struct keyfile_text text = { 0 };
	size_t cap = 0, got = 0;
	int r = 0;

	if (fstat(fd, &text.st) == -1) {
		r = -errno;
		goto out;
	}
	/* one byte more than there is, so that the end is seen at once */
	cap = text.st.st_size < READ_BYTES_MIN ? READ_BYTES_MIN
					       : (size_t)text.st.st_size + 1;
	do {
		if (cap > KEYFILE_BYTES_MAX)
			r = ERR_TOO_LARGE;
		if (r != 0 || (r = text_grow(&text, cap)) != 0)
			goto out;
		r = read_full(fd, text.p + text.n, cap - text.n, (off_t)text.n, &got);
		if (r != 0)
			goto out;
		text.n += got;
		cap *= 2;
	} while (text.n == cap / 2);
	*out = text;
	text = (struct keyfile_text){ 0 };
out:
	if (r != 0)
		errmsg_set(why, "%s: can't be read: %s", path, err_text(r));
	keyfile_text_free(&text);
	return r;
}

void
keyfile_text_free(struct keyfile_text *text)
{
	if (text->p != NULL)
		OPENSSL_cleanse(text->p, text->n);
	free(text->p);
	*text = (struct keyfile_text){ 0 };
}

/* What is wrong with an entry whose end is clear all the same; else NULL. */
static const char *
flaw_text(enum json_error_code code)
{
	if (code == json_error_duplicate_key)
		return "a field stands twice";
	if (code == json_error_numeric_overflow)
		return "a number is out of range";
	if (code == json_error_invalid_utf8)
		return "it is no valid UTF-8";
	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		return "it holds a NUL character";
	return code == json_error_stack_overflow ? "it is nested too deeply" : NULL;
}

static int
parse(const struct keyfile_text *text, const char *path, struct keyfile_doc *out,
    enum json_error_code *code_out, struct errmsg *why)
{
	json_error_t e;
	json_t *root = json_loadb(text->p, text->n, JSON_REJECT_DUPLICATES, &e);
	const char *flaw;

	*code_out = json_error_unknown;
	if (root == NULL) {
		*code_out = json_error_code(&e);
		if (*code_out == json_error_out_of_memory) {
			errmsg_set(why, "%s: %s", path, err_text(-ENOMEM));
			return -ENOMEM;
		}
		flaw = flaw_text(*code_out);
		errmsg_set(why, "%s: line %d column %d: %s", path, e.line, e.column,
		    flaw != NULL ? flaw : "this is no JSON");
		return ERR_SYNTAX;
	}
	out->root = root;
	out->keys = json_object_get(root, "keys");
	if (json_is_array(out->keys))
		return 0;
	errmsg_set(why, "%s: is no object with an array \"keys\"", path);
	keyfile_doc_free(out);
	return ERR_SYNTAX;
}

int
keyfile_doc_parse(const struct keyfile_text *text, const char *path,
    struct keyfile_doc *out, struct errmsg *why)
{
	enum json_error_code code;

	*out = (struct keyfile_doc){ 0 };
	return parse(text, path, out, &code, why);
}

/* The unread rest of a JSON text. */
struct scan {
	char *p;
	char *end;
};

static bool
is_any(char c, const char *of)
{
	return c != '\0' && strchr(of, c) != NULL;
}

static void
skip_space(struct scan *s)
{
	while (s->p < s->end && is_any(*s->p, " \t\r\n"))
		s->p++;
}

static bool
skip_char(struct scan *s, char c)
{
	skip_space(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool
skip_string(struct scan *s)
{
	for (s->p++; s->p < s->end; s->p++) {
		if (*s->p == '"') {
			s->p++;
			return true;
		}
		if (*s->p == '\\' && ++s->p == s->end)
			return false;
	}
	return false;
}

static void
skip_scalar(struct scan *s)
{
	while (s->p < s->end && !is_any(*s->p, " \t\r\n,:\"[]{}"))
		s->p++;
}

/* Skip one value by its brackets and quotes. */
static bool
skip_value(struct scan *s)
{
	size_t depth = 0;

	do {
		skip_space(s);
		if (s->p == s->end)
			return false;
		if (*s->p == '"') {
			if (!skip_string(s))
				return false;
		} else if (*s->p == '{' || *s->p == '[') {
			depth++;
			s->p++;
		} else if (is_any(*s->p, ",:]}")) {
			if (depth == 0)
				return false;
			if (*s->p == ']' || *s->p == '}')
				depth--;
			s->p++;
		} else {
			skip_scalar(s);
		}
	} while (depth > 0);
	return true;
}

/* Go to behind the bracket that opens the array "keys" of the outermost object. */
static bool
find_keys(struct scan *s)
{
	static const char name[] = "\"keys\"";

	if (!skip_char(s, '{'))
		return false;
	do {
		char *start;

		skip_space(s);
		start = s->p;
		if (s->p == s->end || *s->p != '"' || !skip_string(s) ||
		    !skip_char(s, ':'))
			return false;
		if (s->p - start > (ptrdiff_t)sizeof(name) - 1 &&
		    memcmp(start, name, sizeof(name) - 1) == 0 && skip_char(s, '['))
			return true;
		if (!skip_value(s))
			return false;
	} while (skip_char(s, ','));
	return false;
}

static int
count_lines(const char *from, const char *to)
{
	int n = 0;

	while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
		from++;
		n++;
	}
	return n;
}

static int
flaw_add(struct keyfile_doc *doc, struct keyfile_flaw flaw)
{
	struct keyfile_flaw *v = doc->flaws;

	if ((doc->n_flaws & (doc->n_flaws - 1)) == 0) { /* full at each power of two */
		size_t cap = doc->n_flaws == 0 ? 1 : 2 * doc->n_flaws;

		if ((v = realloc(v, cap * sizeof(*v))) == NULL)
			return -ENOMEM;
		doc->flaws = v;
	}
	v[doc->n_flaws++] = flaw;
	return 0;
}

/* Overwrite the n bytes at p, an entry with a flaw, by a value that has none. Line
 * ends stay, for the numbers of the lines behind. */
static void
blank_out(char *p, size_t n)
{
	p[0] = '0';
	for (size_t i = 1; i < n; i++)
		if (p[i] != '\n')
			p[i] = ' ';
}

/* Set aside each entry that has a flaw. Stops where it can't tell entries apart. */
static int
find_flaws(struct keyfile_text *text, struct keyfile_doc *doc)
{
	struct scan s = { text->p, text->p + text->n };
	const char *counted = text->p;
	int line = 0, r;
	size_t entry = 0;

	if (!find_keys(&s))
		return 0;
	do {
		json_error_t e;
		json_t *value;
		char *start;
		const char *what;

		skip_space(&s);
		start = s.p;
		if (!skip_value(&s))
			return 0;
		value = json_loadb(start, (size_t)(s.p - start),
		    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
		keyfile_entry_wipe(value);
		json_decref(value);
		if (value != NULL || (what = flaw_text(json_error_code(&e))) == NULL)
			continue;
		line += count_lines(counted, start);
		counted = start;
		r = flaw_add(doc, (struct keyfile_flaw){ entry, line + e.line, what });
		if (r != 0)
			return r;
		blank_out(start, (size_t)(s.p - start));
	} while (entry++, skip_char(&s, ','));
	return 0;
}

int
keyfile_doc_parse_lenient(struct keyfile_text *text, const char *path,
    struct keyfile_doc *out, struct errmsg *why)
{
	enum json_error_code code;
	int r;

	*out = (struct keyfile_doc){ 0 };
	r = parse(text, path, out, &code, why);
	if (r == 0 || flaw_text(code) == NULL)
		return r;
	if ((r = find_flaws(text, out)) != 0 ||
	    (r = parse(text, path, out, &code, why)) != 0)
		keyfile_doc_free(out);
	return r;
}

void
keyfile_doc_free(struct keyfile_doc *doc)
{
	for (size_t i = 0; i < json_array_size(doc->keys); i++)
		keyfile_entry_wipe(json_array_get(doc->keys, i));
	json_decref(doc->root);
	free(doc->flaws);
	*doc = (struct keyfile_doc){ 0 };
}
