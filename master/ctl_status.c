/*
 * `gatehouse status`: RUN_DIR's status file as a screen for people. For root the numbers
 * come from the state region itself, mapped read-only through the master's descriptor;
 * for the master's own user, who may not look into it either, from admin.
 */
#include "master/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <jansson.h>

#include "admin/cli_state.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/rundir.h"
#include "common/shared.h"
#include "common/version.h"
#include "master/ctl_figures.h"

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "-";
}

static json_int_t
number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

/* The master's state region, which can only be read; NULL where it may not be. */
static struct state *
map_state(const json_t *status)
{
	char path[64];
	struct stat st;
	void *mem = MAP_FAILED;
	int fd;

	(void)snprintf(path, sizeof(path),
	    "/proc/%" JSON_INTEGER_FORMAT "/fd/%" JSON_INTEGER_FORMAT,
	    number_of(status, "pid"), number_of(status, "state_fd"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(struct state))
		mem = mmap(NULL, sizeof(struct state), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return mem != MAP_FAILED ? mem : NULL;
}

/* The region, or a copy of it; state NULL: neither may be had. */
struct view {
	struct state *state;
	bool mapped;
};

static struct view
view_open(const char *run_dir, const json_t *status)
{
	struct view v = { .state = NULL };

	if (strcmp(text_of(status, "version"), GATEHOUSE_VERSION) != 0)
		return v; /* it may be laid out in another way */
	v.state = map_state(status);
	v.mapped = v.state != NULL;
	if (!v.mapped)
		v.state = cli_state_ask(run_dir);
	return v;
}

static void
view_close(struct view *v)
{
	if (v->mapped)
		(void)munmap(v->state, sizeof(*v->state));
	else
		free(v->state);
	v->state = NULL;
}

static void
print_list(FILE *out, const char *label, const json_t *list)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
	    fprintf(out, "%-15s%s\n", i == 0 ? label : "", json_string_value(v));
}

static void
print_time(FILE *out, double seconds)
{
	const time_t t = (time_t)seconds;
	char text[32];
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		fprintf(out, "%s", text);
}

static void
print_head(FILE *out, const json_t *status)
{
	const double started = json_number_value(json_object_get(status, "started"));
	const long up = (long)((double)clock_wall_ms() / 1000 - started);

	fprintf(out,
	    "gatehouse %s, pid %" JSON_INTEGER_FORMAT
	    ", %s, up %ld d %ld h %ld min %ld s\n",
	    text_of(status, "version"), number_of(status, "pid"),
	    text_of(status, "state"), up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
	fprintf(out, "%-15s%s\n", "configuration", text_of(status, "config_file"));
	print_list(out, "listening", json_object_get(status, "listen"));
	print_list(out, "admin only", json_object_get(status, "admin_listen"));
	print_list(out, "metrics", json_object_get(status, "metrics_listen"));
	fprintf(out, "%-15s%" JSON_INTEGER_FORMAT " (%s)\n", "keys",
	    number_of(status, "keys"), text_of(status, "api_keys_file"));
	fprintf(out, "%-15s%s\n", "data", text_of(status, "data_dir"));
	fprintf(out,
	    "%-15sworkers %" JSON_INTEGER_FORMAT ", admin %" JSON_INTEGER_FORMAT "\n",
	    "restarts", number_of(status, "worker_restarts"),
	    number_of(status, "admin_restarts"));
}

static void
print_upstream(FILE *out, const json_t *upstream)
{
	if (!json_is_object(upstream))
		return;
	fprintf(out, "%-15s%s", "program", text_of(upstream, "state"));
	if (number_of(upstream, "pid") != 0)
		fprintf(out, ", pid %" JSON_INTEGER_FORMAT, number_of(upstream, "pid"));
	fprintf(out, ", restarts %" JSON_INTEGER_FORMAT "\n",
	    number_of(upstream, "restarts"));
}

static void
print_outcome(FILE *out, const char *label, const json_t *last)
{
	fprintf(out, "%-15s", label);
	if (!json_is_object(last)) {
		fprintf(out, "none\n");
		return;
	}
	fprintf(out, "%s, ", text_of(last, "result"));
	print_time(out, json_number_value(json_object_get(last, "time")));
	fprintf(out, ": %s\n", text_of(last, "reason"));
}

/* A worker's line; state NULL: its counters can't be read. */
static void
print_worker(FILE *out, const json_t *w, struct state *state)
{
	const uint64_t generation = (uint64_t)number_of(w, "generation");
	const uint32_t slot = (uint32_t)number_of(w, "slot");

	fprintf(out, "%10" PRIu64 "  %6" PRIu32 "  %7" JSON_INTEGER_FORMAT "  %-9s",
	    generation, slot + 1, number_of(w, "pid"), text_of(w, "phase"));
	if (state == NULL || slot >= SHARED_WORKER_SLOTS) {
		fprintf(out, "%12s  %9s  %10s\n", "-", "-", "-");
		return;
	}
	const struct scoreboard_row *row = shared_row(state, generation, slot);

	fprintf(out, "%12" PRIu64 "  %9" PRIu64 "  %10" PRIu64 "\n",
	    atomic_load(&row->connections), atomic_load(&row->requests_in_flight),
	    atomic_load(&row->requests));
}

static void
print_workers(FILE *out, const json_t *status, struct state *state)
{
	size_t i;
	json_t *w;

	fprintf(out, "%10s  %6s  %7s  %-9s%12s  %9s  %10s\n", "generation", "worker",
	    "pid", "phase", "connections", "in flight", "requests");
	json_array_foreach(json_object_get(status, "processes"), i, w)
	    print_worker(out, w, state);
}

/* All of it, on one screen; without state where its numbers may not be read. */
static void
print_screen(FILE *out, const char *run_dir, const json_t *status)
{
	struct view v = view_open(run_dir, status);

	print_head(out, status);
	print_upstream(out, json_object_get(status, "upstream_process"));
	print_outcome(out, "last reload", json_object_get(status, "last_reload"));
	if (json_is_object(json_object_get(status, "last_upgrade")))
		print_outcome(
		    out, "last upgrade", json_object_get(status, "last_upgrade"));
	if (v.state != NULL)
		ctl_figures_print(v.state, clock_wall_ms(), out);
	print_workers(out, status, v.state);
	view_close(&v);
}

int
ctl_status(const char *run_dir, bool json, FILE *out, FILE *err)
{
	json_t *status = NULL;
	pid_t pid = 0;
	int r = rundir_find_master(run_dir, &pid);

	if (r == 0)
		r = rundir_load_status(run_dir, &status);
	if (r != 0) {
		fprintf(err, "gatehouse: %s in %s\n",
		    r == -ENOENT ? "none runs" : err_text(r), run_dir);
		return EXIT_UNREACHED;
	}
	if (json) {
		(void)json_dumpf(status, out, JSON_INDENT(2));
		fprintf(out, "\n");
	} else {
		print_screen(out, run_dir, status);
	}
	json_decref(status);
	return EXIT_DONE;
}
