/* See hexfile.h. */
#include "admin/hexfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/crypto.h>

#include "common/keyfile_save.h"
#include "common/readfile.h"

enum { MODE = 0600 };

void
hexfile_put(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
hexfile_get(const char *hex, uint8_t *out, size_t n)
{
	if (hex == NULL || strlen(hex) != 2 * n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_SYNTAX;
		out[i] = (uint8_t)(high * 16 + low);
	}
	return 0;
}

int
hexfile_load(const char *path, size_t max, json_t **out)
{
	char *text = NULL;
	json_t *root;
	size_t n = 0;
	int r = readfile(path, max, &text, &n);

	if (r != 0)
		return r;
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	readfile_free(&text, n);
	if (!json_is_object(root)) {
		json_decref(root);
		return ERR_SYNTAX;
	}
	*out = root;
	return 0;
}

int
hexfile_save(const char *path, const json_t *root, struct errmsg *why)
{
	struct keyfile_save save = { 0 };
	struct stat st;
	const bool is_there = lstat(path, &st) == 0 && S_ISREG(st.st_mode);
	char *text = json_dumps(root, JSON_INDENT(1));
	int r;

	if (text == NULL)
		return -ENOMEM;
	if (is_there)
		st.st_mode = (st.st_mode & (mode_t)~07777) | MODE;
	r = keyfile_save_prepare(
	    path, is_there ? &st : NULL, text, strlen(text), &save, why);
	if (r == 0)
		r = keyfile_save_finish(&save, why);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	return r;
}
