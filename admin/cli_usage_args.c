/* See cli_usage_args.h. The zone comes first, whatever the order: times are read in it. */
#include "admin/cli_usage_args.h"

#include <getopt.h>
#include <string.h>

#include "admin/cli_keys.h"
#include "admin/zone.h"

enum { HOUR_MS = 3600 * 1000 };

static const char help[] =
    "usage: gatehouse usage [OPTION ...]\n"
    "       gatehouse usage forget KEY_ID\n"
    "\n"
    "  --since TIME    from the hour of this time on (default: from the beginning)\n"
    "  --until TIME    up to this time, the hour it falls into included if it has begun\n"
    "  --by LIST       of key, model, endpoint, hour, day, by commas (default: key)\n"
    "  --format FORM   table, json or csv (default: table)\n"
    "  --json          the same as --format json\n"
    "  --zone NAME     times and days of this zone, e.g. Europe/Berlin (default: UTC)\n"
    "\n"
    "TIME is 2027-01-31, 2027-01-31T12:00, now, today, yesterday, or 36h or 7d ago.\n"
    "Usage is kept by the hour of its counting, in UTC; a day is made of the whole hours\n"
    "that begin in it. `forget` folds a key's usage into `forgotten`: totals stay.\n";

static const char *const column_names[CLI_USAGE_COLUMNS] = {
	[CLI_USAGE_HOUR] = "hour",
	[CLI_USAGE_DAY] = "day",
	[CLI_USAGE_KEY] = "key",
	[CLI_USAGE_MODEL] = "model",
	[CLI_USAGE_ENDPOINT] = "endpoint",
};

static const char *const format_names[] = {
	[CLI_USAGE_TABLE] = "table",
	[CLI_USAGE_JSON] = "json",
	[CLI_USAGE_CSV] = "csv",
};

const char *
cli_usage_column_name(enum cli_usage_column c)
{
	return column_names[c];
}

static int
wrong(FILE *err, const char *what)
{
	fprintf(err, "gatehouse usage: %s\n", what);
	fprintf(err, "`gatehouse usage --help` lists the options\n");
	return CLI_USAGE;
}

static bool
has_column(const struct cli_usage_args *args, enum cli_usage_column c)
{
	for (size_t i = 0; i < args->n_by; i++)
		if (args->by[i] == c)
			return true;
	return false;
}

/* Add the column of that name. Returns whether there is one, not there already. */
static bool
add_column(struct cli_usage_args *args, const char *name, size_t n)
{
	for (enum cli_usage_column c = 0; c < CLI_USAGE_COLUMNS; c++) {
		if (strlen(column_names[c]) != n || strncmp(column_names[c], name, n) != 0)
			continue;
		if (has_column(args, c))
			return false;
		args->by[args->n_by++] = c;
		return true;
	}
	return false;
}

static const char *
take_by(const char *list, struct cli_usage_args *args)
{
	while (*list != '\0') {
		const size_t n = strcspn(list, ",");

		if (!add_column(args, list, n))
			return "takes key, model, endpoint, hour and day, each once";
		list += n + (list[n] == ',');
	}
	if (has_column(args, CLI_USAGE_HOUR) && has_column(args, CLI_USAGE_DAY))
		return "takes hour or day, not both";
	return NULL;
}

static const char *
take_format(const char *name, struct cli_usage_args *args)
{
	for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
		if (strcmp(format_names[i], name) == 0) {
			args->format = (enum cli_usage_format)i;
			return NULL;
		}
	}
	return "is table, json or csv";
}

/* The hour of a time; up: the next one if it has begun. */
static const char *
take_time(const char *text, int64_t now_ms, bool up, uint32_t *hour_out)
{
	int64_t ms;

	if (zone_parse(span_of(text), now_ms, &ms) != 0 || ms < 0 ||
	    ms / HOUR_MS >= UINT32_MAX)
		return "is no time";
	*hour_out = (uint32_t)((ms + (up ? HOUR_MS - 1 : 0)) / HOUR_MS);
	return NULL;
}

static const char *
take_span(const struct cli_usage_words *w, int64_t now_ms, struct cli_usage_args *args,
    const char **field_out)
{
	const char *fault = NULL;

	args->to_hour = UINT32_MAX;
	args->has_from = w->since != NULL;
	args->has_to = w->until != NULL;
	*field_out = "since";
	if (args->has_from)
		fault = take_time(w->since, now_ms, false, &args->from_hour);
	if (fault != NULL)
		return fault;
	*field_out = "until";
	if (args->has_to)
		fault = take_time(w->until, now_ms, true, &args->to_hour);
	if (fault != NULL)
		return fault;
	*field_out = "since";
	return args->from_hour > args->to_hour ? "is behind the end" : NULL;
}

const char *
cli_usage_words_take(const struct cli_usage_words *w, int64_t now_ms,
    struct cli_usage_args *args, const char **field_out)
{
	const char *fault;

	*args = (struct cli_usage_args){ .zone = w->zone != NULL ? w->zone : "UTC" };
	*field_out = "zone";
	if (zone_use(args->zone) != 0)
		return "is no name of the time zone database (Debian: package tzdata)";
	*field_out = "by";
	if ((fault = take_by(w->by != NULL ? w->by : "key", args)) != NULL)
		return fault;
	*field_out = "format";
	if ((fault = take_format(w->format != NULL ? w->format : "table", args)) != NULL)
		return fault;
	return take_span(w, now_ms, args, field_out);
}

static int
take_words(const struct cli_usage_words *w, int64_t now_ms, FILE *err,
    struct cli_usage_args *args)
{
	const char *field;
	const char *fault = cli_usage_words_take(w, now_ms, args, &field);

	if (fault == NULL)
		return CLI_DONE;
	fprintf(err, "gatehouse usage: --%s %s\n", field, fault);
	fprintf(err, "`gatehouse usage --help` lists the options\n");
	return CLI_USAGE;
}

/* What is left behind the options: nothing, or `forget KEY_ID`. */
static int
take_rest(int argc, char **argv, FILE *err, struct cli_usage_args *args)
{
	if (argc == 0)
		return CLI_DONE;
	if (strcmp(argv[0], "forget") != 0)
		return wrong(err, "there is no such command; `forget` is the only one");
	if (argc != 2 || argv[1][0] == '\0')
		return wrong(err, "forget takes one KEY_ID");
	args->forget = argv[1];
	return CLI_DONE;
}

int
cli_usage_args(int argc, char **argv, int64_t now_ms, FILE *out, FILE *err,
    struct cli_usage_args *args)
{
	static const struct option options[] = {
		{ "since", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'u' },
		{ "by", required_argument, NULL, 'b' },
		{ "format", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "zone", required_argument, NULL, 'z' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct cli_usage_words w = { .since = NULL };
	int c, r;

	*args = (struct cli_usage_args){ .help = false };
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 's': w.since = optarg; break;
		case 'u': w.until = optarg; break;
		case 'b': w.by = optarg; break;
		case 'f': w.format = optarg; break;
		case 'j': w.format = "json"; break;
		case 'z': w.zone = optarg; break;
		case 'h':
			args->help = true;
			return fputs(help, out) >= 0 ? CLI_DONE : CLI_REFUSED;
		default: return wrong(err, "an option is unknown, or lacks its value");
		}
	}
	r = take_words(&w, now_ms, err, args);
	return r != CLI_DONE ? r : take_rest(argc - optind, argv + optind, err, args);
}
