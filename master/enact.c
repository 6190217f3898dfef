/*
 * See enact.h. Runs in the master. `enact_started` is counted before the first file is read,
 * the outcome is written after the last is published: nothing between the two can be missed.
 *
 * While a reload brings up new workers, the files that it has published hold already. If
 * they are others than those of the configuration that admin runs with, what admin wrote is
 * in force nowhere, and it is told so.
 */
#include "master/enact.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/settings.h"
#include "master/publish.h"
#include "master/watch.h"

void
enact_request(struct master *m)
{
	m->enact.wanted = true;
}

/* Is it the file that admin knows by its configuration? */
static int
check_path(const char *path, const char *admins, struct errmsg *why)
{
	if (strcmp(path, admins) == 0)
		return 0;
	errmsg_set(why, "a reload that names another file is under way");
	return ERR_CHANGED;
}

/* Put the first of the faults into why, if there is one. */
static void
explain(int r, const struct strlist *faults, struct errmsg *why)
{
	if (faults->n > 0)
		*why = inputs_join(faults);
	else if (why->text[0] == '\0')
		errmsg_set(why, "%s", err_text(r));
}

/* A file that is gone may be about to be replaced: the watch has the patience for that. */
static int
publish_present(struct master *m, const struct config *cfg, const struct keyset *set,
    struct errmsg *why)
{
	if (set->missing) {
		errmsg_set(why, "%s: does not exist", cfg->api_keys_file);
		return -ENOENT;
	}
	return publish_keys(m, cfg->api_keys_file, set, why);
}

static int
enact_keys(struct master *m, struct errmsg *why)
{
	const struct config *cfg = state_published_config(m);
	const struct file_mark before = m->watch.keys;
	struct strlist faults = { 0 };
	struct keyset *set = NULL;
	int r = check_path(cfg->api_keys_file, state_config(m)->api_keys_file, why);

	if (r == 0) {
		watch_mark_keys(m, cfg);
		r = inputs_load_keys(cfg, INPUTS_STRICT, &set, &faults);
		if (r == 0)
			r = publish_present(m, cfg, set, why);
		if (r != 0)
			m->watch.keys = before; /* the watch tries again, and says it */
	}
	if (r != 0)
		explain(r, &faults, why);
	strlist_free(&faults);
	keyset_destroy(&set);
	return r;
}

static int
enact_settings(struct master *m, struct errmsg *why)
{
	const struct config *cfg = state_published_config(m);
	const struct file_mark before = m->watch.settings;
	struct strlist faults = { 0 };
	struct settings s;
	int r = check_path(cfg->settings_file, state_config(m)->settings_file, why);

	if (r == 0) {
		watch_mark_settings(m, cfg);
		r = settings_load(cfg, &s, &faults);
		if (r == 0)
			shared_put_settings(m->house.shared.published, &s);
		else
			m->watch.settings = before;
	}
	if (r != 0)
		explain(r, &faults, why);
	strlist_free(&faults);
	return r;
}

/* Fill in v. A line for each; the watch, if it is on, makes an error of what stays refused. */
static void
conclude(struct shared_verdict *v, uint64_t number, int r, const struct errmsg *why,
    const char *what)
{
	v->code = r;
	v->reason = *why;
	if (r == 0) {
		v->good = number;
		log_info("enact", "%s published for admin", what);
	} else {
		log_warn("enact", "%s refused, those in force stay: %s", what, why->text);
	}
}

void
enact_step(struct master *m)
{
	struct state *shared = m->house.shared.state;
	struct errmsg why = { "" };
	struct shared_enacted e;
	int r;

	if (!m->enact.wanted)
		return;
	m->enact.wanted = false;
	if (shared_get_enacted(shared, &e) != 0)
		e = (struct shared_enacted){ .number = 0 };
	e.number = atomic_fetch_add(&shared->figures.enact_started, 1) + 1;
	r = enact_keys(m, &why);
	conclude(&e.keys, e.number, r, &why, "the keys are");
	why = (struct errmsg){ "" };
	r = enact_settings(m, &why);
	conclude(&e.settings, e.number, r, &why, "the settings are");
	shared_put_enacted(shared, &e);
}
