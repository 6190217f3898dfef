#include "worker/meter_params.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Take n bytes off rest. */
static struct span
take(struct span *rest, size_t n)
{
	const struct span taken = { rest->p, n };

	rest->p += n;
	rest->n -= n;
	return taken;
}

static size_t
find(struct span s, char c)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.n;
}

struct span
params_head(struct span *rest)
{
	return span_trim(take(rest, find(*rest, ';')));
}

/* Take a quoted text off rest, whose first quote has been taken. */
static bool
take_quoted(struct span *rest, struct span *out)
{
	size_t n = 0;

	while (n < rest->n && rest->p[n] != '"')
		n += rest->p[n] == '\\' ? 2 : 1;
	if (n >= rest->n)
		return false;
	*out = take(rest, n);
	(void)take(rest, 1);
	return true;
}

bool
params_next(struct span *rest, struct span *name_out, struct span *value_out)
{
	size_t equals;

	while (rest->n > 0 && (is_blank(rest->p[0]) || rest->p[0] == ';'))
		(void)take(rest, 1);
	equals = find(*rest, '=');
	if (equals == rest->n)
		return false;
	*name_out = take(rest, equals);
	(void)take(rest, 1);
	if (rest->n == 0 || rest->p[0] != '"') {
		*value_out = params_head(rest);
		return true;
	}
	(void)take(rest, 1);
	return take_quoted(rest, value_out);
}
