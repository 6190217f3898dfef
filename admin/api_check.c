/*
 * See api_check.h. Trusted certificates are read by a job, once; the probe itself runs in the
 * loop (probe.h).
 */
#include "admin/api_check.h"

#include <stdlib.h>

#include "admin/probe.h"

enum { CHECK_MAGIC = 0x7570636b };

struct check {
	uint32_t magic;
	struct api_call *call;
	struct tls_client *tls; /* made by the job */
	struct errmsg why;
};

static void
check_end(struct check *c)
{
	tls_client_destroy(&c->tls);
	api_release(&c->call);
	c->magic = 0;
	free(c);
}

static void
on_probed(const struct probe_result *p, void *arg)
{
	struct check *c = arg;
	const char *fault = probe_fault_name(p->fault);

	if (c->magic != CHECK_MAGIC)
		abort();
	if (api_resume(c->call))
		api_reply(c->call, 200,
		    json_pack("{s:b, s:o, s:b, s:o}", "up", (int)(fault == NULL),
			"connect_ms", fault == NULL ? json_real(p->taken_ms) : json_null(),
			"tls", (int)p->tls, "error",
			fault != NULL ? json_string(fault) : json_null()));
	check_end(c);
}

static void
probe(struct check *c)
{
	if (probe_start(c->call->env->probes, on_probed, c) == 0)
		return;
	if (api_resume(c->call))
		api_reply_fault(c->call, 503, "busy", NULL,
		    "Upstream is being checked already; try again.");
	check_end(c);
}

/* Trusted certificates are read from files, once. */
static void
load_tls(void *arg)
{
	struct check *c = arg;

	if (tls_client_create(c->call->env->config, &c->tls, &c->why) != 0)
		c->tls = NULL; /* the probe says `tls` */
}

static void
on_tls(void *arg, bool cancelled)
{
	struct check *c = arg;

	if (c->magic != CHECK_MAGIC)
		abort();
	if (!cancelled && c->tls != NULL) {
		probe_room_give_tls(c->call->env->probes, c->tls);
		c->tls = NULL;
	}
	probe(c);
}

void
api_check_upstream(struct api_call *call)
{
	static const char *const names[] = { NULL };
	struct check *c;

	if (!api_has_only(call, names))
		return;
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		api_reply_fault(
		    call, 503, "no_memory", NULL, "There is not enough memory.");
		return;
	}
	c->magic = CHECK_MAGIC;
	c->call = api_defer(call);
	if (c->call == NULL)
		free(c);
	else if (!probe_room_wants_tls(call->env->probes) ||
	    job_submit(call->env->jobs, load_tls, on_tls, c) != 0)
		probe(c);
}
