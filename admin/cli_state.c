/* See cli_state.h. Runs in the command. */
#include "admin/cli_state.h"

#include <stdlib.h>
#include <string.h>

#include "admin/cli_admin.h"
#include "admin/state_api.h"

enum { PATIENCE_MS = 3000 };

struct state *
cli_state_ask(const char *run_dir)
{
	const struct span nothing = { "", 0 };
	struct cli_answer answer;
	struct state *copy = NULL;
	struct errmsg why;

	if (cli_admin_ask_within(
		run_dir, "GET", STATE_API_PATH, nothing, PATIENCE_MS, &answer, &why) != 0)
		return NULL;
	if (answer.body.n == sizeof(*copy))
		copy = aligned_alloc(_Alignof(struct state), sizeof(*copy));
	if (copy != NULL)
		memcpy((void *)copy, answer.body.p, sizeof(*copy));
	cli_answer_free(&answer);
	return copy;
}
