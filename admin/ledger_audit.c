/*
 * A record in the table: its hash, its time, its text. The hash covers the hash before
 * it, the sequence number, the time and the text:
 *   SHA-256(previous[32] | seq be64 | at_ms le64 | text)
 * The first record's previous hash is all zeros.
 */
#include "admin/ledger_audit.h"

#include <errno.h>

#include <openssl/evp.h>

#include "admin/ledger_row.h"
#include "admin/ledger_store.h"

enum {
	SEQ_BYTES = 8,
	TIME_BYTES = 8,
	HEAD_BYTES = LEDGER_HASH_BYTES + TIME_BYTES,
	LINK_BYTES = SEQ_BYTES + LEDGER_HASH_BYTES
};

enum { WALK_DONE = 1 };

/* A place in the chain: a record's number and hash. */
struct chain_link {
	uint64_t seq;
	uint8_t hash[LEDGER_HASH_BYTES];
};

static const struct span head_name = { "audit_head", 10 };     /* the last record */
static const struct span anchor_name = { "audit_anchor", 12 }; /* the last one removed */

static int
get_link(struct ledger *l, struct span name, struct chain_link *out)
{
	uint8_t b[LINK_BYTES];
	int r = ledger_get_exact(l, LEDGER_META, name, b, sizeof(b));

	*out = (struct chain_link){ 0 };
	if (r != 0)
		return r == -ENOENT ? 0 : r;
	out->seq = ledger_get_be(b, SEQ_BYTES);
	memcpy(out->hash, b + SEQ_BYTES, LEDGER_HASH_BYTES);
	return 0;
}

static int
put_link(struct ledger *l, struct span name, const struct chain_link *link)
{
	uint8_t b[LINK_BYTES];

	ledger_put_be(link->seq, b, SEQ_BYTES);
	memcpy(b + SEQ_BYTES, link->hash, LEDGER_HASH_BYTES);
	return ledger_put(
	    l, LEDGER_META, name, (struct span){ (const char *)b, sizeof(b) });
}

/* The hash of the record that follows prev. Returns 0 or -ENOMEM. */
static int
hash_record(const struct chain_link *prev, uint64_t seq, int64_t at_ms, struct span text,
    uint8_t out[LEDGER_HASH_BYTES])
{
	uint8_t numbers[SEQ_BYTES + TIME_BYTES];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = -ENOMEM;

	ledger_put_be(seq, numbers, SEQ_BYTES);
	ledger_put_le((uint64_t)at_ms, numbers + SEQ_BYTES, TIME_BYTES);
	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, prev->hash, sizeof(prev->hash)) == 1 &&
	    EVP_DigestUpdate(ctx, numbers, sizeof(numbers)) == 1 &&
	    EVP_DigestUpdate(ctx, text.p, text.n) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		r = 0;
	EVP_MD_CTX_free(ctx);
	return r;
}

static int
put_record(
    struct ledger *l, const struct chain_link *link, int64_t at_ms, struct span text)
{
	char value[HEAD_BYTES + LEDGER_AUDIT_MAX];
	uint8_t key[SEQ_BYTES];

	ledger_put_be(link->seq, key, SEQ_BYTES);
	memcpy(value, link->hash, LEDGER_HASH_BYTES);
	ledger_put_le((uint64_t)at_ms, (uint8_t *)value + LEDGER_HASH_BYTES, TIME_BYTES);
	memcpy(value + HEAD_BYTES, text.p, text.n);
	return ledger_put(l, LEDGER_AUDIT, (struct span){ (const char *)key, sizeof(key) },
	    (struct span){ value, HEAD_BYTES + text.n });
}

static int
append(struct ledger *l, int64_t at_ms, struct span text, uint64_t *seq_out)
{
	struct chain_link head, next = { 0 };
	int r = get_link(l, head_name, &head);

	if (r != 0)
		return r;
	next.seq = head.seq + 1;
	if ((r = hash_record(&head, next.seq, at_ms, text, next.hash)) != 0 ||
	    (r = put_record(l, &next, at_ms, text)) != 0)
		return r;
	*seq_out = next.seq;
	return put_link(l, head_name, &next);
}

int
ledger_audit_append(struct ledger *l, int64_t at_ms, struct span text, uint64_t *seq_out)
{
	uint64_t seq = 0;
	int r;

	if (text.n > LEDGER_AUDIT_MAX)
		return ERR_TOO_LARGE;
	if (text.n == 0)
		text.p = "";
	if ((r = ledger_begin(l)) != 0)
		return r;
	if ((r = ledger_end(l, append(l, at_ms, text, &seq))) != 0)
		return r;
	if (seq_out != NULL)
		*seq_out = seq;
	return 0;
}

