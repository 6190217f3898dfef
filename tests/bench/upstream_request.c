/*
 * Requests to the benchmark's upstream; see upstream_request.h.
 */
#include "tests/bench/upstream_request.h"

#include <stdlib.h>
#include <string.h>

#include "tests/bench/head_field.h"

/* The number behind name in a request line; 0 if it is not there. */
static uint64_t
number(const char *line, const char *name)
{
	const char *p = strstr(line, name);

	return p != NULL ? strtoull(p + strlen(name), NULL, 10) : 0;
}

long
upstream_request_parse(char *p, struct upstream_request *out)
{
	char *end = strstr(p, "\r\n\r\n");
	char *line_end = strchr(p, '\n');
	const char *length;

	if (end == NULL)
		return 0;
	end[2] = '\0';
	if (head_field(p, "transfer-encoding:") != NULL)
		return -1;
	length = head_field(p, "content-length:");
	out->body_bytes = length != NULL ? strtoull(length, NULL, 10) : 0;
	*line_end = '\0';
	out->content = number(p, "content=");
	out->pace_ms = number(p, "pace_ms=");
	out->mib = number(p, "mib=");
	return end + 4 - p;
}
