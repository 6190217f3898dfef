/*
 * Watching by inode, size and time of change. A file that does not parse may be in
 * the middle of being rewritten, and one that is gone in the middle of being
 * replaced: both are tried again for some seconds before they count.
 */
#include "master/watch.h"

#include <sys/stat.h>

#include "common/log.h"
#include "master/publish.h"

enum {
	WATCH_EVERY_MS = 1000,
	WATCH_RETRY_MS = 200,
	WATCH_PATIENCE_MS = 3000,
};

static struct file_mark
mark_of(const char *path)
{
	struct stat st;

	if (path == NULL || stat(path, &st) == -1)
		return (struct file_mark){ 0 };
	return (struct file_mark){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
}

static bool
mark_eq(const struct file_mark *a, const struct file_mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

void
watch_mark(struct master *m, const struct config *cfg)
{
	m->watch.keys = mark_of(cfg->api_keys_file);
	m->watch.settings = mark_of(cfg->settings_file);
	m->watch.models = mark_of(cfg->models_file);
	m->watch.pending = false;
}

void
watch_mark_keys(struct master *m, const struct config *cfg)
{
	m->watch.keys = mark_of(cfg->api_keys_file);
}

void
watch_mark_settings(struct master *m, const struct config *cfg)
{
	m->watch.settings = mark_of(cfg->settings_file);
}

/* Have the files changed since they were marked? They are marked anew. */
static bool
has_changed(struct master *m, const struct config *cfg)
{
	const struct watch before = m->watch;

	m->watch.keys = mark_of(cfg->api_keys_file);
	m->watch.settings = mark_of(cfg->settings_file);
	m->watch.models = mark_of(cfg->models_file);
	return !mark_eq(&before.keys, &m->watch.keys) ||
	    !mark_eq(&before.settings, &m->watch.settings) ||
	    !mark_eq(&before.models, &m->watch.models);
}

/* Read and publish. patient: a missing key file does not count yet. */
static int
try_publish(struct master *m, struct config *cfg, bool patient, struct errmsg *why)
{
	struct inputs in = { .config = cfg };
	struct strlist faults = { 0 };
	int r = inputs_load_data(&in, INPUTS_STRICT, &faults);

	if (r != 0)
		*why = inputs_join(&faults);
	else if (patient && in.keys->missing)
		r = ERR_MORE;
	else
		r = publish_inputs(m, &in, why);
	if (r == 0)
		log_info("reload", "%zu keys, the settings and the models published",
		    in.keys->n);
	if (r != 0 && why->text[0] == '\0')
		errmsg_set(why, "%s", err_text(r));
	strlist_free(&faults);
	in.config = NULL; /* not ours */
	inputs_fini(&in);
	return r;
}

static void
look(struct master *m, uint64_t now_ms)
{
	struct watch *w = &m->watch;
	/* a revoked key must not wait for a reload's workers */
	struct config *cfg = state_published_config(m);
	struct errmsg why = { "" };
	bool patient;

	if (has_changed(m, cfg) && !w->pending) {
		w->pending = true;
		w->since_ms = now_ms;
	}
	if (!w->pending)
		return;
	patient = now_ms - w->since_ms < WATCH_PATIENCE_MS;
	if (try_publish(m, cfg, patient, &why) == 0) {
		w->pending = false;
	} else if (!patient) {
		w->pending = false; /* until the next change */
		log_error("reload",
		    "a changed file is refused, the keys in force stay: %s", why.text);
	}
}

void
watch_step(struct master *m, uint64_t now_ms)
{
	struct watch *w = &m->watch;

	if (!state_config(m)->watch || state_is_stopping(m))
		return;
	if (now_ms >= w->next_ms) {
		look(m, now_ms);
		w->next_ms = now_ms + (w->pending ? WATCH_RETRY_MS : WATCH_EVERY_MS);
	}
	state_wake_at(m, w->next_ms);
}
