/* See api_json.h. */
#include "admin/api_json.h"

#include "admin/status_sums.h"
#include "common/sb.h"

enum { DECIMAL_BYTES = 48 };

json_t *
api_decimal_json(uint64_t v, unsigned decimals, unsigned min)
{
	char text[DECIMAL_BYTES];
	struct sb b = sb_init(text, sizeof(text));
	uint64_t unit = 1;

	for (unsigned i = 0; i < decimals; i++)
		unit *= 10;
	sb_u64(&b, v / unit);
	if (decimals > 0)
		sb_printf(&b, ".%0*llu", (int)decimals, (unsigned long long)(v % unit));
	for (unsigned i = decimals; i > min && b.p[b.n - 1] == '0'; i--)
		b.n--;
	if (b.p[b.n - 1] == '.')
		b.n--;
	return json_stringn(b.p, b.n);
}

json_t *
api_upstream_up_json(const struct api_env *env)
{
	const struct status_upstream u =
	    status_upstream(env->shared->state, env->config->workers);

	if (u.unknown && env->config->upstream.scheme != UPSTREAM_UNIX)
		return json_false();
	if (u.ok_ms == 0 && u.fail_ms == 0)
		return json_null();
	return json_boolean(u.ok_ms >= u.fail_ms);
}
