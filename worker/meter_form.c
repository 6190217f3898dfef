/*
 * Parts stand between delimiters, CRLF -- boundary. CR is in a delimiter once, at its
 * begin, so a search that failed within one goes on where it failed.
 */
#include "worker/meter_form.h"

#include "worker/meter_params.h"
#include "worker/meter_scan.h"

enum form_state {
	FORM_CONTENT, /* of a part, or what stands before the first */
	FORM_BEHIND,  /* behind a delimiter, if it was one */
	FORM_HEADER,
	FORM_OVER,
};

void
form_init(struct form *f, struct span boundary, const struct span *names, int n_names)
{
	memset(f, 0, sizeof(*f));
	f->names = names;
	f->n_names = n_names;
	f->field = FORM_FIELD_NONE;
	if (boundary.n == 0 || boundary.n > FORM_BOUNDARY_MAX) {
		f->state = FORM_OVER;
		return;
	}
	memcpy(f->delimiter, "\r\n--", 4);
	memcpy(f->delimiter + 4, boundary.p, boundary.n);
	f->delimiter_n = (uint8_t)(4 + boundary.n);
	f->matched = 2; /* the first needs no line end before it */
	f->assumed = 2;
}

/* --- what is kept --- */

static void
line_begin(struct form *f)
{
	f->line_n = 0;
	f->too_long = false;
}

static void
line_add(struct form *f, const char *p, size_t n)
{
	f->too_long = f->too_long || n > (size_t)(FORM_LINE_MAX - f->line_n);
	if (f->too_long)
		return;
	memcpy(f->line + f->line_n, p, n);
	f->line_n = (uint8_t)(f->line_n + n);
}

static bool
is_kept(const struct form *f)
{
	return f->field != FORM_FIELD_NONE && !f->too_long;
}

/* --- headers --- */

/* The field that a Content-Disposition names; a file is none. */
static int
find_field(const struct form *f, struct span value)
{
	struct span name, text, field = { 0 };

	if (!span_eq_nocase(params_head(&value), SPAN("form-data")))
		return FORM_FIELD_NONE;
	while (params_next(&value, &name, &text)) {
		if (span_eq_nocase(name, SPAN("name")))
			field = text;
		else if (span_eq_nocase(name, SPAN("filename")) ||
		    span_eq_nocase(name, SPAN("filename*")))
			return FORM_FIELD_NONE;
	}
	for (int i = 0; i < f->n_names; i++)
		if (span_eq(f->names[i], field))
			return i;
	return FORM_FIELD_NONE;
}

/* A header line is complete, or the empty one behind them. */
static void
end_header(struct form *f)
{
	static const struct span disposition = { "content-disposition:", 20 };
	struct span line = { f->line, f->line_n };

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (f->too_long) {
		f->field = FORM_FIELD_NONE; /* a file's name, or nothing of ours */
	} else if (line.n == 0) {
		f->state = FORM_CONTENT;
		f->matched = 2;
		f->assumed = 2;
	} else if (line.n >= disposition.n &&
	    span_eq_nocase((struct span){ line.p, disposition.n }, disposition)) {
		line.p += disposition.n;
		line.n -= disposition.n;
		f->field = find_field(f, line);
	}
	line_begin(f);
}

static const char *
read_header(struct form *f, const char *p, const char *end)
{
	const char *line_end = memchr(p, '\n', (size_t)(end - p));

	line_add(f, p, (size_t)((line_end != NULL ? line_end : end) - p));
	if (line_end == NULL)
		return end;
	end_header(f);
	return line_end + 1;
}

/* --- content --- */

/* What looked like a delimiter is content. */
static void
not_matched(struct form *f)
{
	if (is_kept(f))
		line_add(f, f->delimiter + f->assumed, (size_t)(f->matched - f->assumed));
	f->matched = 0;
	f->assumed = 0;
}

static const char *
read_content(struct form *f, const char *p, const char *end)
{
	const char *cr;

	if (f->matched > 0 && *p != f->delimiter[f->matched])
		not_matched(f);
	if (f->matched == 0) {
		cr = scan_pair(p, end, '\r', '\n'); /* CR alone is often in a file */
		if (is_kept(f))
			line_add(f, p, (size_t)(cr - p));
		if (cr == end)
			return end;
		p = cr;
	}
	if (++f->matched == f->delimiter_n) {
		f->state = FORM_BEHIND;
		f->dashes = 0;
	}
	return p + 1;
}

/* The part is complete. */
static void
end_part(struct form *f, form_take_fn take, void *arg)
{
	if (f->field != FORM_FIELD_NONE)
		take(arg, f->field,
		    (struct span){ f->line, f->too_long ? 0 : (size_t)f->line_n },
		    f->too_long);
	f->field = FORM_FIELD_NONE;
	line_begin(f);
}

/* A delimiter ends its line, or has two dashes behind it. */
static const char *
read_behind(struct form *f, const char *p, form_take_fn take, void *arg)
{
	if (*p == '-' && f->dashes < 2)
		f->dashes++;
	if ((*p == '\n' && f->dashes == 0) || f->dashes == 2) {
		end_part(f, take, arg);
		f->state = f->dashes == 2 ? FORM_OVER : FORM_HEADER;
		return p + 1;
	}
	if (*p == '-' || (f->dashes == 0 && (*p == ' ' || *p == '\t' || *p == '\r')))
		return p + 1;
	f->too_long = true; /* a value with this in it is not one that is looked for */
	f->matched = 0;
	f->assumed = 0;
	f->state = FORM_CONTENT;
	return p;
}

void
form_feed(struct form *f, struct span data, form_take_fn take, void *arg)
{
	const char *p = data.p, *end = p + data.n;

	while (p < end) {
		switch ((enum form_state)f->state) {
		case FORM_CONTENT: p = read_content(f, p, end); break;
		case FORM_BEHIND: p = read_behind(f, p, take, arg); break;
		case FORM_HEADER: p = read_header(f, p, end); break;
		case FORM_OVER: return;
		}
	}
}
