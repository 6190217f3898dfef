/*
 * Reading the command line of `gatehouse keys`. Runs in the CLI's process, before
 * anything is opened.
 */
#include "admin/cli_keys_args.h"

#include <getopt.h>
#include <string.h>

#include "common/keyfile_time.h"

#define DAY_MS INT64_C(86400000)

enum { DAYS_MAX = 36500 };

/* Which options a command takes. */
enum option_bit {
	TAKES_DESCRIPTION = 1,
	TAKES_EXPIRES = 2,
	TAKES_LIMIT = 4,
	TAKES_ID = 8, /* as --id; a command that needs one also as a word */
	TAKES_GRACE = 16,
	NEEDS_ID = 32,
};

enum { TAKES_VALUES = TAKES_DESCRIPTION | TAKES_EXPIRES | TAKES_LIMIT };

struct command {
	const char *name;
	enum cli_keys_verb verb;
	unsigned takes; /* enum option_bit, or-ed */
	const char *help;
};

/* clang-format off */
static const struct command commands[] = {
	{ "create",   KEYS_CREATE, TAKES_VALUES | TAKES_ID,            "create    [-d TEXT] [-e DAYS | --expires TIME|never] [-r N|none] [--id ID]" },
	{ "generate", KEYS_CREATE, TAKES_VALUES | TAKES_ID,            NULL },
	{ "list",     KEYS_LIST,   0,                                  "list      all keys, never their secrets" },
	{ "show",     KEYS_SHOW,   TAKES_ID | NEEDS_ID,                "show ID" },
	{ "rotate",   KEYS_ROTATE, TAKES_ID | NEEDS_ID | TAKES_GRACE,  "rotate ID [--grace 24h]    a new secret; the old one stays valid that long" },
	{ "revoke",   KEYS_REVOKE, TAKES_ID | NEEDS_ID,                "revoke ID                  refused from now on, until it is enabled" },
	{ "enable",   KEYS_ENABLE, TAKES_ID | NEEDS_ID,                "enable ID" },
	{ "set",      KEYS_SET,    TAKES_VALUES | TAKES_ID | NEEDS_ID, "set ID    [-d TEXT] [-e DAYS | --expires TIME|never] [-r N|none]" },
	{ "delete",   KEYS_DELETE, TAKES_ID | NEEDS_ID,                "delete ID" },
};

enum option_code { OPTION_EXPIRES = 256, OPTION_ID, OPTION_JSON, OPTION_GRACE };

