/*
 * Puts each line together in an evbuffer; the first shortage of memory is
 * remembered and the caller answers an error instead of half a page.
 */
#include "admin/prom.h"

#include <inttypes.h>

#include "common/sb.h"

static const char *const type_names[] = {
	[PROM_COUNTER] = "counter",
	[PROM_GAUGE] = "gauge",
	[PROM_HISTOGRAM] = "histogram",
};

static void
put(struct prom *p, const char *bytes, size_t n)
{
	if (evbuffer_add(p->out, bytes, n) != 0)
		p->failed = true;
}

static void
put_str(struct prom *p, const char *s)
{
	put(p, s, strlen(s));
}

void
prom_family(struct prom *p, const char *name, enum prom_type type, const char *help)
{
	p->name = name;
	p->type = type;
	p->help = help;
	p->open = false;
}

static void
open_family(struct prom *p)
{
	if (p->open)
		return;
	p->open = true;
	if (evbuffer_add_printf(p->out, "# HELP %s %s\n# TYPE %s %s\n", p->name, p->help,
		p->name, type_names[p->type]) < 0)
		p->failed = true;
}

/* What is written for the n bytes of a character; NULL: the character itself. */
static const char *
escape_of(char c, size_t n)
{
	if (n == 0)
		return "\xEF\xBF\xBD"; /* U+FFFD */
	switch (c) {
	case '\\': return "\\\\";
	case '"': return "\\\"";
	case '\n': return "\\n";
	default: return NULL;
	}
}

/* Backslash, quote and newline are written as two characters, all else as it is; bytes that
 * are no UTF-8 become U+FFFD each, for they would make the whole page invalid. */
static void
put_label_value(struct prom *p, struct span v)
{
	size_t from = 0, i = 0;

	while (i < v.n) {
		const size_t n = sb_utf8_bytes((const unsigned char *)v.p + i, v.n - i);
		const char *escape = escape_of(v.p[i], n);
		const size_t next = i + (n > 0 ? n : 1);

		if (escape != NULL) {
			put(p, v.p + from, i - from);
			put_str(p, escape);
			from = next;
		}
		i = next;
	}
	if (v.n > from)
		put(p, v.p + from, v.n - from);
}

static void
put_labels(struct prom *p, const struct prom_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put_str(p, i == 0 ? "{" : ",");
		put_str(p, labels[i].name);
		put_str(p, "=\"");
		put_label_value(p, labels[i].value);
		put_str(p, "\"");
	}
	if (n > 0)
		put_str(p, "}");
}

static void
put_value(struct prom *p, struct prom_value value)
{
	int r;

	if (value.decimals == 0) {
		r = evbuffer_add_printf(p->out, " %" PRIu64 "\n", value.v);
	} else {
		uint64_t unit = 1;

		for (unsigned i = 0; i < value.decimals; i++)
			unit *= 10;
		r = evbuffer_add_printf(p->out, " %" PRIu64 ".%0*" PRIu64 "\n",
		    value.v / unit, (int)value.decimals, value.v % unit);
	}
	if (r < 0)
		p->failed = true;
}

void
prom_sample(struct prom *p, const char *suffix, const struct prom_label *labels,
    size_t n_labels, struct prom_value value)
{
	open_family(p);
	put_str(p, p->name);
	put_str(p, suffix);
	put_labels(p, labels, n_labels);
	put_value(p, value);
}

void
prom_labelled(struct prom *p, const char *label, const char *value, uint64_t v)
{
	const struct prom_label l = { label, span_of(value) };

	prom_sample(p, "", &l, 1, (struct prom_value){ .v = v });
}
