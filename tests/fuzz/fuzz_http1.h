/*
 * What both fuzz targets of http1 do with an input: run it at once, byte by
 * byte and in pieces, and stop if the results differ or if the driver finds
 * that a promise of http1.h was broken (spans inside the buffer, used bytes
 * within what was given, progress, never both ways of framing).
 * A line feed is put behind the input: http1.h promises to judge a bad line alike
 * once it has ended, not while it is on its way.
 * The last byte of an input also says how the third run is cut, and for answers
 * whether the request was HEAD. So a plain message in a file is a seed as it is.
 */
#ifndef GATEHOUSE_TESTS_FUZZ_FUZZ_HTTP1_H
#define GATEHOUSE_TESTS_FUZZ_FUZZ_HTTP1_H

#include "tests/http1_drive.h"

enum { FUZZ_MAX_HEAD = 2048, FUZZ_MAX_INPUT = 60000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
fuzz_http1(enum http1_side side, const uint8_t *data, size_t size)
{
	static struct drive_result whole, pieces;
	const struct drive_arrival at_once = { .first = SIZE_MAX };
	const struct drive_arrival byte_by_byte = { .first = 0, .step = 1 };
	static char bytes[FUZZ_MAX_INPUT + 1];
	struct drive_arrival cut = { .first = 0 };
	const size_t n = size + 1;
	bool head_request;

	if (size == 0 || size > FUZZ_MAX_INPUT)
		return;
	memcpy(bytes, data, size);
	bytes[size] = '\n';
	cut.seed = 1 + data[size - 1];
	cut.first = data[size - 1];
	head_request = side == HTTP1_RESPONSE && data[size - 1] == 'H';
	drive_run(side, head_request, FUZZ_MAX_HEAD, bytes, n, at_once, &whole);
	drive_run(side, head_request, FUZZ_MAX_HEAD, bytes, n, byte_by_byte, &pieces);
	DRIVE_CHECK(drive_same(&whole, &pieces));
	drive_run(side, head_request, FUZZ_MAX_HEAD, bytes, n, cut, &pieces);
	DRIVE_CHECK(drive_same(&whole, &pieces));
}

#endif
