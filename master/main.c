/*
 * gatehouse: one executable, its commands in one table. Says what was wrong with the
 * usage and exits 2; everything else is the commands' own.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cli_audit.h"
#include "admin/cli_backup.h"
#include "admin/cli_import.h"
#include "admin/cli_keys.h"
#include "admin/cli_note.h"
#include "admin/cli_token.h"
#include "admin/cli_usage.h"
#include "common/secret.h"
#include "common/version.h"
#include "master/check.h"
#include "master/ctl.h"
#include "master/master.h"
#include "master/service.h"

/* What a command is started with. */
struct invocation {
	const struct command *command;
	const char *config_file; /* -c, or NULL */
	bool json;
	bool upgrade;
	int argc; /* what is left behind the command's name and its options */
	char **argv;
	int process_argc; /* the process's own, for its title */
	char **process_argv;
};

struct command {
	const char *name;
	const char *usage; /* behind the name */
	const char *line;  /* in the list of commands */
	const char *help;
	const char *flag; /* --json or --upgrade, if it takes that */
	bool takes_words;
	int (*run)(const struct invocation *in);
};

static int run_run(const struct invocation *in);
static int run_check(const struct invocation *in);
static int run_reload(const struct invocation *in);
static int run_upgrade(const struct invocation *in);
static int run_stop(const struct invocation *in);
static int run_status(const struct invocation *in);
static int run_keys(const struct invocation *in);
static int run_usage(const struct invocation *in);
static int run_audit(const struct invocation *in);
static int run_admin_token(const struct invocation *in);
static int run_import(const struct invocation *in);
static int run_backup(const struct invocation *in);
static int run_version(const struct invocation *in);
static int run_help(const struct invocation *in);

#define FIND_HELP                                                                               \
	"The service is the one whose master runs in RUN_DIR. RUN_DIR comes from -c FILE and\n" \
	"the environment; where these are silent, from " SERVICE_ENV_FILE "\n"                  \
	"and " SERVICE_RUN_DIR ".\n"

/* clang-format off */
static const struct command commands[] = {
	{ "run", "[-c FILE]", "start the master in the foreground",
	  "Starts the master, which starts the workers and the admin process. The pid is the\n"
	  "master's. Configuration comes from FILE (else GATEHOUSE_CONFIG, else\n"
	  "/etc/gatehouse/gatehouse.json if it exists) and the environment, which wins.\n"
	  "Signals: SIGHUP reloads, SIGTERM and SIGINT stop when what is in flight is done,\n"
	  "SIGQUIT stops at once.\n",
	  NULL, false, run_run },
	{ "check", "[-c FILE] [--upgrade]", "check configuration, keys and certificates, and print them",
	  "Reads configuration, keys, settings and certificates as `run` would, prints the\n"
	  "effective configuration with secrets redacted, and exits 0; or names every fault by\n"
	  "file and field, and exits 1. Starts nothing. --upgrade is how the running master asks\n"
	  "a new executable whether it could take its place.\n",
	  "--upgrade", false, run_check },
	{ "reload", "[-c FILE]", "read everything anew, and print how that went",
	  "Asks the running master for a reload, waits for the outcome and prints it. Exits 0\n"
	  "when it happened, 1 when it was refused, 3 when no master was reached.\n" FIND_HELP,
	  NULL, false, run_reload },
	{ "upgrade", "[-c FILE]", "become the executable on disk, and print how that went",
	  "Asks the running master to become the executable that now lies where it was started\n"
	  "from, waits for the outcome and prints it. Pid, sockets, limits and counts stay; new\n"
	  "workers take over, old ones finish their streams. An executable that does not pass\n"
	  "its own check changes nothing. Exits 0 when it happened, 1 when it did not, 3 when no\n"
	  "master was reached.\n" FIND_HELP,
	  NULL, false, run_upgrade },
	{ "stop", "[-c FILE]", "stop, when what is in flight is done",
	  "Asks the running master to stop and waits until it is gone.\n" FIND_HELP,
	  NULL, false, run_stop },
	{ "status", "[-c FILE] [--json]", "show the running master and its workers",
	  "Prints the master's state, its addresses, the last reload and each worker.\n" FIND_HELP,
	  "--json", false, run_status },
	{ "keys", "[-c FILE] COMMAND [OPTION ...]", "create, list and change API keys",
	  "Edits the key file atomically and has the running master take it. The commands are\n"
	  "create, list, show, rotate, revoke, enable, set and delete; `gatehouse keys --help`\n"
	  "lists them with their options. With no master running the file is edited all the\n"
	  "same, and that is said.\n" FIND_HELP,
	  NULL, true, run_keys },
	{ "usage", "[-c FILE] [OPTION ...]", "show what was used, and what it cost",
	  "Adds up the ledger by key, model, endpoint, hour or day, as a table, JSON or CSV;\n"
	  "`gatehouse usage --help` lists the options. `gatehouse usage forget KEY_ID` folds a\n"
	  "key's usage into `forgotten`. With no master running the ledger is read all the\n"
	  "same.\n" FIND_HELP,
	  NULL, true, run_usage },
	{ "audit", "[-c FILE] [verify] [OPTION ...]",
	  "show who changed what, and whether the record is whole",
	  "Lists what was changed, by whom, when and from where, oldest first; `gatehouse audit\n"
	  "--help` lists the options. `gatehouse audit verify` says whether the chain of records\n"
	  "is whole, and exits 1 if one was altered or taken out. With no master running the\n"
	  "ledger is read all the same.\n" FIND_HELP,
	  NULL, true, run_audit },
	{ "admin-token", "[-c FILE] COMMAND [OPTION ...]",
	  "create, list and revoke tokens of the admin API",
	  "Edits the file of the admin API's tokens; a running gatehouse follows at once. The\n"
	  "commands are create, list and revoke; `gatehouse admin-token --help` lists them with\n"
	  "their options.\n" FIND_HELP,
	  NULL, true, run_admin_token },
	{ "import", "[-c FILE] FILE", "take over a usage.json of the Python proxy",
	  "Adds the records of FILE to the ledger, each once, however often it is imported and\n"
	  "however it has grown. Of a file with any fault nothing is imported.\n" FIND_HELP,
	  NULL, true, run_import },
	{ "backup", "[-c FILE] DIR", "copy the ledger while it is in use",
	  "Writes a consistent copy of the ledger, with all that was used until now, to\n"
	  "DIR/ledger, which must not be there. To restore: stop, put it in place of\n"
	  "DATA_DIR/ledger, start.\n" FIND_HELP,
	  NULL, true, run_backup },
	{ "version", "", "print the version",
	  "Prints the version.\n",
	  NULL, false, run_version },
	{ "help", "[COMMAND]", "explain a command",
	  "Prints the list of commands, or what one of them does.\n",
	  NULL, true, run_help },
};
/* clang-format on */

