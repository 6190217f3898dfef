/*
 * Requests to the benchmark's upstream; see upstream_request.h.
 */
#include "tests/bench/upstream_request.h"

#include <stdlib.h>
#include <string.h>

/* The number behind name in a request line; 0 if it is not there. */
static uint64_t
number(const char *line, const char *name)
{
	const char *p = strstr(line, name);

	return p != NULL ? strtoull(p + strlen(name), NULL, 10) : 0;
}

/* Does a line begin with the name of a field? Returns what stands behind it, or NULL. */
static const char *
field(const char *line, const char *name)
{
	const size_t n = strlen(name);

	return strncasecmp(line, name, n) == 0 ? line + n : NULL;
}

long
upstream_request_parse(char *p, struct upstream_request *out)
{
	char *end = strstr(p, "\r\n\r\n");
	char *line_end = strchr(p, '\n');

	if (end == NULL)
		return 0;
	end[2] = '\0';
	out->body_bytes = 0;
	for (const char *lf = line_end; lf != NULL; lf = strchr(lf + 1, '\n')) {
		const char *length = field(lf + 1, "content-length:");

		if (length != NULL)
			out->body_bytes = strtoull(length, NULL, 10);
		if (field(lf + 1, "transfer-encoding:") != NULL)
			return -1;
	}
	*line_end = '\0';
	out->content = number(p, "content=");
	out->pace_ms = number(p, "pace_ms=");
	out->mib = number(p, "mib=");
	return end + 4 - p;
}
