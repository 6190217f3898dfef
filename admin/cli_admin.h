/*
 * How a command gets at the ledger: it asks the running admin process over its socket, or
 * takes the ledger itself when none runs.
 */
#ifndef GATEHOUSE_ADMIN_CLI_ADMIN_H
#define GATEHOUSE_ADMIN_CLI_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "admin/journal.h"
#include "admin/ledger.h"
#include "common/err.h"
#include "common/span.h"

/* Which gatehouse, and where a command writes. Borrowed. */
struct cli_service {
	const char *run_dir;
	const char *data_dir;
	bool running; /* a master does */
	FILE *out;    /* results */
	FILE *err;    /* all else that is for people */
};

struct cli_answer {
	char *bytes;      /* head and body; owned */
	struct span body; /* in bytes */
};

/*
 * Ask admin and wait for the whole answer. One that dies meanwhile is asked again, so what
 * is asked must bear that.
 * body  sent if it is not empty.
 * Returns 0 (a 2xx; out is the caller's, cli_answer_free()), ERR_INVALID (another status),
 * -ETIMEDOUT or -errno (not reached); why says more.
 */
int cli_admin_ask(const char *run_dir, const char *method, const char *target,
    struct span body, struct cli_answer *out, struct errmsg *why) MUSTCHECK;

/* The same, waiting for no more than patience_ms for one that stays silent. */
int cli_admin_ask_within(const char *run_dir, const char *method, const char *target,
    struct span body, uint32_t patience_ms, struct cli_answer *out,
    struct errmsg *why) MUSTCHECK;
void cli_answer_free(struct cli_answer *a);

/* The whole number `name` in an answer that is a JSON object, 0 if there is none. */
long long cli_answer_number(const struct cli_answer *a, const char *name);

/* The exit status for a code of cli_admin_ask() or cli_ledger_open(), after a line that says
 * why. command: "usage", ... */
int cli_refuse(
    const struct cli_service *s, const char *command, int r, const struct errmsg *why);

/* The ledger, taken by this process. */
struct cli_ledger {
	struct ledger *ledger;
	struct journal *journal;
	bool as_owner; /* root acts as the one whom the files belong to */
};

/*
 * Open the ledger of DATA_DIR and bring it up to the journal, if there is room on the disk.
 * Root becomes, until it is closed, who the folder belongs to, or the files it makes would
 * lock admin out. Returns 0 or a code with why set.
 */
int cli_ledger_open(
    const char *data_dir, struct cli_ledger *out, struct errmsg *why) MUSTCHECK;
void cli_ledger_close(struct cli_ledger *c);

#endif
