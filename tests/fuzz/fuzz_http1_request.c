/* Fuzz worker/http1 with what a client may send. See fuzz_http1.h. */
#include "tests/fuzz/fuzz_http1.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_http1(HTTP1_REQUEST, data, size);
	return 0;
}
