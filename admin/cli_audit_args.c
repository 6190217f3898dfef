/* See cli_audit_args.h. */
#include "admin/cli_audit_args.h"

#include <getopt.h>
#include <string.h>

#include "admin/cli_keys.h"
#include "admin/zone.h"

static const char help[] =
    "usage: gatehouse audit [--since TIME] [--until TIME] [--json]\n"
    "       gatehouse audit verify [--json]\n"
    "\n"
    "  --since TIME    from this time on (default: from the beginning)\n"
    "  --until TIME    before this time\n"
    "  --json          an object a line\n"
    "\n"
    "TIME is 2027-01-31, 2027-01-31T12:00 (UTC without a zone), now, today, yesterday, or\n"
    "36h or 7d ago. `verify` says whether the chain of records is whole, and exits 1 if it\n"
    "is not.\n";

static int
wrong(FILE *err, const char *what)
{
	fprintf(err, "gatehouse audit: %s\n", what);
	fprintf(err, "`gatehouse audit --help` lists the options\n");
	return CLI_USAGE;
}

static int
take_times(const char *since, const char *until, int64_t now_ms, FILE *err,
    struct cli_audit_args *args)
{
	args->since_ms = 0;
	args->until_ms = INT64_MAX;
	if (zone_use("UTC") != 0)
		return wrong(err, "the time zone UTC can't be used");
	if (since != NULL && zone_parse(span_of(since), now_ms, &args->since_ms) != 0)
		return wrong(err, "--since is no time");
	if (until != NULL && zone_parse(span_of(until), now_ms, &args->until_ms) != 0)
		return wrong(err, "--until is no time");
	if (args->since_ms > args->until_ms)
		return wrong(err, "--since is behind --until");
	return CLI_DONE;
}

/* What is left behind the options: nothing, or `verify`. */
static int
take_rest(int argc, char **argv, bool has_times, FILE *err, struct cli_audit_args *args)
{
	if (argc == 0)
		return CLI_DONE;
	if (argc != 1 || strcmp(argv[0], "verify") != 0)
		return wrong(err, "there is no such command; `verify` is the only one");
	if (has_times)
		return wrong(err, "verify looks at the whole chain: it takes no times");
	args->verify = true;
	return CLI_DONE;
}

int
cli_audit_args(int argc, char **argv, int64_t now_ms, FILE *out, FILE *err,
    struct cli_audit_args *args)
{
	static const struct option options[] = {
		{ "since", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *since = NULL, *until = NULL;
	int c, r;

	*args = (struct cli_audit_args){ .help = false };
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 's': since = optarg; break;
		case 'u': until = optarg; break;
		case 'j': args->json = true; break;
		case 'h':
			args->help = true;
			return fputs(help, out) >= 0 ? CLI_DONE : CLI_REFUSED;
		default: return wrong(err, "an option is unknown, or lacks its value");
		}
	}
	r = take_times(since, until, now_ms, err, args);
	return r != CLI_DONE ? r
			     : take_rest(argc - optind, argv + optind,
				   since != NULL || until != NULL, err, args);
}
