/* See cli_rows.h. Runs in the command; what admin says is read with care all the same. */
#include "admin/cli_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "admin/cli_admin.h"
#include "admin/rows_api.h"

enum { PATIENCE_MS = 3000 };

static void
parse(const char *text, struct cli_rows *out)
{
	int used = 0;

	while (out->n < CLI_ROWS_MAX) {
		struct cli_row *row = &out->v[out->n];

		if (sscanf(text,
			"%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n",
			&row->generation, &row->slot, &row->connections, &row->in_flight,
			&row->requests, &used) != 5)
			return;
		text += used;
		out->n++;
	}
}

void
cli_rows_ask(const char *run_dir, struct cli_rows *out)
{
	const struct span nothing = { "", 0 };
	struct cli_answer answer;
	struct errmsg why;

	out->n = 0;
	if (cli_admin_ask_within(
		run_dir, "GET", ROWS_API_PATH, nothing, PATIENCE_MS, &answer, &why) != 0)
		return;
	parse(answer.body.p, out); /* NUL-terminated behind the body */
	cli_answer_free(&answer);
}

const struct cli_row *
cli_rows_find(const struct cli_rows *rows, uint64_t generation, uint64_t slot)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->v[i].generation == generation && rows->v[i].slot == slot)
			return &rows->v[i];
	return NULL;
}
