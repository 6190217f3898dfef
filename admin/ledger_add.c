/* See ledger_add.h. */
#include "admin/ledger_add.h"

#include <errno.h>

int
ledger_counters_get(
    struct ledger *l, enum ledger_table t, struct span key, struct ledger_counters *out)
{
	char b[LEDGER_COUNTERS_BYTES];
	int r = ledger_get_exact(l, t, key, b, sizeof(b));

	*out = (struct ledger_counters){ 0 };
	if (r == -ENOENT)
		return 0;
	if (r == 0 && ledger_counters_decode((struct span){ b, sizeof(b) }, out) != 0)
		r = LEDGER_CORRUPT;
	return r;
}

int
ledger_counters_put(struct ledger *l, enum ledger_table t, struct span key,
    const struct ledger_counters *c)
{
	uint8_t b[LEDGER_COUNTERS_BYTES];

	ledger_counters_encode(c, b);
	return ledger_put(l, t, key, (struct span){ (const char *)b, sizeof(b) });
}

int
ledger_add_to_row(struct ledger *l, const struct ledger_row_key *where,
    const struct ledger_counters *what)
{
	struct ledger_counters sum;
	struct ledger_key key;
	int r;

	if ((r = ledger_row_encode(where, &key)) != 0 ||
	    (r = ledger_counters_get(l, LEDGER_USAGE, ledger_key_span(&key), &sum)) != 0)
		return r;
	ledger_counters_add(&sum, what);
	return ledger_counters_put(l, LEDGER_USAGE, ledger_key_span(&key), &sum);
}
