/*
 * Leaving behind; see shed.h. What is kept is named, everything else goes: a descriptor
 * or secret that somebody adds to the master later does not come along unseen.
 */
#include "master/shed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <openssl/crypto.h>

static const char *const of_worker[] = { "PRIVATEMODE_API_KEY", NULL };
static const char *const of_admin[] = { "ADMIN_PASSWORD", "METRICS_TOKEN", "API_KEYS",
	NULL };

/* While a generation rises after a roll, two places share one set of inputs. */
static void
drop_inputs(struct inputs *in, const struct inputs *own)
{
	if (in->config == own->config)
		*in = (struct inputs){ 0 };
	else
		inputs_fini(in);
}

void
shed_secrets(struct master *m, struct generation *g, bool is_admin)
{
	proctitle_wipe_env(&m->title);
	OPENSSL_cleanse(&m->tickets, sizeof(m->tickets));
	inputs_fini(&m->reload.next);
	for (size_t i = 0; i < SHARED_MAX_GENERATIONS; i++)
		if (&m->generations[i] != g)
			drop_inputs(&m->generations[i].inputs, &g->inputs);
	if (is_admin) {
		tls_server_destroy(&g->inputs.tls);
		tls_client_destroy(&g->inputs.upstream_tls);
	}
	config_forget(g->inputs.config, is_admin ? of_admin : of_worker);
}

/* Leave the members that name what is about to be closed in order. */
static void
close_known(struct house *h, bool is_admin)
{
	close(h->signal_fd);
	close(h->reload_pipe[0]);
	premises_leave(&h->premises, is_admin);
	if (is_admin) {
		listen_drop_worker(&h->listeners);
	} else {
		close(h->reload_pipe[1]);
		listen_drop_metrics(&h->listeners);
	}
}

static int
by_number(const void *a, const void *b)
{
	const int x = *(const int *)a, y = *(const int *)b;

	return x < y ? -1 : x > y;
}

/* Close everything from 3 on that is not one of the n descriptors. 0 or -errno. */
static int
close_others(int *keep, size_t n)
{
	unsigned from = STDERR_FILENO + 1;

	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		const unsigned fd = (unsigned)keep[i];

		if (keep[i] < 0 || fd < from)
			continue;
		if (fd > from && close_range(from, fd - 1, 0) == -1)
			return -errno;
		from = fd + 1;
	}
	return close_range(from, UINT_MAX, 0) == -1 ? -errno : 0;
}

/* The sockets of the role, and what else it was given; the caller frees the list. */
static int *
list_needed(const struct house *h, const struct arena *arena, size_t *n_out)
{
	const struct listeners *l = &h->listeners;
	int *keep = calloc(l->n_worker + l->n_metrics + 2, sizeof(*keep));
	size_t n = 0;

	if (keep == NULL)
		return NULL;
	keep[n++] = arena != NULL ? h->premises.admin_node : h->premises.admin_fd;
	keep[n++] = arena != NULL ? arena_fd(arena) : h->reload_pipe[1];
	for (size_t i = 0; i < l->n_worker; i++)
		keep[n++] = l->worker[i].fd;
	for (size_t i = 0; i < l->n_metrics; i++)
		keep[n++] = l->metrics[i];
	*n_out = n;
	return keep;
}

static int
mute_standard(void)
{
	const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return -errno;
	if (dup2(fd, STDIN_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1)
		return -errno;
	return 0; /* fd itself goes with the others */
}

int
shed_descriptors(struct master *m, const struct arena *arena)
{
	int *keep = NULL;
	size_t n = 0;
	int r;

	close_known(&m->house, arena == NULL);
	if ((r = mute_standard()) != 0)
		return r;
	keep = list_needed(&m->house, arena, &n);
	r = keep != NULL ? close_others(keep, n) : -ENOMEM;
	free(keep);
	return r;
}
