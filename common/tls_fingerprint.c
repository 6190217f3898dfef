/* See tls_fingerprint.h. */
#include "common/tls_fingerprint.h"

#include <openssl/evp.h>

int
tls_fingerprint_add(uint64_t *h, const X509 *cert)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (X509_digest(cert, EVP_sha256(), md, &n) != 1)
		return ERR_TLS;
	for (unsigned i = 0; i < n; i++)
		*h = (*h ^ md[i]) * UINT64_C(0x100000001b3);
	return 0;
}