static int
record_of(struct span key, struct span value, struct ledger_audit_record *out)
{
	if (key.n != SEQ_BYTES || value.n < HEAD_BYTES)
		return LEDGER_CORRUPT;
	out->seq = ledger_get_be((const uint8_t *)key.p, SEQ_BYTES);
	memcpy(out->hash, value.p, LEDGER_HASH_BYTES);
	out->at_ms = (int64_t)ledger_get_le(
	    (const uint8_t *)value.p + LEDGER_HASH_BYTES, TIME_BYTES);
	out->text = (struct span){ value.p + HEAD_BYTES, value.n - HEAD_BYTES };
	return 0;
}

/* Walk the records from a number on. */
static int
walk_from(struct ledger *l, uint64_t seq, ledger_visit_fn visit, void *arg)
{
	uint8_t key[SEQ_BYTES];

	ledger_put_be(seq, key, SEQ_BYTES);
	return ledger_walk(
	    l, LEDGER_AUDIT, (struct span){ (const char *)key, sizeof(key) }, visit, arg);
}

struct reading {
	ledger_audit_fn fn;
	void *arg;
	int answer;
};

static int
read_record(struct span key, struct span value, void *arg)
{
	struct reading *reading = arg;
	struct ledger_audit_record record;
	int r = record_of(key, value, &record);

	if (r != 0)
		return r;
	reading->answer = reading->fn(&record, reading->arg);
	return reading->answer != 0 ? WALK_DONE : 0;
}

int
ledger_audit_read(struct ledger *l, uint64_t from_seq, ledger_audit_fn fn, void *arg)
{
	struct reading reading = { fn, arg, 0 };
	int r = walk_from(l, from_seq, read_record, &reading);

	return r == WALK_DONE ? reading.answer : r;
}

int
ledger_audit_last(struct ledger *l, uint64_t *seq_out)
{
	struct chain_link head;
	int r = get_link(l, head_name, &head);

	*seq_out = head.seq;
	return r;
}

struct verifying {
	struct chain_link last; /* the last whole one */
	uint64_t records;
};

static int
verify_record(struct span key, struct span value, void *arg)
{
	struct verifying *v = arg;
	struct ledger_audit_record record;
	struct chain_link next = { .seq = v->last.seq + 1 };
	int r = record_of(key, value, &record);

	if (r != 0)
		return WALK_DONE; /* no record at all: the chain ends here */
	r = hash_record(&v->last, next.seq, record.at_ms, record.text, next.hash);
	if (r != 0)
		return r;
	if (record.seq != next.seq ||
	    memcmp(record.hash, next.hash, sizeof(next.hash)) != 0)
		return WALK_DONE;
	v->last = next;
	v->records++;
	return 0;
}

int
ledger_audit_verify(struct ledger *l, struct ledger_audit_state *out)
{
	struct verifying v = { .records = 0 };
	struct chain_link head;
	int r;

	*out = (struct ledger_audit_state){ 0 };
	if ((r = get_link(l, head_name, &head)) != 0 ||
	    (r = get_link(l, anchor_name, &v.last)) != 0)
		return r;
	r = walk_from(l, 0, verify_record, &v);
	if (r < 0)
		return r;
	out->records = v.records;
	out->last_seq = v.last.seq;
	if (r == 0 && v.last.seq == head.seq &&
	    memcmp(v.last.hash, head.hash, sizeof(head.hash)) == 0)
		return 0;
	out->first_bad = v.last.seq + 1;
	return LEDGER_CHAIN;
}

struct oldest {
	struct chain_link link;
	int64_t at_ms;
	bool any;
};

static int
find_oldest(struct span key, struct span value, void *arg)
{
	struct oldest *o = arg;
	struct ledger_audit_record record;
	int r = record_of(key, value, &record);

	if (r != 0)
		return r;
	o->link.seq = record.seq;
	memcpy(o->link.hash, record.hash, sizeof(record.hash));
	o->at_ms = record.at_ms;
	o->any = true;
	return WALK_DONE;
}

/* Remove the first record if it is old. 0, -ENOENT (nothing is old) or a code. */
static int
remove_oldest(struct ledger *l, int64_t before_ms, size_t *removed)
{
	struct oldest o = { .any = false };
	uint8_t key[SEQ_BYTES];
	int r = walk_from(l, 0, find_oldest, &o);

	if (r < 0)
		return r;
	if (!o.any || o.at_ms >= before_ms)
		return -ENOENT;
	ledger_put_be(o.link.seq, key, SEQ_BYTES);
	r = ledger_del(l, LEDGER_AUDIT, (struct span){ (const char *)key, sizeof(key) });
	if (r != 0)
		return r;
	++*removed;
	return put_link(l, anchor_name, &o.link);
}

int
ledger_audit_retain(struct ledger *l, int64_t before_ms, size_t max, size_t *removed_out)
{
	size_t removed = 0;
	int r = ledger_begin(l);

	if (r != 0)
		return r;
	while (r == 0 && removed < max)
		r = remove_oldest(l, before_ms, &removed);
	r = ledger_end(l, r == -ENOENT ? 0 : r);
	*removed_out = r == 0 ? removed : 0;
	return r;
}
