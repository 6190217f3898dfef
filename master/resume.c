/* Going on after an upgrade; see resume.h. Runs in the master, and in its check. */
#include "master/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/version.h"
#include "master/figures.h"
#include "master/handover.h"
#include "master/handover_stats.h"
#include "master/process.h"
#include "master/publish.h"
#include "master/rights.h"
#include "master/settle.h"
#include "master/upgrade.h"
#include "master/watch.h"

enum { READ_AGAIN_MS = 200, READ_PATIENCE_MS = 10000 };

/* --- what both the start and the check do --- */

/* Name the settings that an upgrade leaves as they are. */
static int
keep_restart(struct config *next, const struct config *running)
{
	struct strlist names = { 0 };
	struct errmsg list;

	(void)config_differs(running, next, &names);
	list = inputs_join(&names);
	if (names.n > 0)
		log_warn("upgrade", "need a restart and stay as they are: %s", list.text);
	strlist_free(&names);
	return config_keep_restart(next, running);
}

/* Read all files; in is empty before, and the caller's in any case. */
static int
read_inputs(const char *config_file, const struct config *running,
    const struct published *published, struct inputs *in, struct strlist *faults)
{
	int r = config_load(config_file, environ, &in->config, faults);

	if (r == 0)
		r = keep_restart(in->config, running);
	return r != 0 ? r : inputs_load(in, published, INPUTS_STRICT, faults);
}

/* Regions of another layout: new ones, with all that was counted in the old ones. */
static int
renew_regions(struct master *m, const json_t *root, const struct config *running,
    struct errmsg *why)
{
	struct shared *sh = &m->house.shared;
	int r = shared_create(running->max_keys, sh);

	if (r == 0)
		r = handover_stats_read(json_object_get(root, "figures"),
		    running->upstream.host, sh->state,
		    shared_row(sh->state, m->current + 1, 0));
	if (r != 0)
		errmsg_set(why, "the shared memory can't be made anew: %s", err_text(r));
	return r;
}

/* Take what is behind fd into m, and the settings in force. */
static int
take(struct master *m, int fd, pid_t pid, struct config **running_out, struct errmsg *why)
{
	json_t *root = NULL;
	int r = handover_open(fd, pid, &root, why);

	if (r == 0)
		r = handover_read(m, root, running_out, why);
	if (r == 0 && m->resumed.is_stale)
		r = renew_regions(m, root, *running_out, why);
	json_decref(root);
	return r;
}

/* --- the check --- */

static int
check_with(struct master *m, const char *config_file, int fd, struct inputs *in,
    struct strlist *faults)
{
	struct config *running = NULL;
	struct errmsg why = { "" };
	int r;

	process_blank(m);
	r = take(m, fd, getppid(), &running, &why);
	if (r != 0)
		r = strlist_add(faults, why.text) == 0 ? ERR_INVALID : -ENOMEM;
	else
		r = read_inputs(config_file, running, NULL, in, faults);
	config_destroy(&running);
	handover_drop(m);
	return r;
}

int
resume_check(const char *config_file, int fd, struct inputs *in, struct strlist *faults)
{
	struct master *m = calloc(1, sizeof(*m));
	int r = m != NULL ? check_with(m, config_file, fd, in, faults) : -ENOMEM;

	free(m);
	return r;
}

/* --- the start --- */

/* Read, and again if need be: the check has found no fault a moment ago. */
static int
read_patiently(
    struct master *m, const struct config *running, struct inputs *in, struct errmsg *why)
{
	const struct timespec pause = { .tv_nsec = READ_AGAIN_MS * 1000000L };
	const uint64_t until_ms = clock_mono_ms() + READ_PATIENCE_MS;
	struct strlist faults = { 0 };
	int r;

	for (;;) {
		r = read_inputs(
		    m->config_file, running, m->house.shared.published, in, &faults);
		if (r == 0 || clock_mono_ms() > until_ms)
			break;
		strlist_free(&faults);
		inputs_fini(in);
		(void)nanosleep(&pause, NULL);
	}
	if (r != 0)
		*why = inputs_join(&faults);
	if (r != 0 && why->text[0] == '\0')
		errmsg_set(why, "%s", err_text(r));
	strlist_free(&faults);
	return r;
}

/* The old regions live on with the workers that use them; each generation keeps what is
 * needed to tell these of a stop. */
static int
keep_old_state(struct master *m)
{
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++) {
		struct generation *g = &m->generations[i];

		if (g->state == GENERATION_FREE || g->old_state_fd != 0)
			continue;
		g->old_state_fd = fcntl(m->resumed.state_fd, F_DUPFD_CLOEXEC, 3);
		if (g->old_state_fd == -1)
			return -errno;
	}
	close(m->resumed.state_fd);
	close(m->resumed.published_fd);
	log_warn("upgrade",
	    "this version keeps its memory in another form: rate windows begin anew");
	return 0;
}

/* The regions' own contents, for the master's copies of them. */
static void
read_regions(struct master *m)
{
	if (m->resumed.is_stale ||
	    shared_get_tickets(m->house.shared.published, &m->tickets, NULL) != 0)
		m->tickets_ms = 0; /* a new key at once */
}

/* What was taken becomes this process's own. */
static int
settle_in(struct master *m, struct inputs *in, struct errmsg *why)
{
	const struct config *cfg = in->config;
	struct house *h = &m->house;
	int r;

	h->worker_id = identity_find("WORKER_USER", cfg->worker_user);
	h->admin_id = identity_find("ADMIN_USER", cfg->admin_user);
	r = settle_resume(m);
	if (r == 0 && m->resumed.is_stale)
		r = keep_old_state(m);
	if (r == 0)
		r = publish_inputs(m, in, why);
	if (r != 0 && why->text[0] == '\0')
		errmsg_set(why, "%s", err_text(r));
	return r;
}

int
resume_up(struct master *m, int fd, struct errmsg *why)
{
	struct config *running = NULL;
	struct inputs *in;
	int r;

	process_blank(m);
	r = process_take(&m->house, why);
	if (r == 0)
		r = take(m, fd, m->pid, &running, why);
	close(fd);
	in = &state_generation(m, m->current)->inputs;
	if (r == 0)
		r = read_patiently(m, running, in, why);
	config_destroy(&running);
	if (r != 0)
		return r;
	log_init("master", in->config->log_level, in->config->log_format);
	for (size_t i = 0; i < in->config->warnings.n; i++)
		log_warn("config", "%s", in->config->warnings.v[i]);
	watch_mark(m, in->config);
	read_regions(m);
	r = settle_in(m, in, why);
	if (r != 0)
		return r;
	inputs_drop_data(in);
	figures_resume(m);
	m->notify.told = NOTIFY_RELOADING; /* as the old program has said */
	upgrade_resume(m);
	rights_report(&m->house);
	log_info("upgrade", "gatehouse %s has taken over", GATEHOUSE_VERSION);
	return 0;
}
