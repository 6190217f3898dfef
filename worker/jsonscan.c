/*
 * Scanning JSON's structure (RFC 8259): strings and brackets only. Values are not
 * checked; whoever passes the text on does not depend on them.
 */
#include "worker/jsonscan.h"

static size_t
skip_space(struct span s, size_t i)
{
	while (i < s.n &&
	    (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n' || s.p[i] == '\r'))
		i++;
	return i;
}

/* The index behind the string that begins at i; s.n + 1 when it does not end. */
static size_t
skip_string(struct span s, size_t i)
{
	for (i++; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return s.n + 1;
}

bool
json_object_has(struct span text, struct span name)
{
	size_t i = skip_space(text, 0);
	size_t depth = 0;
	bool found = false;

	if (i >= text.n || text.p[i] != '{')
		return false;
	while (i < text.n) {
		size_t end;

		switch (text.p[i]) {
		case '{':
		case '[': depth++; break;
		case '}':
		case ']':
			if (--depth == 0)
				return found && skip_space(text, i + 1) == text.n;
			break;
		case '"':
			end = skip_string(text, i);
			if (end > text.n)
				return false;
			if (depth == 1 && end - i == name.n + 2 &&
			    memcmp(text.p + i + 1, name.p, name.n) == 0) {
				size_t next = skip_space(text, end);

				found = found || (next < text.n && text.p[next] == ':');
			}
			i = end;
			continue;
		default: break;
		}
		i++;
	}
	return false;
}
