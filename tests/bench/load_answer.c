/*
 * The load's reader of answers; see load_answer.h.
 */
#include "tests/bench/load_answer.h"

#include <stdlib.h>
#include <string.h>

#include "tests/bench/head_field.h"

/* The head stands in line, NUL-terminated, without its last CRLF. */
static enum load_answer_state
judge_head(struct load_answer *a)
{
	const char *length;

	if (strncmp(a->line, "HTTP/1.1 ", 9) != 0)
		return LOAD_ANSWER_BAD;
	a->status = (unsigned)strtoul(a->line + 9, NULL, 10);
	if (a->status != 200)
		return LOAD_ANSWER_BAD;
	if (head_field(a->line, "transfer-encoding: chunked") != NULL)
		return LOAD_ANSWER_CHUNK_LINE;
	length = head_field(a->line, "content-length:");
	if (length == NULL)
		return LOAD_ANSWER_BAD;
	a->left = strtoull(length, NULL, 10);
	return a->left > 0 ? LOAD_ANSWER_BODY : LOAD_ANSWER_DONE;
}

static enum load_answer_state
judge_chunk_line(struct load_answer *a)
{
	char *end;

	a->left = strtoull(a->line, &end, 16);
	if (end == a->line)
		return LOAD_ANSWER_BAD;
	return a->left > 0 ? LOAD_ANSWER_CHUNK : LOAD_ANSWER_LAST;
}

/* Does what has been collected end so? */
static bool
ends_with(const struct load_answer *a, const char *end, size_t n_end)
{
	return a->n_line >= n_end && memcmp(a->line + a->n_line - n_end, end, n_end) == 0;
}

/* Collect bytes up to and with `end`, which ends in LF, line by line: the load must not be
 * what everything waits for. Returns how many were taken; *whole_out: it came, and line
 * holds what stands before it. */
static size_t
collect(struct load_answer *a, struct span data, const char *end, bool *whole_out)
{
	const size_t n_end = strlen(end);
	size_t taken = 0;

	*whole_out = false;
	while (taken < data.n && !*whole_out) {
		const char *p = data.p + taken;
		const char *lf = memchr(p, '\n', data.n - taken);
		const size_t n = lf != NULL ? (size_t)(lf - p) + 1 : data.n - taken;

		if (n >= sizeof(a->line) - a->n_line) {
			a->state = LOAD_ANSWER_BAD;
			return taken;
		}
		memcpy(a->line + a->n_line, p, n);
		a->n_line += n;
		taken += n;
		*whole_out = ends_with(a, end, n_end);
	}
	if (*whole_out) {
		a->line[a->n_line - n_end] = '\0';
		a->n_line = 0;
	}
	return taken;
}

static size_t
take_line(struct load_answer *a, struct span data)
{
	const bool is_head = a->state == LOAD_ANSWER_HEAD;
	bool whole;
	const size_t taken = collect(a, data, is_head ? "\r\n\r\n" : "\r\n", &whole);

	if (!whole)
		return taken;
	if (is_head)
		a->state = judge_head(a);
	else if (a->state == LOAD_ANSWER_CHUNK_LINE)
		a->state = judge_chunk_line(a);
	else if (a->line[0] != '\0')
		a->state = LOAD_ANSWER_BAD;
	else
		a->state = a->state == LOAD_ANSWER_LAST ? LOAD_ANSWER_DONE
							: LOAD_ANSWER_CHUNK_LINE;
	return taken;
}

static size_t
take_body(struct load_answer *a, struct span data, load_body_fn on_body, void *arg)
{
	const size_t n = data.n < a->left ? data.n : (size_t)a->left;

	on_body(arg, (struct span){ data.p, n });
	a->left -= n;
	if (a->left == 0)
		a->state = a->state == LOAD_ANSWER_CHUNK ? LOAD_ANSWER_CHUNK_END
							 : LOAD_ANSWER_DONE;
	return n;
}

void
load_answer_feed(struct load_answer *a, struct span data, load_body_fn on_body, void *arg)
{
	while (data.n > 0 && a->state != LOAD_ANSWER_BAD) {
		size_t n = 0;

		if (a->state == LOAD_ANSWER_BODY || a->state == LOAD_ANSWER_CHUNK)
			n = take_body(a, data, on_body, arg);
		else if (a->state != LOAD_ANSWER_DONE)
			n = take_line(a, data);
		else
			a->state = LOAD_ANSWER_BAD;
		data = (struct span){ data.p + n, data.n - n };
	}
}
