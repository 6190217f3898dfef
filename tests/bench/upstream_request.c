/*
 * Requests to the benchmark's upstream; see upstream_request.h.
 */
#include "tests/bench/upstream_request.h"

#include <stdlib.h>
#include <string.h>

/* The number behind name; 0 if it is not there. */
static uint64_t
number(const char *text, const char *name)
{
	const char *p = strcasestr(text, name);

	return p != NULL ? strtoull(p + strlen(name), NULL, 10) : 0;
}

long
upstream_request_parse(char *p, struct upstream_request *out)
{
	char *end = strstr(p, "\r\n\r\n");
	char *line_end;

	if (end == NULL)
		return 0;
	end[2] = '\0';
	if (strcasestr(p, "\r\ntransfer-encoding:") != NULL)
		return -1;
	out->body_bytes = number(p, "\r\ncontent-length:");
	line_end = strstr(p, "\r\n");
	*line_end = '\0';
	out->content = number(p, "content=");
	out->pace_ms = number(p, "pace_ms=");
	out->mib = number(p, "mib=");
	return end + 4 - p;
}
