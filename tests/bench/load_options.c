/*
 * The load's command line; see load_options.h.
 */
#include "tests/bench/load_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
refuse(const char *what, const char *value)
{
	fprintf(stderr, "load: %s: %s\n", what, value);
	exit(2);
}

/* The whole file; never freed, for it is needed to the end. */
static struct span
read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *p = NULL;
	long n = 0;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) <= 0 ||
	    fseek(f, 0, SEEK_SET) != 0 || (p = malloc((size_t)n)) == NULL ||
	    fread(p, 1, (size_t)n, f) != (size_t)n || fclose(f) != 0)
		refuse("can't read", path);
	return (struct span){ p, (size_t)n };
}

static void
take_secrets(struct load_options *o, const char *path)
{
	const char *end;

	o->secrets = read_file(path);
	end = memchr(o->secrets.p, '\n', o->secrets.n);
	o->n_secret = end != NULL ? (size_t)(end - o->secrets.p) : 0;
	if (o->n_secret == 0 || o->n_secret > LOAD_SECRET_MAX ||
	    o->secrets.n % (o->n_secret + 1) != 0)
		refuse("must be secrets of one length, a line each", path);
	o->n_secrets = o->secrets.n / (o->n_secret + 1);
}

static unsigned long
number(const char *name, const char *text, unsigned long most)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || n > most)
		refuse(name, text);
	return n;
}

static double
seconds(const char *name, const char *text)
{
	char *end;
	const double s = strtod(text, &end);

	if (end == text || *end != '\0' || !(s >= 0 && s < 86400))
		refuse(name, text);
	return s;
}

static void
take_pid(struct load_options *o, const char *text)
{
	if (o->n_pids == LOAD_PIDS_MAX)
		refuse("too many processes", text);
	o->pid[o->n_pids++] = (pid_t)number("pid", text, INT32_MAX);
}

static void
take(struct load_options *o, int option, const char *value)
{
	switch (option) {
	case 'p': o->port = (uint16_t)number("port", value, UINT16_MAX); break;
	case 'n': o->connections = (unsigned)number("connections", value, 100000); break;
	case 'r': o->rate = (unsigned)number("rate", value, 1000000); break;
	case 'w': o->warm_s = seconds("warm", value); break;
	case 's': o->measure_s = seconds("seconds", value); break;
	case 't': o->target = value; break;
	case 'c': o->content_type = value; break;
	case 'b': o->body = read_file(value); break;
	case 'k': take_secrets(o, value); break;
	case 'i': take_pid(o, value); break;
	case 'P': o->plain = true; break;
	case 'F': o->fresh = true; break;
	case 'R': o->resume = true; break;
	case 'E': o->events = true; break;
	case 'S': o->stay = true; break;
	default: exit(2);
	}
}

void
load_options_parse(struct load_options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "connections", required_argument, NULL, 'n' },
		{ "rate", required_argument, NULL, 'r' },
		{ "warm", required_argument, NULL, 'w' },
		{ "seconds", required_argument, NULL, 's' },
		{ "target", required_argument, NULL, 't' },
		{ "content-type", required_argument, NULL, 'c' },
		{ "body", required_argument, NULL, 'b' },
		{ "keys", required_argument, NULL, 'k' },
		{ "pid", required_argument, NULL, 'i' },
		{ "plain", no_argument, NULL, 'P' },
		{ "fresh", no_argument, NULL, 'F' },
		{ "resume", no_argument, NULL, 'R' },
		{ "events", no_argument, NULL, 'E' },
		{ "stay", no_argument, NULL, 'S' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		take(o, option, optarg);
	if (optind != argc)
		refuse("not understood", argv[optind]);
	if (o->port == 0 || o->connections == 0 || o->target == NULL || o->body.n == 0 ||
	    o->content_type == NULL || o->n_secrets == 0)
		refuse("missing",
		    "--port, --connections, --target, --content-type, --body or --keys");
}
