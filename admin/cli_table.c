/* See cli_table.h. Cells lie in one growing buffer, each with its NUL. */
#include "admin/cli_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cli_table {
	const char *const *titles;
	size_t columns;
	size_t width[CLI_TABLE_COLUMNS_MAX]; /* in characters */
	char *cells;
	size_t n, cap; /* bytes of cells */
	size_t rows;
};

/* Characters of a UTF-8 text. */
static size_t
width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
widen(struct cli_table *t, const char *const *cells)
{
	for (size_t c = 0; c < t->columns; c++)
		if (width_of(cells[c]) > t->width[c])
			t->width[c] = width_of(cells[c]);
}

int
cli_table_create(const char *const *titles, size_t n, struct cli_table **out)
{
	struct cli_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	if (n > CLI_TABLE_COLUMNS_MAX)
		abort();
	t->titles = titles;
	t->columns = n;
	widen(t, titles);
	*out = t;
	return 0;
}

static int
make_room(struct cli_table *t, size_t bytes)
{
	size_t cap = t->cap;
	char *more;

	if (t->cap - t->n >= bytes)
		return 0;
	while (cap - t->n < bytes)
		cap = 2 * cap + 4096;
	more = realloc(t->cells, cap);
	if (more == NULL)
		return -ENOMEM;
	t->cells = more;
	t->cap = cap;
	return 0;
}

int
cli_table_add(struct cli_table *t, const char *const *cells)
{
	size_t bytes = 0;

	for (size_t c = 0; c < t->columns; c++)
		bytes += strlen(cells[c]) + 1;
	if (make_room(t, bytes) != 0)
		return -ENOMEM;
	for (size_t c = 0; c < t->columns; c++) {
		const size_t n = strlen(cells[c]) + 1;

		memcpy(t->cells + t->n, cells[c], n);
		t->n += n;
	}
	widen(t, cells);
	t->rows++;
	return 0;
}

static void
print_cell(const struct cli_table *t, FILE *out, size_t column, const char *text)
{
	cli_text_print(out, text);
	if (column + 1 == t->columns) {
		fputc('\n', out);
		return;
	}
	for (size_t n = width_of(text); n < t->width[column] + 2; n++)
		fputc(' ', out);
}

void
cli_table_print(const struct cli_table *t, FILE *out)
{
	const char *cell = t->cells;

	for (size_t c = 0; c < t->columns; c++)
		print_cell(t, out, c, t->titles[c]);
	for (size_t i = 0; i < t->rows * t->columns; i++) {
		print_cell(t, out, i % t->columns, cell);
		cell += strlen(cell) + 1;
	}
}

void
cli_table_destroy(struct cli_table **tp)
{
	struct cli_table *t = *tp;

	if (t == NULL)
		return;
	free(t->cells);
	free(t);
	*tp = NULL;
}

void
cli_text_print(FILE *out, const char *s)
{
	for (; *s != '\0'; s++) {
		const unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];

		if (c == 0xc2 && next >= 0x80 && next < 0xa0) { /* C1 controls */
			fputc('?', out);
			s++;
		} else {
			fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
		}
	}
}
