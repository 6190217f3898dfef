/* See key_ref.h. base64url without padding is that of RFC 4648 section 5. */
#include "admin/key_ref.h"

#include <stdint.h>
#include <string.h>

#include "common/keyfile_entry.h"

enum { CODED_MARK = '~' };

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static bool
is_plain(const char *id)
{
	return id[0] != '\0' && id[strspn(id, letters)] == '\0';
}

void
key_ref_format(const char *id, char out[KEY_REF_BYTES])
{
	const size_t n = strlen(id);
	char *to = out;

	if (is_plain(id)) {
		memcpy(out, id, n + 1);
		return;
	}
	*to++ = CODED_MARK;
	for (size_t i = 0; i < n; i += 3) {
		const size_t left = n - i < 3 ? n - i : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < left ? (unsigned char)id[i + k] : 0);
		for (size_t k = 0; k <= left; k++)
			*to++ = letters[bits >> (18 - 6 * k) & 63];
	}
	*to = '\0';
}

/* Decode into id_out. Returns whether text is base64url of a text that fits. */
static bool
decode(const char *text, char id_out[KEY_ID_MAX + 1])
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t n = 0;

	for (; *text != '\0'; text++) {
		const char *at = strchr(letters, *text);

		if (at == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(at - letters);
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (n == KEY_ID_MAX)
			return false;
		id_out[n++] = (char)(bits >> held & 0xff);
	}
	id_out[n] = '\0';
	return strlen(id_out) == n;
}

int
key_ref_parse(const char *ref, char id_out[KEY_ID_MAX + 1])
{
	char again[KEY_REF_BYTES];
	const size_t n = strlen(ref);

	if (ref[0] == CODED_MARK && decode(ref + 1, id_out) &&
	    keyfile_entry_check_id(id_out, strlen(id_out)) == NULL) {
		key_ref_format(id_out, again);
		if (strcmp(again, ref) == 0)
			return 0; /* there is one way to write it */
	}
	if (n > KEY_ID_MAX || keyfile_entry_check_id(ref, n) != NULL)
		return ERR_SYNTAX;
	memcpy(id_out, ref, n + 1);
	return 0;
}