static const struct option options[] = {
	{ "description",  required_argument, NULL, 'd' },
	{ "expires-days", required_argument, NULL, 'e' },
	{ "expires",      required_argument, NULL, OPTION_EXPIRES },
	{ "rate-limit",   required_argument, NULL, 'r' },
	{ "id",           required_argument, NULL, OPTION_ID },
	{ "grace",        required_argument, NULL, OPTION_GRACE },
	{ "json",         no_argument,       NULL, OPTION_JSON },
	{ "help",         no_argument,       NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void
print_help(FILE *to)
{
	fprintf(to, "usage: gatehouse keys COMMAND [--json]\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (commands[i].help != NULL)
			fprintf(to, "  %s\n", commands[i].help);
	fprintf(to,
	    "TIME is ISO 8601 (UTC without a zone); a grace is a number with s, m, "
	    "h or d.\n");
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Take the digits at *p. false: none, or the number is over max. */
static bool
take_number(const char **p, int64_t max, int64_t *out)
{
	const char *s = *p;
	int64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (*s - '0');
		if (v > max)
			return false;
	}
	if (s == *p)
		return false;
	*p = s;
	*out = v;
	return true;
}

static bool
parse_number(const char *s, int64_t max, int64_t *out)
{
	return take_number(&s, max, out) && *s == '\0';
}

static bool
parse_days(const char *s, int64_t now_ms, struct keyfile_values *v)
{
	int64_t days;

	if (!parse_number(s, DAYS_MAX, &days) || days == 0)
		return false;
	v->expires_ms = now_ms + days * DAY_MS;
	v->given |= KEYFILE_EXPIRES;
	return true;
}

static bool
parse_expires(const char *s, struct keyfile_values *v)
{
	v->given |= KEYFILE_EXPIRES;
	v->expires_ms = 0;
	return strcmp(s, "never") == 0 ||
	    keyfile_time_parse(span_of(s), &v->expires_ms) == 0;
}

static bool
parse_limit(const char *s, struct keyfile_values *v)
{
	v->given |= KEYFILE_RATE_LIMIT;
	v->rate_limit = KEY_NO_LIMIT;
	return strcmp(s, "none") == 0 || parse_number(s, UINT32_MAX, &v->rate_limit);
}

static bool
parse_grace(const char *s, int64_t *ms_out)
{
	static const char units[] = "smhd";
	static const int64_t unit_ms[] = { 1000, 60000, 3600000, DAY_MS };
	const char *unit;
	int64_t n;
	size_t i = 0;

	if (!take_number(&s, DAYS_MAX * DAY_MS / 1000, &n))
		return false;
	if (*s != '\0') {
		if ((unit = strchr(units, *s)) == NULL || s[1] != '\0')
			return false;
		i = (size_t)(unit - units);
	}
	if (n > DAYS_MAX * DAY_MS / unit_ms[i])
		return false;
	*ms_out = n * unit_ms[i];
	return true;
}

static int
usage(const struct cli_io *io, const char *what)
{
	fprintf(io->err, "gatehouse keys: %s (gatehouse keys --help)\n", what);
	return CLI_USAGE;
}

/* One option: which bit allows it, and NULL or what is wrong with its value. */
static const char *
take_option(int code, int64_t now_ms, struct cli_keys_args *a, unsigned *bit_out)
{
	switch (code) {
	case 'd':
		*bit_out = TAKES_DESCRIPTION;
		a->values.given |= KEYFILE_DESCRIPTION;
		a->values.description = optarg;
		return NULL;
	case 'e':
		*bit_out = TAKES_EXPIRES;
		return parse_days(optarg, now_ms, &a->values)
		    ? NULL
		    : "--expires-days takes a whole number from 1 to 36500";
	case OPTION_EXPIRES:
		*bit_out = TAKES_EXPIRES;
		return parse_expires(optarg, &a->values)
		    ? NULL
		    : "--expires takes a time like 2030-01-31T12:00:00Z, or never";
	case 'r':
		*bit_out = TAKES_LIMIT;
		return parse_limit(optarg, &a->values)
		    ? NULL
		    : "--rate-limit takes a whole number up to 4294967295, or "
		      "none";
	case OPTION_ID:
		*bit_out = TAKES_ID;
		a->id = optarg;
		return NULL;
	case OPTION_GRACE:
		*bit_out = TAKES_GRACE;
		return parse_grace(optarg, &a->grace_ms)
		    ? NULL
		    : "--grace takes a time like 24h, 100 years at most";
	case OPTION_JSON: a->json = true; return NULL;
	case 'h': a->help = true; return NULL;
	case ':': return "an option lacks its value";
	default: return "there is no such option";
	}
}

static int
read_options(int argc, char **argv, int64_t now_ms, const struct command *c,
    const struct cli_io *io, struct cli_keys_args *out)
{
	int code;

	optind = 0; /* glibc: begin anew */
	opterr = 0;
	while ((code = getopt_long(argc, argv, ":d:e:r:h", options, NULL)) != -1) {
		unsigned bit = 0;
		const char *wrong = take_option(code, now_ms, out, &bit);

		if (wrong != NULL)
			return usage(io, wrong);
		if ((c->takes & bit) != bit)
			return usage(io, "this command does not take that option");
	}
	return CLI_DONE;
}

/* The words behind the options: the id of a command that needs one. */
static int
read_words(int argc, char **argv, const struct command *c, const struct cli_io *io,
    struct cli_keys_args *out)
{
	int words = argc - optind;

	if (words == 1 && c->takes & NEEDS_ID && out->id == NULL) {
		out->id = argv[optind];
		return CLI_DONE;
	}
	if (words > 0)
		return usage(io, "there are words too many");
	if (c->takes & NEEDS_ID && out->id == NULL)
		return usage(io, "this command needs the id of a key");
	return CLI_DONE;
}

int
cli_keys_args(int argc, char **argv, int64_t now_ms, const struct cli_io *io,
    struct cli_keys_args *out)
{
	const struct command *c;
	int r;

	*out = (struct cli_keys_args){ 0 };
	if (argc < 2) {
		print_help(io->err);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(io->out);
		out->help = true;
		return CLI_DONE;
	}
	if ((c = find_command(argv[1])) == NULL)
		return usage(io, "there is no such command");
	out->verb = c->verb;
	if ((r = read_options(argc - 1, argv + 1, now_ms, c, io, out)) != CLI_DONE)
		return r;
	if (out->help) {
		print_help(io->out);
		return CLI_DONE;
	}
	if ((r = read_words(argc - 1, argv + 1, c, io, out)) != CLI_DONE)
		return r;
	if (c->verb == KEYS_SET && out->values.given == 0)
		return usage(io, "set needs something to be set");
	return CLI_DONE;
}
