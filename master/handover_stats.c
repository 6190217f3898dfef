/* Counters by name; see handover_stats.h. Runs in the master. */
#include "master/handover_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 16 };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The master's own counters by name. */
struct figure {
	const char *name;
	size_t offset; /* in struct master_figures */
};

#define FIGURE(member)                                                                   \
	{                                                                                \
#		member, offsetof(struct master_figures, member)                         \
	}

/* clang-format off */
static const struct figure figures[] = {
	FIGURE(worker_restarts), FIGURE(upstream_restarts), FIGURE(reloads_ok),
	FIGURE(reloads_refused), FIGURE(reloads_failed), FIGURE(last_reload_ok),
	FIGURE(last_reload_ms),
};
/* clang-format on */

static _Atomic uint64_t *
figure_of(struct state *s, const struct figure *f)
{
	return (_Atomic uint64_t *)(void *)((char *)&s->figures + f->offset);
}

/* --- writing --- */

/* The sum of one counter of struct stats over all rows. */
static json_int_t
sum_at(struct state *s, size_t offset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < COUNT(s->rows); i++)
		sum += atomic_load_explicit(
		    (const _Atomic uint64_t *)(const void *)((const char *)&s->rows[i].stats +
			offset),
		    memory_order_relaxed);
	return (json_int_t)sum;
}

/* A status's name: its digits, "0" for all others. */
static const char *
code_name(size_t index, char out[NAME_BYTES])
{
	(void)snprintf(out, NAME_BYTES, "%u", stats_code(index));
	return out;
}

/* Counters by status, from offset on; those that are zero are left out. */
static json_t *
write_codes(struct state *s, size_t offset)
{
	json_t *o = json_object();
	char name[NAME_BYTES];

	for (size_t i = 0; i < STATS_CODES; i++) {
		const json_int_t n = sum_at(s, offset + i * sizeof(uint64_t));

		if (n != 0)
			(void)json_object_set_new(o, code_name(i, name), json_integer(n));
	}
	return o;
}

/* A histogram's buckets, each with its upper bound; the last has none. */
static json_t *
write_histogram(struct state *s, size_t offset, const uint64_t bounds_us[STATS_BOUNDS])
{
	json_t *list = json_array();

	for (size_t i = 0; i <= STATS_BOUNDS; i++) {
		const json_int_t n = sum_at(s,
		    offset + offsetof(struct stats_histogram, bucket) +
			i * sizeof(uint64_t));

		if (n != 0)
			(void)json_array_append_new(list,
			    json_pack("[I, I]",
				i < STATS_BOUNDS ? (json_int_t)bounds_us[i] : -1, n));
	}
	return json_pack("{s:o, s:I}", "buckets", list, "sum_us",
	    sum_at(s, offset + offsetof(struct stats_histogram, sum_us)));
}

static json_t *
write_endpoint(struct state *s, enum endpoint e)
{
	const size_t histogram = (size_t)e * sizeof(struct stats_histogram);

	return json_pack("{s:o, s:o, s:o}", "requests",
	    write_codes(s,
		offsetof(struct stats, requests) +
		    (size_t)e * STATS_CODES * sizeof(uint64_t)),
	    "duration",
	    write_histogram(
		s, offsetof(struct stats, duration) + histogram, stats_bounds_us),
	    "first_byte",
	    write_histogram(
		s, offsetof(struct stats, first_byte) + histogram, stats_bounds_us));
}

static json_t *
write_endpoints(struct state *s)
{
	json_t *o = json_object();

	for (enum endpoint e = 0; e < ENDPOINT_COUNT; e++)
		(void)json_object_set_new(o, endpoint_name(e), write_endpoint(s, e));
	return o;
}

static json_t *
write_refused(struct state *s)
{
	json_t *o = json_object();

	for (enum stats_refusal r = 0; r < STATS_REFUSALS; r++)
		(void)json_object_set_new(o, stats_refusal_name(r),
		    json_integer(sum_at(s,
			offsetof(struct stats, refused) + (size_t)r * sizeof(uint64_t))));
	return o;
}

static json_t *
write_figures(struct state *s)
{
	json_t *o = json_object();

	for (size_t i = 0; i < COUNT(figures); i++)
		(void)json_object_set_new(o, figures[i].name,
		    json_integer((json_int_t)atomic_load(figure_of(s, &figures[i]))));
	return o;
}

static json_t *
write_addresses(const struct upstream_addrs *found)
{
	json_t *list = json_array();
	char text[ADDR_TEXT_BYTES];

	for (size_t i = 0; i < found->n && i < SHARED_ADDRESSES; i++) {
		addr_format(&found->v[i].addr, text);
		(void)json_array_append_new(
		    list, json_pack("[I, s]", (json_int_t)found->v[i].family, text));
	}
	return list;
}

