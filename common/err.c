/*
 * Result codes into text. Used by every process; pure. Texts are constants, so
 * that nothing which came from outside can stand in them.
 */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
	enum err_code code;
	const char *text;
};

static const struct err_row err_rows[] = {
	{ ERR_MORE, "incomplete input" },
	{ ERR_SYNTAX, "malformed input" },
	{ ERR_TOO_LARGE, "too large" },
	{ ERR_INVALID, "invalid value" },
	{ ERR_TLS, "refused by OpenSSL" },
	{ ERR_CLOSED, "closed by the peer" },
	{ ERR_STALE, "written by another version" },
	{ ERR_CHANGED, "changed meanwhile" },
	{ ERR_FULL, "no room left in a table" },
};

void
errmsg_set(struct errmsg *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return;
	va_start(ap, fmt);
	if (vsnprintf(e->text, sizeof(e->text), fmt, ap) < 0)
		e->text[0] = '\0';
	va_end(ap);
}

const char *
err_text(int r)
{
	const char *text = NULL;

	if (r == 0)
		return "success";
	for (size_t i = 0; i < sizeof(err_rows) / sizeof(err_rows[0]); i++)
		if ((int)err_rows[i].code == r)
			return err_rows[i].text;
	if (r < 0 && r > -5000)
		text = strerrordesc_np(-r);
	return text != NULL ? text : "unknown result";
}
