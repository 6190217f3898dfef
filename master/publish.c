/* What the master writes to the published region; see publish.h. Runs in the master. */
#include "master/publish.h"

#include "common/log.h"
#include "common/tls_tickets.h"

static void
log_warnings(const struct keyset *set)
{
	for (size_t i = 0; i < set->faults.n; i++)
		log_warn("keys", "%s: left out", set->faults.v[i]);
	for (size_t i = 0; i < set->warnings.n; i++)
		log_warn("keys", "%s", set->warnings.v[i]);
}

int
publish_keys(
    struct master *m, const char *path, const struct keyset *set, struct errmsg *why)
{
	int r = keyring_publish(shared_keyring_mutable(m->house.shared.published), set);

	if (r != 0) {
		errmsg_set(why, "%s: the keys can't be published: %s", path, err_text(r));
		return r;
	}
	log_warnings(set);
	m->status_dirty = true;
	return 0;
}

int
publish_inputs(struct master *m, const struct inputs *in, struct errmsg *why)
{
	struct published *p = m->house.shared.published;
	int r = publish_keys(m, in->config->api_keys_file, in->keys, why);

	if (r != 0)
		return r;
	shared_put_settings(p, &in->settings);
	shared_put_models(p, in->models);
	return 0;
}

void
publish_step_tickets(struct master *m, uint64_t now_ms)
{
	if (now_ms >= m->tickets_ms) {
		if (tls_tickets_rotate(&m->tickets) == 0)
			shared_put_tickets(m->house.shared.published, &m->tickets);
		else
			log_error("tickets", "no randomness for a new TLS ticket key");
		m->tickets_ms = now_ms + STATE_TICKETS_MS;
	}
	state_wake_at(m, m->tickets_ms);
}
