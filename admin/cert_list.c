/* See cert_list.h. Names are those of RFC 6125: the alternative names, else the CN. */
#include "admin/cert_list.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "admin/time_json.h"
#include "common/addr.h"

enum { NAME_BYTES = 256, DAY_MS = 86400000 };

/* Add an alternative name that people know: of DNS, or an address. */
static void
add_name(json_t *names, const GENERAL_NAME *name)
{
	char text[ADDR_TEXT_BYTES];
	struct addr a = { { 0 } };
	const ASN1_OCTET_STRING *ip;

	if (name->type == GEN_DNS) {
		const ASN1_IA5STRING *dns = name->d.dNSName;

		(void)json_array_append_new(names,
		    json_stringn((const char *)ASN1_STRING_get0_data(dns),
			(size_t)ASN1_STRING_length(dns)));
		return;
	}
	if (name->type != GEN_IPADD)
		return;
	ip = name->d.iPAddress;
	if (ASN1_STRING_length(ip) == 16) {
		memcpy(a.b, ASN1_STRING_get0_data(ip), 16);
	} else if (ASN1_STRING_length(ip) == 4) {
		a.b[10] = a.b[11] = 0xff;
		memcpy(&a.b[12], ASN1_STRING_get0_data(ip), 4);
	} else {
		return;
	}
	addr_format(&a, text);
	(void)json_array_append_new(names, json_string(text));
}

static json_t *
names_json(X509 *cert)
{
	json_t *names = json_array();
	GENERAL_NAMES *alternative =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char text[NAME_BYTES];

	for (int i = 0; i < sk_GENERAL_NAME_num(alternative); i++)
		add_name(names, sk_GENERAL_NAME_value(alternative, i));
	GENERAL_NAMES_free(alternative);
	if (json_array_size(names) == 0 &&
	    X509_NAME_get_text_by_NID(
		X509_get_subject_name(cert), NID_commonName, text, sizeof(text)) > 0)
		(void)json_array_append_new(names, json_string(text));
	return names;
}

/* notAfter in ms since 1970, 0 if it makes no sense. */
static int64_t
not_after_ms(const X509 *cert)
{
	struct tm tm;
	time_t t;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return 0;
	t = timegm(&tm);
	return t > 0 ? (int64_t)t * 1000 : 0;
}

static json_t *
path_json(const char *path)
{
	json_t *j = json_string(path);

	return j != NULL ? j : json_null(); /* a path need not be UTF-8 */
}

static json_t *
cert_json(const char *path, int64_t now_ms)
{
	BIO *bio = BIO_new_file(path, "r");
	X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	json_t *row;
	int64_t end_ms;

	BIO_free(bio);
	ERR_clear_error();
	if (cert == NULL)
		return json_pack("{s:o, s:[], s:n, s:n, s:s}", "file", path_json(path),
		    "names", "not_after", "days_left", "error",
		    bio == NULL ? "can't be read" : "holds no certificate");
	end_ms = not_after_ms(cert);
	row = json_pack("{s:o, s:o, s:o, s:I, s:n}", "file", path_json(path), "names",
	    names_json(cert), "not_after", time_json(end_ms), "days_left",
	    (json_int_t)((end_ms - now_ms) / DAY_MS), "error");
	X509_free(cert);
	return row;
}

json_t *
cert_list_json(const struct strlist *files, int64_t now_ms)
{
	json_t *list = json_array();

	for (size_t i = 0; i < files->n; i++) {
		if (json_array_append_new(list, cert_json(files->v[i], now_ms)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
