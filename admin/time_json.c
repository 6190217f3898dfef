/* See time_json.h. */
#include "admin/time_json.h"

#include "common/keyfile_time.h"

json_t *
time_json(int64_t ms)
{
	char text[KEYFILE_TIME_TEXT_BYTES];

	if (ms <= 0 || ms > KEYFILE_TIME_MAX_MS)
		return json_null();
	keyfile_time_format(ms, text);
	return json_string(text);
}
