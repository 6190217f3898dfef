/*
 * The load's reader of answers; see load_answer.h.
 */
#include "tests/bench/load_answer.h"

#include <stdlib.h>
#include <string.h>

/* The head stands in line, NUL-terminated, without its last CRLF. */
static enum load_answer_state
judge_head(struct load_answer *a)
{
	const char *length = strcasestr(a->line, "\r\ncontent-length:");

	if (strncmp(a->line, "HTTP/1.1 ", 9) != 0)
		return LOAD_ANSWER_BAD;
	a->status = (unsigned)strtoul(a->line + 9, NULL, 10);
	if (a->status != 200)
		return LOAD_ANSWER_BAD;
	if (strcasestr(a->line, "\r\ntransfer-encoding: chunked") != NULL)
		return LOAD_ANSWER_CHUNK_LINE;
	if (length == NULL)
		return LOAD_ANSWER_BAD;
	a->left = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
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

/* Collect bytes up to and with `end`. Returns how many were taken; *whole_out: it came,
 * and line holds what stands before it. */
static size_t
collect(struct load_answer *a, struct span data, const char *end, bool *whole_out)
{
	const size_t n_end = strlen(end);
	size_t taken = 0;

	*whole_out = false;
	while (taken < data.n && a->n_line + 1 < sizeof(a->line) && !*whole_out) {
		a->line[a->n_line++] = data.p[taken++];
		*whole_out = a->n_line >= n_end &&
		    memcmp(a->line + a->n_line - n_end, end, n_end) == 0;
	}
	if (*whole_out) {
		a->line[a->n_line - n_end] = '\0';
		a->n_line = 0;
	} else if (taken < data.n) {
		a->state = LOAD_ANSWER_BAD;
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
