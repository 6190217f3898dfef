/*
 * handover: what one program of the master hands to the next. A whole master is put
 * together with real descriptors, written down and read back; then every part of the
 * text is damaged in turn.
 */
#include "master/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/handover_stats.h"
#include "master/process.h"
#include "tests/unit/tempdir.h"

enum { SLOTS = 2, KEYS = 64, CELLS = 64 };

static char v4[] = "127.0.0.1";
static char user[] = "nobody";
static struct listen_addr listen_at[] = { { LISTEN_HTTPS, v4, 0 } };
static struct listen_addr metrics_at[] = { { LISTEN_HTTP, v4, 0 } };

static struct config config = { .workers = SLOTS,
	.max_keys = KEYS,
	.listen = listen_at,
	.n_listen = 1,
	.metrics_listen = metrics_at,
	.n_metrics_listen = 1,
	.worker_user = user,
	.admin_user = user };

struct case_ {
	struct tempdir *dir;
	struct master *m;
	struct handover h;
};

static struct arena *
new_arena(const struct case_ *c, uint64_t id)
{
	struct arena *a = NULL;

	assert_int_equal(arena_create(c->dir->path, id, CELLS, 4, &a), 0);
	return a;
}

/* A master that serves with generation 6, while 5 drains with one worker left. */
static void
fill(struct case_ *c)
{
	struct master *m = c->m;
	struct activation none = { .n = 0 };
	struct generation *old = state_generation(m, 5);
	struct generation *now = state_generation(m, 6);
	struct errmsg why;
	int ends[2];

	process_blank(m);
	m->workers = SLOTS;
	m->current = 6;
	m->phase = MASTER_READY;
	m->started_wall_ms = 1000;
	m->tickets_ms = 5000;
	m->worker_restarts = 7;
	assert_int_equal(shared_create(KEYS, &m->house.shared), 0);
	assert_int_equal(listen_open(&config, &none, &m->house.listeners, &why), 0);
	assert_int_equal(pipe2(m->house.reload_pipe, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0); /* they stand for files */
	m->house.premises.data_lock = ends[0];
	m->house.premises.pid_lock = ends[1];
	m->house.premises.admin_fd =
	    fcntl(m->house.listeners.metrics[0], F_DUPFD_CLOEXEC, 3);
	m->house.premises.admin_node = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
	m->house.premises.data_dir = strdup(c->dir->path);
	m->house.premises.run_dir = strdup(c->dir->path);
	*old = (struct generation){ .number = 5,
		.state = GENERATION_LEAVING,
		.alive = 1,
		.ending = { true, SIGTERM, 9000, 3600000 } };
	old->places[1] = (struct place){ .pid = 4321,
		.started_ms = 5,
		.respawn_ms = STATE_NEVER,
		.arena = new_arena(c, 51) };
	*now = (struct generation){
		.number = 6, .state = GENERATION_SERVING, .alive = SLOTS
	};
	now->inputs.config = &config;
	for (uint32_t i = 0; i < SLOTS; i++)
		now->places[i] = (struct place){ .pid = 4400 + (pid_t)i,
			.started_ms = 6,
			.respawn_ms = STATE_NEVER,
			.backoff = { 3 },
			.seen_phase = WORKER_READY,
			.arena = new_arena(c, 60 + i) };
	m->admin.place = (struct place){ .pid = 4500, .respawn_ms = STATE_NEVER };
	m->upstream.place = (struct place){ .pid = 4600, .respawn_ms = 77 };
	m->upstream.command = strdup("/bin/proxy --port 1");
	m->upstream.restarts = 2;
	m->reload.task = (struct task){ .wanted = true,
		.started = 4,
		.finished = 4,
		.last = TASK_REFUSED,
		.reason = { "a fault" },
		.last_wall_ms = 12 };
	m->upgrade.task.started = 3;
	m->upgrade.task.finished = 2;
	assert_int_equal(strlist_add(&m->journal.left, "/x/1.arena"), 0);
}

static int
setup(void **state)
{
	struct case_ *c = calloc(1, sizeof(*c));
	void *dir = NULL;

	if (c == NULL || tempdir_make(&dir) != 0)
		return -1;
	c->dir = dir;
	c->m = calloc(1, sizeof(*c->m));
	c->h.fd = -1;
	fill(c);
	*state = c;
	return 0;
}

static int
teardown(void **state)
{
	struct case_ *c = *state;
	struct premises *p = &c->m->house.premises;
	void *dir = c->dir;

	state_generation(c->m, 6)->inputs.config = NULL;
	close(p->data_lock);
	close(p->pid_lock);
	close(p->admin_fd);
	close(p->admin_node);
	close(c->m->house.reload_pipe[0]);
	close(c->m->house.reload_pipe[1]);
	handover_drop(c->m);
	handover_fini(&c->h);
	free(c->m);
	free(c);
	return tempdir_remove(&dir);
}

/* The text as a successor gets it. */
static json_t *
open_text(struct case_ *c)
{
	struct errmsg why = { "" };
	json_t *root = NULL;

	assert_int_equal(handover_make(c->m, &c->h, &why), 0);
	assert_int_equal(handover_open(c->h.fd, getpid(), &root, &why), 0);
	return root;
}

/*
 * In a child, as after an execve(), its descriptors are its own. What does not hold is
 * told, and ends it.
 */
#define CHECK(what)                                                                      \
	do {                                                                             \
		if (!(what)) {                                                           \
			print_error("%s:%d: %s\n", __FILE__, __LINE__, #what);           \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

/* Read root in a child, and have what came of it looked at there. */
static void
read_in_child(const json_t *root,
    void (*look)(const struct master *m, const struct config *running, int r,
	const struct errmsg *why))
{
	int status = -1;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct master *m = calloc(1, sizeof(*m));
		struct config *running = NULL;
		struct errmsg why = { "" };
		int r;

		process_blank(m);
		r = handover_read(m, root, &running, &why);
		look(m, running, r, &why);
		config_destroy(&running);
		handover_drop(m);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
the_text_is_sealed_and_says_whose_it_is(void **state)
{
	struct case_ *c = *state;
	struct errmsg why = { "" };
	json_t *root = open_text(c);
	json_t *none = NULL;

	json_decref(root);
	assert_int_equal(write(c->h.fd, "x", 1), -1);
	assert_int_equal(ftruncate(c->h.fd, 1), -1);
	assert_int_equal(handover_open(c->h.fd, getpid() + 1, &none, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "another process"));
}

static void
what_is_not_sealed_or_no_text_is_refused(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "1",
		"{\"handover\":1,\"handover\":1}" };
	struct errmsg why = { "" };
	json_t *root = NULL;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
		assert_true(handover_open(fd, getpid(), &root, &why) < 0); /* no seals */
		assert_int_equal(
		    fcntl(fd, F_ADD_SEALS,
			F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
		    0);
		assert_true(handover_open(fd, getpid(), &root, &why) < 0);
		assert_non_null(strstr(why.text, "handed over"));
		close(fd);
	}
	assert_true(handover_open(-1, getpid(), &root, &why) < 0);
	assert_true(handover_open(STDERR_FILENO, getpid(), &root, &why) < 0);
}

static void
another_version_is_refused_by_number(void **state)
{
	struct case_ *c = *state;
	struct errmsg why = { "" };
	json_t *root = NULL;
	int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)c;
	assert_true(dprintf(fd, "{\"handover\":2,\"pid\":%d}", (int)getpid()) > 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS,
			     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
	    0);
	assert_int_equal(handover_open(fd, getpid(), &root, &why), ERR_STALE);
	assert_non_null(strstr(why.text, "version 2"));
	close(fd);
}

static void
all_descriptors_outlive_an_exec_only_when_told(void **state)
{
	struct case_ *c = *state;
	json_t *root = open_text(c);

	json_decref(root);
	/* 2 regions, 2 of the pipe, 4 of the folders, 3 sockets, 3 arenas */
	assert_int_equal(c->h.n, 14);
	for (int keep = 1; keep >= 0; keep--) {
		assert_int_equal(handover_keep(&c->h, keep), 0);
		for (size_t i = 0; i < c->h.n; i++)
			assert_int_equal(
			    fcntl(c->h.fds[i], F_GETFD), keep ? 0 : FD_CLOEXEC);
		assert_int_equal(fcntl(c->h.fd, F_GETFD), keep ? 0 : FD_CLOEXEC);
	}
}

static void
look_at_all(
    const struct master *m, const struct config *running, int r, const struct errmsg *why)
{
	const struct generation *g;

	CHECK(r == 0 && why->text[0] == '\0');
	CHECK(m->phase == MASTER_READY);
	CHECK(m->workers == SLOTS && m->current == 6 && m->tickets_ms == 5000);
	CHECK(m->worker_restarts == 7 && m->started_wall_ms == 1000);
	CHECK(!m->resumed.is_stale && m->house.shared.state != NULL);
	g = &m->generations[5 % SHARED_MAX_GENERATIONS];
	CHECK(g->state == GENERATION_LEAVING && g->alive == 1);
	CHECK(g->ending.begun && g->ending.sent == SIGTERM);
	CHECK(g->ending.due_ms == 9000 && g->ending.patience_ms == 3600000);
	CHECK(g->places[0].arena == NULL && arena_id(g->places[1].arena) == 51);
	g = &m->generations[6 % SHARED_MAX_GENERATIONS];
	CHECK(g->state == GENERATION_SERVING && g->alive == SLOTS);
	CHECK(g->places[1].pid == 4401 && g->places[1].respawn_ms == STATE_NEVER);
	CHECK(g->places[1].backoff.failures == 3 && arena_id(g->places[1].arena) == 61);
	CHECK(m->admin.place.pid == 4500 && m->upstream.place.pid == 4600);
	CHECK(strcmp(m->upstream.command, "/bin/proxy --port 1") == 0);
	CHECK(m->reload.task.wanted && m->reload.task.last == TASK_REFUSED);
	CHECK(strcmp(m->reload.task.reason.text, "a fault") == 0);
	CHECK(m->upgrade.task.started == 3 && m->upgrade.task.finished == 2);
	CHECK(m->journal.left.n == 1 && m->house.listeners.n_worker == SLOTS);
	CHECK(m->house.listeners.worker[1].slot == 1);
	CHECK(running->listen[0].scheme == LISTEN_HTTPS && running->max_keys == KEYS);
	CHECK(strcmp(running->worker_user, "nobody") == 0);
}

static void
all_is_as_it_was(void **state)
{
	json_t *root = open_text(*state);

	read_in_child(root, look_at_all);
	json_decref(root);
}

static void
look_that_it_is_stale(
    const struct master *m, const struct config *running, int r, const struct errmsg *why)
{
	(void)running;
	(void)why;
	CHECK(r == 0 && m->resumed.is_stale && m->house.shared.state == NULL);
	CHECK(m->resumed.state_fd > 2 && m->generations[6 % 4].alive == SLOTS);
}

static void
regions_of_another_layout_are_left_out(void **state)
{
	struct case_ *c = *state;
	json_t *root = open_text(c);

	c->m->house.shared.state->version++;
	read_in_child(root, look_that_it_is_stale);
	json_decref(root);
}

static void
look_that_it_is_refused(
    const struct master *m, const struct config *running, int r, const struct errmsg *why)
{
	(void)m;
	(void)running;
	CHECK(r != 0 && strstr(why->text, "handed over") != NULL);
}

/* Members whose absence, or whose value, is no concern of handover_read(). */
static bool
is_free(const char *key)
{
	static const char *const keys[] = { "handover", "pid", "version", "figures" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

/* Take each member of o away, and put something else in its place, one at a time. */
static void
damage(json_t *root, json_t *o)
{
	const char *key;
	json_t *item;
	void *next;

	json_object_foreach_safe(o, next, key, item)
	{
		char name[32];
		json_t *kept;

		if (is_free(key))
			continue;
		snprintf(name, sizeof(name), "%s", key);
		damage(root, item);
		kept = json_deep_copy(item);
		assert_int_equal(json_object_set_new(o, name, json_real(0.5)), 0);
		read_in_child(root, look_that_it_is_refused);
		assert_int_equal(json_object_set_new(o, name, kept), 0);
	}
}

static void
whatever_is_damaged_refuses_the_whole(void **state)
{
	json_t *root = open_text(*state);

	damage(root, root);
	read_in_child(root, look_at_all); /* and all of it was put right again */
	json_decref(root);
}

static void
a_descriptor_that_is_closed_or_no_listener_is_refused(void **state)
{
	struct case_ *c = *state;
	json_t *root = open_text(c);
	json_t *house = json_object_get(root, "house");
	const json_int_t fds[] = { -1, 0, 2, 9999, c->m->house.reload_pipe[0] };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		json_object_set_new(house, "admin_fd", json_integer(fds[i]));
		read_in_child(root, look_that_it_is_refused);
	}
	json_decref(root);
}

static void
counters_and_addresses_survive_another_layout(void **state)
{
	struct case_ *c = *state;
	struct state *from = c->m->house.shared.state;
	struct upstream_addrs found = {
		.host = "upstream.test", .tries = 3, .ok = 2, .n = 1
	};
	struct shared to;
	struct scoreboard_row *row;
	json_t *root;

	stats_add(&shared_row(from, 6, 0)->stats.requests[ENDPOINT_CHAT][0], 5);
	stats_add(&shared_row(from, 5, 1)->stats.requests[ENDPOINT_CHAT][0], 6);
	stats_add(&shared_row(from, 5, 1)->stats.upstream[STATS_CODES - 1], 1);
	stats_add(&shared_row(from, 6, 1)->stats.refused[STATS_REFUSED_KEY], 2);
	stats_observe(&shared_row(from, 6, 1)->stats.duration[ENDPOINT_CHAT],
	    stats_bounds_us, 6000);
	stats_observe(&shared_row(from, 5, 1)->stats.overhead, stats_overhead_bounds_us,
	    UINT64_C(1) << 40);
	atomic_store(&from->figures.reloads_ok, 9);
	assert_int_equal(addr_parse(SPAN("192.0.2.7"), &found.v[0].addr), 0);
	found.v[0].family = 2;
	shared_put_upstream(from, &found);
	root = handover_stats_write(from);

	assert_int_equal(shared_create(KEYS, &to), 0);
	row = shared_row(to.state, 7, 0);
	assert_int_equal(handover_stats_read(root, "other.test", to.state, row), 0);
	assert_int_equal(row->stats.requests[ENDPOINT_CHAT][0], 11);
	assert_int_equal(row->stats.upstream[STATS_CODES - 1], 1);
	assert_int_equal(row->stats.refused[STATS_REFUSED_KEY], 2);
	assert_int_equal(row->stats.duration[ENDPOINT_CHAT].bucket[1], 1);
	assert_int_equal(row->stats.duration[ENDPOINT_CHAT].sum_us, 6000);
	assert_int_equal(row->stats.overhead.bucket[STATS_BOUNDS], 1);
	assert_int_equal(to.state->figures.reloads_ok, 9);
	assert_int_equal(shared_get_upstream(to.state, &found, NULL), 0);
	assert_int_equal(found.n, 1);
	assert_true(shared_is_upstream_of(&found, "upstream.test"));
	/* as a predecessor that does not say whose they are */
	assert_int_equal(json_object_del(root, "host"), 0);
	assert_int_equal(handover_stats_read(root, "other.test", to.state, row), 0);
	assert_int_equal(shared_get_upstream(to.state, &found, NULL), 0);
	assert_true(shared_is_upstream_of(&found, "other.test"));
	assert_int_equal(handover_stats_read(root, NULL, to.state, row), 0);
	assert_int_equal(shared_get_upstream(to.state, &found, NULL), 0);
	assert_false(shared_is_upstream_of(&found, "other.test"));
	json_object_set_new(json_object_get(root, "refused"), "key", json_integer(-1));
	assert_int_equal(
	    handover_stats_read(root, "other.test", to.state, row), ERR_SYNTAX);
	json_decref(root);
	shared_destroy(&to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_text_is_sealed_and_says_whose_it_is, setup, teardown),
		cmocka_unit_test(what_is_not_sealed_or_no_text_is_refused),
		cmocka_unit_test_setup_teardown(
		    another_version_is_refused_by_number, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    all_descriptors_outlive_an_exec_only_when_told, setup, teardown),
		cmocka_unit_test_setup_teardown(all_is_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    regions_of_another_layout_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    whatever_is_damaged_refuses_the_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_descriptor_that_is_closed_or_no_listener_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    counters_and_addresses_survive_another_layout, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