static const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void
print_commands(FILE *f)
{
	fprintf(f, "usage: gatehouse COMMAND [OPTION ...]\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  %-11s  %s\n", commands[i].name, commands[i].line);
	fprintf(f, "\n`gatehouse help COMMAND` explains one.\n");
}

static int
usage(const struct command *c)
{
	fprintf(stderr, "usage: gatehouse %s%s%s\n", c->name,
	    c->usage[0] != '\0' ? " " : "", c->usage);
	return EXIT_USAGE;
}

/* The process's words become its title, so what is needed of them is copied. */
static int
run_run(const struct invocation *in)
{
	char *file = in->config_file != NULL ? strdup(in->config_file) : NULL;
	int status;

	if (file == NULL && in->config_file != NULL)
		return EXIT_REFUSED;
	status = master_run(file, in->process_argc, in->process_argv);
	free(file);
	return status;
}

static int
run_check(const struct invocation *in)
{
	return in->upgrade ? check_upgrade(in->config_file, stdout, stderr)
			   : check_run(in->config_file, stdout, stderr);
}

/* Say why the service's configuration can't be had. */
static int
unknown_service(const struct strlist *faults)
{
	for (size_t i = 0; i < faults->n; i++)
		fprintf(stderr, "gatehouse: %s\n", faults->v[i]);
	if (faults->n == 0)
		fprintf(stderr, "gatehouse: the service's configuration can't be read\n");
	return EXIT_REFUSED;
}

/* Find the service and do something in its RUN_DIR. */
static int
with_service(const struct invocation *in,
    int (*act)(const struct invocation *in, const struct service *s))
{
	struct strlist faults = { 0 };
	struct service s = { 0 };
	int r = service_find(in->config_file, &s, &faults);
	int status;

	if (s.run_dir == NULL || (r != 0 && s.master == 0))
		status = unknown_service(&faults);
	else
		status = act(in, &s);
	strlist_free(&faults);
	service_fini(&s);
	return status;
}

static int
act_reload(const struct invocation *in, const struct service *s)
{
	(void)in;
	return ctl_reload(s->run_dir, stdout, stderr);
}

static int
act_upgrade(const struct invocation *in, const struct service *s)
{
	(void)in;
	return ctl_upgrade(s->run_dir, stdout, stderr);
}

static int
act_stop(const struct invocation *in, const struct service *s)
{
	(void)in;
	return ctl_stop(s->run_dir, stdout, stderr);
}

static int
act_status(const struct invocation *in, const struct service *s)
{
	return ctl_status(s->run_dir, in->json, stdout, stderr);
}

static int
run_reload(const struct invocation *in)
{
	return with_service(in, act_reload);
}

static int
run_upgrade(const struct invocation *in)
{
	return with_service(in, act_upgrade);
}

static int
run_stop(const struct invocation *in)
{
	return with_service(in, act_stop);
}

static int
run_status(const struct invocation *in)
{
	return with_service(in, act_status);
}

