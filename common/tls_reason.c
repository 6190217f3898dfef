/* See tls_reason.h. */
#include "common/tls_reason.h"

#include <stddef.h>
#include <openssl/err.h>

const char *
tls_reason(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return reason != NULL ? reason : "unknown OpenSSL error";
}
