/* See cli_note.h. Admin appends the record, or this process where none runs. */
#include "admin/cli_note.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/audit_wire.h"
#include "admin/usage_api.h"

enum { NAME_BYTES = 128 };

/* `root`, `root (sudo by alice)`, `uid 1234`. */
static void
user_name(char out[NAME_BYTES])
{
	const struct passwd *pw = getpwuid(getuid());
	const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;

	if (pw == NULL)
		(void)snprintf(out, NAME_BYTES, "uid %lu", (unsigned long)getuid());
	else if (sudo != NULL && sudo[0] != '\0')
		(void)snprintf(
		    out, NAME_BYTES, "%.40s (sudo by %.60s)", pw->pw_name, sudo);
	else
		(void)snprintf(out, NAME_BYTES, "%s", pw->pw_name);
}

static int
note_by_admin(const struct cli_service *s, json_t *note, struct errmsg *why)
{
	char *body = json_dumps(note, JSON_COMPACT);
	struct cli_answer a;
	int r;

	if (body == NULL)
		return -ENOMEM;
	r = cli_admin_ask(s->run_dir, "POST", USAGE_API_AUDIT, span_of(body), &a, why);
	if (r == 0)
		cli_answer_free(&a);
	free(body);
	return r;
}

static int
note_in_ledger(const struct cli_service *s, json_t *note, struct errmsg *why)
{
	struct cli_ledger c;
	int r = cli_ledger_open(s->data_dir, &c, why);

	if (r != 0)
		return r;
	r = audit_wire_append(c.ledger, note);
	if (r != 0)
		errmsg_set(why, "%s: %s", s->data_dir, ledger_text(r));
	cli_ledger_close(&c);
	return r;
}

void
cli_note(
    const struct cli_service *s, const char *action, const char *target, json_t *detail)
{
	struct errmsg why = { "out of memory" };
	char user[NAME_BYTES];
	json_t *note;
	int r = -ENOMEM;

	user_name(user);
	note = json_pack("{s:s, s:s, s:s?, s:o}", "id", user, "action", action, "target",
	    target, "detail", detail != NULL ? detail : json_object());
	if (note != NULL)
		r = s->running ? note_by_admin(s, note, &why)
			       : note_in_ledger(s, note, &why);
	json_decref(note);
	if (r != 0)
		fprintf(s->err, "warning: this is not in the audit: %s\n", why.text);
}