json_t *
handover_stats_write(struct state *s)
{
	struct upstream_addrs found;

	if (shared_get_upstream(s, &found, NULL) != 0)
		found = (struct upstream_addrs){ 0 };
	found.host[sizeof(found.host) - 1] = '\0';
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o*}", "endpoints",
	    write_endpoints(s), "upstream",
	    write_codes(s, offsetof(struct stats, upstream)), "refused", write_refused(s),
	    "overhead",
	    write_histogram(s, offsetof(struct stats, overhead), stats_overhead_bounds_us),
	    "figures", write_figures(s), "addresses", write_addresses(&found), "host",
	    json_string(found.host)); /* left out if it is no text */
}

/* --- reading --- */

/* Add a counter of a predecessor's. Returns 0, or ERR_SYNTAX if it is none. */
static int
add(_Atomic uint64_t *to, const json_t *n)
{
	if (!json_is_integer(n) || json_integer_value(n) < 0)
		return ERR_SYNTAX;
	stats_add(to, (uint64_t)json_integer_value(n));
	return 0;
}

static int
read_codes(const json_t *o, _Atomic uint64_t to[STATS_CODES])
{
	char name[NAME_BYTES];
	int r = json_is_object(o) ? 0 : ERR_SYNTAX;

	for (size_t i = 0; i < STATS_CODES && r == 0; i++) {
		const json_t *n = json_object_get(o, code_name(i, name));

		if (n != NULL)
			r = add(&to[i], n);
	}
	return r;
}

/* The bucket that a bound (-1: none) falls into. */
static size_t
bucket_of(json_int_t bound_us, const uint64_t bounds_us[STATS_BOUNDS])
{
	size_t i = 0;

	while (i < STATS_BOUNDS && (bound_us < 0 || (uint64_t)bound_us > bounds_us[i]))
		i++;
	return i;
}

static int
read_histogram(
    const json_t *o, struct stats_histogram *to, const uint64_t bounds_us[STATS_BOUNDS])
{
	const json_t *list = json_object_get(o, "buckets");
	int r = json_is_array(list) ? add(&to->sum_us, json_object_get(o, "sum_us"))
				    : ERR_SYNTAX;

	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		const json_t *pair = json_array_get(list, i);
		const json_t *bound = json_array_get(pair, 0);

		r = json_is_integer(bound)
		    ? add(&to->bucket[bucket_of(json_integer_value(bound), bounds_us)],
			  json_array_get(pair, 1))
		    : ERR_SYNTAX;
	}
	return r;
}

static int
read_endpoint(const json_t *o, struct stats *to, enum endpoint e)
{
	int r = read_codes(json_object_get(o, "requests"), to->requests[e]);

	if (r == 0)
		r = read_histogram(
		    json_object_get(o, "duration"), &to->duration[e], stats_bounds_us);
	if (r == 0)
		r = read_histogram(json_object_get(o, "first_byte"), &to->first_byte[e],
		    stats_bounds_us);
	return r;
}

static int
read_stats(const json_t *root, struct stats *to)
{
	int r = read_codes(json_object_get(root, "upstream"), to->upstream);

	for (enum endpoint e = 0; e < ENDPOINT_COUNT && r == 0; e++) {
		const json_t *o =
		    json_object_get(json_object_get(root, "endpoints"), endpoint_name(e));

		if (o != NULL)
			r = read_endpoint(o, to, e);
	}
	for (enum stats_refusal f = 0; f < STATS_REFUSALS && r == 0; f++) {
		const json_t *n = json_object_get(
		    json_object_get(root, "refused"), stats_refusal_name(f));

		if (n != NULL)
			r = add(&to->refused[f], n);
	}
	if (r == 0)
		r = read_histogram(json_object_get(root, "overhead"), &to->overhead,
		    stats_overhead_bounds_us);
	return r;
}

static int
read_figures(const json_t *o, struct state *s)
{
	int r = 0;

	for (size_t i = 0; i < COUNT(figures) && r == 0; i++) {
		const json_t *n = json_object_get(o, figures[i].name);

		if (n != NULL)
			r = add(figure_of(s, &figures[i]), n);
	}
	return r;
}

static int
read_addresses(const json_t *list, const char *host, struct state *s)
{
	const bool any = json_array_size(list) > 0;
	struct upstream_addrs found = { .tries = any, .ok = any };
	size_t i;
	json_t *pair;

	json_array_foreach(list, i, pair)
	{
		const char *text = json_string_value(json_array_get(pair, 1));
		struct upstream_addr *to = &found.v[found.n];

		if (found.n == SHARED_ADDRESSES || text == NULL ||
		    addr_parse(span_of(text), &to->addr) != 0)
			return ERR_SYNTAX;
		to->family = (uint64_t)json_integer_value(json_array_get(pair, 0));
		found.n++;
	}
	if (host != NULL)
		snprintf(found.host, sizeof(found.host), "%s", host);
	shared_put_upstream(s, &found);
	return 0;
}

int
handover_stats_read(
    const json_t *root, const char *host, struct state *s, struct scoreboard_row *row)
{
	const char *told = json_string_value(json_object_get(root, "host"));
	int r = read_stats(root, &row->stats);

	if (r == 0)
		r = read_figures(json_object_get(root, "figures"), s);
	if (r == 0)
		r = read_addresses(
		    json_object_get(root, "addresses"), told != NULL ? told : host, s);
	return r;
}
