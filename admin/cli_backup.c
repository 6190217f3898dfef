/*
 * Admin copies within DATA_DIR, where it may write; this process, with its own rights,
 * takes the copy to where it is wanted.
 */
#include "admin/cli_backup.h"

#include <string.h>

#include "admin/cli_keys.h"
#include "admin/usage_api.h"
#include "admin/usage_backup.h"

/* Have the copy made in DATA_DIR. */
static int
stage(const struct cli_service *s, struct errmsg *why)
{
	struct cli_answer a;
	struct cli_ledger c;
	int r;

	if (s->running) {
		r = cli_admin_ask(s->run_dir, "POST", USAGE_API_BACKUP,
		    (struct span){ "", 0 }, &a, why);
		if (r == 0)
			cli_answer_free(&a);
		return r;
	}
	r = cli_ledger_open(s->data_dir, &c, why);
	if (r != 0)
		return r;
	r = usage_backup_stage(c.ledger, s->data_dir);
	if (r != 0)
		errmsg_set(why, "%s: %s", s->data_dir, ledger_text(r));
	cli_ledger_close(&c);
	return r;
}

static int
backup(const struct cli_service *s, const char *dir)
{
	struct errmsg why = { "" };
	int r = stage(s, &why), cleaned;

	if (r != 0)
		return cli_refuse(s, "backup", r, &why);
	r = usage_backup_take(s->data_dir, dir);
	cleaned = usage_backup_unstage(s->data_dir);
	if (r != 0) {
		fprintf(s->err, "gatehouse backup: %s/ledger: %s\n", dir, err_text(r));
		return CLI_REFUSED;
	}
	if (cleaned != 0)
		fprintf(s->err, "warning: %s/" USAGE_BACKUP_DIR " can't be removed: %s\n",
		    s->data_dir, err_text(cleaned));
	fprintf(s->out, "%s/ledger\n", dir);
	return CLI_DONE;
}

int
cli_backup(int argc, char **argv, const struct cli_service *s)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fprintf(s->out, "usage: gatehouse backup DIR\n");
		return CLI_DONE;
	}
	if (argc == 2 && argv[1][0] != '-' && argv[1][0] != '\0')
		return backup(s, argv[1]);
	fprintf(s->err, "usage: gatehouse backup DIR\n");
	return CLI_USAGE;
}
