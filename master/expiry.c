/* See expiry.h. Runs in the master. */
#include "master/expiry.h"

#include "common/log.h"
#include "common/tls.h"

enum { DAY_S = 86400, DAY_MS = 86400000, NEAR_DAYS = 14 };

enum expiry
expiry_judge(int64_t not_after_s, int64_t wall_s)
{
	if (not_after_s < wall_s)
		return EXPIRY_PAST;
	return not_after_s - wall_s <= (int64_t)NEAR_DAYS * DAY_S ? EXPIRY_NEAR
								  : EXPIRY_FAR;
}

static void
tell(const char *file, int64_t not_after_s, int64_t wall_s)
{
	switch (expiry_judge(not_after_s, wall_s)) {
	case EXPIRY_FAR: break;
	case EXPIRY_NEAR:
		log_warn("certificate", "TLS_CERT_FILE: %s expires in %lld days", file,
		    (long long)((not_after_s - wall_s) / DAY_S));
		break;
	case EXPIRY_PAST:
		log_error("certificate",
		    "TLS_CERT_FILE: %s has expired: clients refuse to connect", file);
		break;
	}
}

void
expiry_request(struct master *m)
{
	m->expiry_ms = 0;
}

void
expiry_step(struct master *m, uint64_t now_ms, int64_t wall_s)
{
	const struct inputs *in = &state_generation(m, m->current)->inputs;

	if (now_ms >= m->expiry_ms) {
		for (size_t i = 0; in->tls != NULL && i < in->config->tls_cert_files.n;
		     i++)
			tell(in->config->tls_cert_files.v[i],
			    tls_server_pair_expiry(in->tls, i), wall_s);
		m->expiry_ms = now_ms + DAY_MS;
	}
	state_wake_at(m, m->expiry_ms);
}
