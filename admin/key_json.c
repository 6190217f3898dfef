/* See key_json.h. A revision is FNV-1a over what is shown: it tells versions apart, no more. */
#include "admin/key_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/key_ref.h"
#include "admin/time_json.h"

static const char *const status_names[KEY_STATUSES] = {
	[KEY_ACTIVE] = "active",
	[KEY_REVOKED] = "revoked",
	[KEY_EXPIRED] = "expired",
};

enum key_status
key_status_at(const struct key_row *k, int64_t now_ms)
{
	if (!k->enabled)
		return KEY_REVOKED;
	return k->expires_ms != 0 && k->expires_ms <= now_ms ? KEY_EXPIRED : KEY_ACTIVE;
}

enum key_status
key_status_find(const char *name)
{
	enum key_status s = KEY_ACTIVE;

	while (s < KEY_STATUSES && strcmp(status_names[s], name) != 0)
		s++;
	return s;
}

static uint64_t
mix(uint64_t h, const void *p, size_t n)
{
	const unsigned char *at = p;

	while (n-- > 0)
		h = (h ^ *at++) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t
mix_number(uint64_t h, int64_t v)
{
	return mix(h, &v, sizeof(v));
}

void
key_revision(const struct key_row *k, char out[KEY_REVISION_BYTES])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	h = mix(h, k->id, strlen(k->id) + 1);
	h = mix(h, k->description, strlen(k->description) + 1);
	h = mix_number(h, k->created_ms);
	h = mix_number(h, k->expires_ms);
	h = mix_number(h, k->previous_expires_ms);
	h = mix_number(h, k->rate_limit);
	h = mix_number(h, k->enabled);
	(void)snprintf(out, KEY_REVISION_BYTES, "%016" PRIx64, h);
}

json_t *
key_limit_json(int64_t limit)
{
	return limit == KEY_NO_LIMIT ? json_null() : json_integer(limit);
}

json_t *
key_json(const struct key_row *k, int64_t now_ms)
{
	const int64_t previous_ms =
	    k->previous_expires_ms > now_ms ? k->previous_expires_ms : 0;
	char ref[KEY_REF_BYTES], revision[KEY_REVISION_BYTES];

	key_ref_format(k->id, ref);
	key_revision(k, revision);
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:s, s:s}",
	    "key_id", k->id, "ref", ref, "description", k->description, "status",
	    status_names[key_status_at(k, now_ms)], "enabled", (int)k->enabled,
	    "created_at", time_json(k->created_ms), "expires_at",
	    time_json(k->expires_ms), "rate_limit", key_limit_json(k->rate_limit),
	    "previous_expires_at", time_json(previous_ms), "source",
	    k->environment ? "environment" : "file", "revision", revision);
}

/* --- a page --- */

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Does text hold what is looked for, which is in lower case? No locale is asked. */
static bool
holds(const char *text, const char *wanted)
{
	for (; *text != '\0'; text++) {
		size_t i = 0;

		while (wanted[i] != '\0' && lower(text[i]) == (unsigned char)wanted[i])
			i++;
		if (wanted[i] == '\0')
			return true;
	}
	return wanted[0] == '\0';
}

static bool
is_wanted(const struct key_row *k, const struct key_search *s, const char *text,
    enum key_status status)
{
	if (s->status != KEY_STATUSES && status != s->status)
		return false;
	return text[0] == '\0' || holds(k->id, text) || holds(k->description, text);
}

/* What is counted on the way through the list. */
struct page {
	json_t *keys;
	size_t counts[KEY_STATUSES], matched;
	const struct key_row *last; /* on the page */
	bool more;
	int failed;
};

static void
add(struct page *p, const struct key_row *k, size_t limit, int64_t now_ms)
{
	const bool full = json_array_size(p->keys) >= limit;

	/* those that share an id stay together, or `after` would leave some out */
	if (full && (p->last == NULL || strcmp(p->last->id, k->id) != 0)) {
		p->more = true;
		return;
	}
	p->failed |= json_array_append_new(p->keys, key_json(k, now_ms));
	p->last = k;
}

static void
go_through(struct page *p, const struct key_list *list, const struct key_search *s,
    int64_t now_ms)
{
	char text[KEY_SEARCH_MAX + 1];
	size_t n = 0;

	for (; s->text[n] != '\0'; n++)
		text[n] = (char)lower(s->text[n]);
	text[n] = '\0';
	for (size_t i = 0; i < list->n; i++) {
		const struct key_row *k = &list->v[i];
		const enum key_status status = key_status_at(k, now_ms);

		p->counts[status]++;
		if (!is_wanted(k, s, text, status))
			continue;
		p->matched++;
		if (!p->more && (s->after[0] == '\0' || strcmp(k->id, s->after) > 0))
			add(p, k, s->limit, now_ms);
	}
}

static json_t *
faults_json(const struct key_list *list)
{
	json_t *a = json_array();

	for (size_t i = 0; i < list->faults.n; i++)
		if (json_array_append_new(a, json_string(list->faults.v[i])) != 0)
			(void)json_array_append_new(a, json_string("a fault"));
	return a;
}

json_t *
key_page_json(const struct key_list *list, const struct key_search *s, size_t max_keys,
    int64_t now_ms)
{
	struct page p = { .keys = json_array() };
	char next[KEY_REF_BYTES];

	go_through(&p, list, s, now_ms);
	if (p.failed != 0) {
		json_decref(p.keys);
		return NULL;
	}
	if (p.more && p.last != NULL)
		key_ref_format(p.last->id, next);
	return json_pack("{s:o, s:I, s:I, s:o, s:{s:I, s:I, s:I}, s:I, s:o}", "keys",
	    p.keys, "total", (json_int_t)list->n, "matched", (json_int_t)p.matched,
	    "next", p.more ? json_string(next) : json_null(), "counts", "active",
	    (json_int_t)p.counts[KEY_ACTIVE], "revoked", (json_int_t)p.counts[KEY_REVOKED],
	    "expired", (json_int_t)p.counts[KEY_EXPIRED], "max_keys",
	    (json_int_t)max_keys, "faults", faults_json(list));
}
