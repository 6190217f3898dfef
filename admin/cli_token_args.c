/* See cli_token_args.h. */
#include "admin/cli_token_args.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cli_keys.h"
#include "admin/token.h"
#include "common/keyfile_time.h"

#define DAY_MS INT64_C(86400000)

enum { DAYS_MAX = 36500, OPTION_EXPIRES = 256 };

static const char help[] =
    "usage: gatehouse admin-token create -n NAME [-s SCOPE] [-e DAYS | --expires TIME|never]\n"
    "       gatehouse admin-token list\n"
    "       gatehouse admin-token revoke ID\n"
    "\n"
    "  -n, --name NAME           what it is for\n"
    "  -s, --scope LIST          of admin, read, metrics, by commas (default: read)\n"
    "  -e, --expires-days DAYS   valid for so many days (default: for ever)\n"
    "  --expires TIME            valid until this time, ISO 8601 (UTC without a zone)\n"
    "  --json                    for scripts\n"
    "\n"
    "`admin` may change everything, `read` looks at everything but secrets, which nobody\n"
    "can see again, `metrics` reads /admin/metrics. revoke takes a token's id, or its name\n"
    "if only one has it; it is refused from the next request on.\n";

static int
wrong(FILE *err, const char *what)
{
	fprintf(err, "gatehouse admin-token: %s\n", what);
	fprintf(err, "`gatehouse admin-token --help` lists the options\n");
	return CLI_USAGE;
}

static bool
take_scopes(const char *list, unsigned *out)
{
	*out = 0;
	for (;;) {
		const size_t n = strcspn(list, ",");
		const unsigned scope = token_scope((struct span){ list, n });

		if (scope == 0)
			return false;
		*out |= scope;
		if (list[n] == '\0')
			return true;
		list += n + 1;
	}
}

static bool
take_days(const char *text, int64_t now_ms, int64_t *expires_out)
{
	char *end;
	long days;

	errno = 0;
	days = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || days < 1 ||
	    days > DAYS_MAX)
		return false;
	*expires_out = now_ms + days * DAY_MS;
	return true;
}

static bool
take_expires(const char *text, int64_t *expires_out)
{
	*expires_out = 0;
	return strcmp(text, "never") == 0 ||
	    keyfile_time_parse(span_of(text), expires_out) == 0;
}

/* The words behind the options: the command, and a token for `revoke`. */
static int
take_words(int argc, char **argv, FILE *err, struct cli_token_args *args)
{
	if (argc == 1 && strcmp(argv[0], "create") == 0)
		args->verb = CLI_TOKEN_CREATE;
	else if (argc == 1 && strcmp(argv[0], "list") == 0)
		args->verb = CLI_TOKEN_LIST;
	else if (argc == 2 && strcmp(argv[0], "revoke") == 0 && argv[1][0] != '\0')
		args->verb = CLI_TOKEN_REVOKE;
	else
		return wrong(err, "the command is create, list or revoke ID");
	args->id = args->verb == CLI_TOKEN_REVOKE ? argv[1] : NULL;
	return CLI_DONE;
}

static int
check(const struct cli_token_args *args, bool has_values, FILE *err)
{
	if (args->verb == CLI_TOKEN_CREATE && args->name == NULL)
		return wrong(err, "create needs --name");
	if (args->verb != CLI_TOKEN_CREATE && has_values)
		return wrong(err, "name, scope and expiry are for create");
	return CLI_DONE;
}

int
cli_token_args(int argc, char **argv, int64_t now_ms, FILE *out, FILE *err,
    struct cli_token_args *args)
{
	static const struct option options[] = {
		{ "name", required_argument, NULL, 'n' },
		{ "scope", required_argument, NULL, 's' },
		{ "expires-days", required_argument, NULL, 'e' },
		{ "expires", required_argument, NULL, OPTION_EXPIRES },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool has_values = false;
	int c, r;

	*args = (struct cli_token_args){ .scopes = token_scope(SPAN("read")) };
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, "n:s:e:h", options, NULL)) != -1) {
		has_values = has_values || c != 'j';
		switch (c) {
		case 'n': args->name = optarg; break;
		case 's':
			if (!take_scopes(optarg, &args->scopes))
				return wrong(err,
				    "--scope takes admin, read and metrics, by commas");
			break;
		case 'e':
			if (!take_days(optarg, now_ms, &args->expires_ms))
				return wrong(err, "--expires-days is no number of days");
			break;
		case OPTION_EXPIRES:
			if (!take_expires(optarg, &args->expires_ms))
				return wrong(err, "--expires is no time");
			break;
		case 'j': args->json = true; break;
		case 'h':
			args->help = true;
			return fputs(help, out) >= 0 ? CLI_DONE : CLI_REFUSED;
		default: return wrong(err, "an option is unknown, or lacks its value");
		}
	}
	r = take_words(argc - optind, argv + optind, err, args);
	return r != CLI_DONE ? r : check(args, has_values, err);
}