/* After an edit: has the running master taken it? Results on stdout are the command's own. */
static int
reload_after_edit(void *arg)
{
	const struct service *s = arg;

	return s->master != 0 ? ctl_reload(s->run_dir, stderr, stderr) : CLI_NOT_RUNNING;
}

static struct cli_service
service_for_cli(const struct service *s)
{
	return (struct cli_service){ .run_dir = s->run_dir,
		.data_dir = s->config->data_dir,
		.running = s->master != 0,
		.out = stdout,
		.err = stderr };
}

/* After an edit: into the audit with it. */
static void
note_edit(void *arg, const char *action, const char *key_id, json_t *detail)
{
	cli_note(arg, action, key_id, detail);
}

static int
act_keys(const struct invocation *in, const struct service *s)
{
	struct service asked = *s; /* the hooks' arguments; they borrow what s owns */
	struct cli_service noted = service_for_cli(s);
	const struct cli_io io = { .out = stdout,
		.err = stderr,
		.reload = reload_after_edit,
		.reload_arg = &asked,
		.audit = note_edit,
		.audit_arg = &noted };
	char **argv = in->argv - 1;

	argv[0] = in->process_argv[1]; /* "keys": -c may have stood between */
	return cli_keys(in->argc + 1, argv, s->config, &io);
}

static int
run_keys(const struct invocation *in)
{
	return with_service(in, act_keys);
}

/* Run one of the commands on the ledger, whose words are its own to judge. */
static int
act_ledger(const struct invocation *in, const struct service *s,
    int (*command)(int argc, char **argv, const struct cli_service *s))
{
	const struct cli_service service = service_for_cli(s);
	char **argv = in->argv - 1;

	argv[0] = in->process_argv[1]; /* the name: -c may have stood between */
	return command(in->argc + 1, argv, &service);
}

static int
act_usage(const struct invocation *in, const struct service *s)
{
	return act_ledger(in, s, cli_usage);
}

static int
act_audit(const struct invocation *in, const struct service *s)
{
	return act_ledger(in, s, cli_audit);
}

static int
act_admin_token(const struct invocation *in, const struct service *s)
{
	return act_ledger(in, s, cli_token);
}

static int
act_import(const struct invocation *in, const struct service *s)
{
	return act_ledger(in, s, cli_import);
}

static int
act_backup(const struct invocation *in, const struct service *s)
{
	return act_ledger(in, s, cli_backup);
}

static int
run_usage(const struct invocation *in)
{
	return with_service(in, act_usage);
}

static int
run_audit(const struct invocation *in)
{
	return with_service(in, act_audit);
}

static int
run_admin_token(const struct invocation *in)
{
	return with_service(in, act_admin_token);
}

static int
run_import(const struct invocation *in)
{
	return with_service(in, act_import);
}

static int
run_backup(const struct invocation *in)
{
	return with_service(in, act_backup);
}

static int
run_version(const struct invocation *in)
{
	(void)in;
	return printf("gatehouse %s\n", GATEHOUSE_VERSION) < 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int
run_help(const struct invocation *in)
{
	const struct command *c;

	if (in->argc == 0) {
		print_commands(stdout);
		return EXIT_DONE;
	}
	c = command_find(in->argv[0]);
	if (c == NULL || in->argc > 1)
		return usage(in->command);
	printf("usage: gatehouse %s%s%s\n\n%s", c->name, c->usage[0] != '\0' ? " " : "",
	    c->usage, c->help);
	return EXIT_DONE;
}

/*
 * Take the common options off the front of the command's words. Returns whether what
 * is left may be: a command that takes words judges them itself.
 */
static bool
take_options(struct invocation *in)
{
	const char *const long_file = "--config=";

	while (in->argc > 0 && in->argv[0][0] == '-') {
		const char *word = in->argv[0];
		int used = 1;

		if (in->command->flag != NULL && strcmp(word, in->command->flag) == 0) {
			in->json = strcmp(word, "--json") == 0;
			in->upgrade = !in->json;
		} else if ((strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0) &&
		    in->argc > 1) {
			in->config_file = in->argv[1];
			used = 2;
		} else if (strncmp(word, long_file, strlen(long_file)) == 0) {
			in->config_file = word + strlen(long_file);
		} else {
			break;
		}
		in->argc -= used;
		in->argv += used;
	}
	return in->argc == 0 || in->command->takes_words;
}

/* The name of the command that argv asks for; "-h" and "--version" are old habits. */
static const char *
asked_for(int argc, char **argv)
{
	if (argc < 2)
		return "";
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
		return "help";
	return strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
}

int
main(int argc, char **argv)
{
	struct invocation in = { .process_argc = argc, .process_argv = argv };

	if (secret_wipe_freed() != 0)
		abort(); /* a library has come before us */
	in.command = command_find(asked_for(argc, argv));
	if (in.command == NULL) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	in.argc = argc - 2;
	in.argv = argv + 2;
	if (!take_options(&in))
		return usage(in.command);
	return in.command->run(&in);
}
