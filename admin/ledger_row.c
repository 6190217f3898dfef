/*
 * Encoding and decoding, byte by byte, so that the files are the same on every
 * machine. What is read is checked: a file may be damaged.
 */
#include "admin/ledger_row.h"

#include <string.h>

enum { HOUR_BYTES = 4 };

void
ledger_put_be(uint64_t v, uint8_t *out, size_t n)
{
	for (size_t i = n; i > 0; i--, v >>= 8)
		out[i - 1] = (uint8_t)v;
}

uint64_t
ledger_get_be(const uint8_t *b, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | b[i];
	return v;
}

void
ledger_put_le(uint64_t v, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		out[i] = (uint8_t)v;
}

uint64_t
ledger_get_le(const uint8_t *b, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i > 0; i--)
		v = v << 8 | b[i - 1];
	return v;
}

static int
put_name(struct ledger_key *out, const char *name)
{
	size_t n = strlen(name);

	if (n > LEDGER_NAME_MAX)
		return ERR_TOO_LARGE;
	memcpy(out->b + out->n, name, n + 1);
	out->n += n + 1;
	return 0;
}

void
ledger_row_first(uint32_t hour, struct ledger_key *out)
{
	ledger_put_be(hour, out->b, HOUR_BYTES);
	out->n = HOUR_BYTES;
}

int
ledger_row_encode(const struct ledger_row_key *k, struct ledger_key *out)
{
	int r;

	ledger_row_first(k->hour, out);
	if ((r = put_name(out, k->key_id)) != 0 || (r = put_name(out, k->model)) != 0)
		return r;
	return put_name(out, k->endpoint);
}

/* The name at the front of *rest, NULL if there is no end to it. */
static const char *
take_name(struct span *rest)
{
	const char *name = rest->p;
	const char *end = rest->n > 0 ? memchr(rest->p, '\0', rest->n) : NULL;

	if (end == NULL)
		return NULL;
	rest->n -= (size_t)(end + 1 - rest->p);
	rest->p = end + 1;
	return name;
}

int
ledger_row_decode(struct span bytes, struct ledger_row_key *out)
{
	struct span rest = { bytes.p + HOUR_BYTES, bytes.n - HOUR_BYTES };

	if (bytes.n <= HOUR_BYTES)
		return ERR_SYNTAX;
	out->hour = (uint32_t)ledger_get_be((const uint8_t *)bytes.p, HOUR_BYTES);
	out->key_id = take_name(&rest);
	out->model = take_name(&rest);
	out->endpoint = take_name(&rest);
	return out->endpoint != NULL && rest.n == 0 ? 0 : ERR_SYNTAX;
}

struct span
ledger_key_span(const struct ledger_key *k)
{
	return (struct span){ (const char *)k->b, k->n };
}

void
ledger_counters_encode(const struct ledger_counters *c, uint8_t out[LEDGER_COUNTERS_BYTES])
{
	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		ledger_put_le((uint64_t)c->v[i], out + i * 8, 8);
}

int
ledger_counters_decode(struct span bytes, struct ledger_counters *out)
{
	if (bytes.n != LEDGER_COUNTERS_BYTES)
		return ERR_SYNTAX;
	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		out->v[i] = (int64_t)ledger_get_le((const uint8_t *)bytes.p + i * 8, 8);
		if (out->v[i] < 0)
			return ERR_SYNTAX;
	}
	return 0;
}

void
ledger_counters_add(struct ledger_counters *sum, const struct ledger_counters *c)
{
	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		if (__builtin_add_overflow(sum->v[i], c->v[i], &sum->v[i]))
			sum->v[i] = INT64_MAX;
	}
}
