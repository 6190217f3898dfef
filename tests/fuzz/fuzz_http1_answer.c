/* Fuzz worker/http1 with what upstream may send. See fuzz_http1.h. */
#include "tests/fuzz/fuzz_http1.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_http1(HTTP1_RESPONSE, data, size);
	return 0;
}
