/*
 * Fields in a head of HTTP/1.1, for programs whose peers are known to write good ones.
 */
#ifndef GATEHOUSE_TESTS_BENCH_HEAD_FIELD_H
#define GATEHOUSE_TESTS_BENCH_HEAD_FIELD_H

#include <string.h>

/* What stands behind `begin` ("content-length:") in the first line of a NUL-terminated head, its
 * first line apart, that begins so, in whatever case; NULL if none does. */
static inline const char *
head_field(const char *head, const char *begin)
{
	const size_t n = strlen(begin);

	for (const char *end = strchr(head, '\n'); end != NULL;
	     end = strchr(end + 1, '\n')) {
		if (strncasecmp(end + 1, begin, n) == 0)
			return end + 1 + n;
	}
	return NULL;
}

#endif
