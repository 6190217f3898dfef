/* The two regions: what lies where, who may write, what is read back, and that a
 * window's length has a version of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/shared.h"

enum { KEYS = 1000, CHILDREN = 8, ADDS = 20000 };

static struct shared
create(uint32_t max_keys)
{
	struct shared sh;

	assert_int_equal(shared_create(max_keys, &sh), 0);
	return sh;
}

static void
both_regions_are_memfds_that_no_program_inherits(void **state)
{
	struct shared sh = create(KEYS);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(sh.published_fd, &st), 0);
	assert_int_equal((size_t)st.st_size, sh.published_bytes);
	assert_int_equal(fstat(sh.state_fd, &st), 0);
	assert_int_equal((size_t)st.st_size, sh.state_bytes);
	assert_true(fcntl(sh.published_fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(sh.state_fd, F_GETFD) & FD_CLOEXEC);
	shared_destroy(&sh);
	assert_null(sh.published);
	assert_null(sh.state);
	assert_int_equal(sh.published_fd, -1);
	shared_destroy(&sh);
}

/* Is [p, p+n) inside the region? */
static void
assert_inside(const void *p, size_t n, const void *region, size_t bytes)
{
	assert_true((const char *)p >= (const char *)region);
	assert_true((const char *)p + n <= (const char *)region + bytes);
}

static void
all_parts_lie_inside_and_apart_and_are_aligned(void **state)
{
	(void)state;
	for (uint32_t keys = 1; keys < 200000; keys = keys * 7 + 1) {
		struct shared sh = create(keys);
		const char *ring = (const char *)shared_keyring(sh.published);
		const char *first = (const char *)shared_key_window(&sh, 0);
		const char *last = (const char *)shared_key_window(&sh, keys - 1);
		const char *table = (const char *)shared_addrtab(&sh);

		assert_true(ring >= (const char *)(sh.published + 1));
		assert_int_equal((uintptr_t)ring % 64, 0);
		assert_inside(ring, keyring_bytes(keys), sh.published, sh.published_bytes);
		assert_true(first >= (const char *)(sh.state + 1));
		assert_int_equal((uintptr_t)first % 64, 0);
		assert_int_equal(last - first, (keys - 1) * sizeof(struct window));
		assert_true(table >= last + sizeof(struct window));
		assert_inside(table, addrtab_bytes(SHARED_CLIENT_ADDRESSES), sh.state,
		    sh.state_bytes);
		shared_destroy(&sh);
	}
}

static void
a_child_can_read_what_is_published_but_not_write_it(void **state)
{
	struct shared sh = create(KEYS);
	struct settings s = { .rate = { 7, 60 }, .ip_rate = { 9, 60 } };
	pid_t pid;
	int status;

	(void)state;
	shared_put_settings(sh.published, &s);
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct settings got;

		/* the sanitizer's handler would turn the signal into a report */
		(void)signal(SIGSEGV, SIG_DFL);
		if (shared_protect(&sh) != 0 ||
		    shared_get_settings(sh.published, &got) != 0 || got.rate.requests != 7)
			_exit(1);
		sh.published->max_keys = 1;
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_int_equal(sh.published->max_keys, KEYS);
	shared_destroy(&sh);
}

/* Can this process get at a writable copy of what is published? As who was taken over. */
static bool
can_write_again(struct shared *sh)
{
	if (mprotect(sh->published, sh->published_bytes, PROT_READ | PROT_WRITE) == 0 ||
	    mprotect(sh->published, sh->published_bytes, PROT_WRITE) == 0)
		return true;
	if (sh->published_fd != -1 || sh->state_fd != -1)
		return true;
	for (int fd = 0; fd < 64; fd++) { /* nor through a descriptor left open */
		void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (p != MAP_FAILED && *(uint64_t *)p == sh->published->magic)
			return true;
	}
	return false;
}

static void
a_protected_child_cannot_make_it_writable_again(void **state)
{
	struct shared sh = create(KEYS);
	const struct published *at = sh.published;
	pid_t pid;
	int status;

	(void)state;
	assert_true(can_write_again(&sh)); /* the master, or the test would prove nothing */
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (shared_protect(&sh) != 0 || sh.published != at)
			_exit(1);
		_exit(can_write_again(&sh) ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	shared_destroy(&sh);
}

static void
the_pages_of_ticket_keys_can_be_locked(void **state)
{
	struct shared sh = create(KEYS);

	(void)state;
	assert_int_equal(shared_lock_tickets(&sh), 0);
	shared_destroy(&sh);
}

static void
what_the_master_puts_later_is_seen_by_a_protected_child(void **state)
{
	struct shared sh = create(KEYS);
	struct settings s = { .rate = { 1, 60 }, .ip_rate = { 1, 60 } };
	int to_child[2], to_parent[2];
	char byte = 0;
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(to_parent), 0);
	shared_put_settings(sh.published, &s);
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct settings got;

		if (shared_protect(&sh) != 0 || write(to_parent[1], "r", 1) != 1 ||
		    read(to_child[0], &byte, 1) != 1 ||
		    shared_get_settings(sh.published, &got) != 0)
			_exit(1);
		_exit(got.rate.requests == 2 ? 0 : 2);
	}
	assert_int_equal(read(to_parent[0], &byte, 1), 1);
	s.rate.requests = 2;
	shared_put_settings(sh.published, &s);
	assert_int_equal(write(to_child[1], "g", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
	shared_destroy(&sh);
}

static void
a_version_goes_up_with_its_window_s_length_alone(void **state)
{
	struct shared sh = create(KEYS);
	struct settings s = { .rate = { 10, 60 }, .ip_rate = { 20, 60 } }, got, before;

	(void)state;
	shared_put_settings(sh.published, &s);
	assert_int_equal(shared_get_settings(sh.published, &before), 0);
	s.rate.requests = 11;
	s.ip_rate.requests = 21;
	shared_put_settings(sh.published, &s);
	assert_int_equal(shared_get_settings(sh.published, &got), 0);
	assert_int_equal(got.rate.requests, 11);
	assert_int_equal(got.rate_version, before.rate_version);
	assert_int_equal(got.ip_version, before.ip_version);
	s.rate.window_s = 61;
	shared_put_settings(sh.published, &s);
	assert_int_equal(shared_get_settings(sh.published, &got), 0);
	assert_int_equal(got.rate_version, before.rate_version + 1);
	assert_int_equal(got.ip_version, before.ip_version);
	s.ip_rate.window_s = 62;
	shared_put_settings(sh.published, &s);
	assert_int_equal(shared_get_settings(sh.published, &got), 0);
	assert_int_equal(got.rate_version, before.rate_version + 1);
	assert_int_equal(got.ip_version, before.ip_version + 1);
	shared_destroy(&sh);
}

static void
ticket_keys_and_addresses_are_read_back_with_their_sequence(void **state)
{
	struct shared sh = create(KEYS);
	struct ticket_keys t = { .n = 1 }, t_got;
	struct upstream_addrs a = { .tries = 3, .ok = 2, .n = 1 }, a_got;
	uint64_t first = 0, second = 0;

	(void)state;
	t.keys[0].aes[31] = 7;
	shared_put_tickets(sh.published, &t);
	assert_int_equal(shared_get_tickets(sh.published, &t_got, &first), 0);
	assert_memory_equal(&t, &t_got, sizeof(t));
	assert_int_equal(shared_get_tickets(sh.published, &t_got, &second), 0);
	assert_int_equal(first, second);
	shared_put_tickets(sh.published, &t);
	assert_int_equal(shared_get_tickets(sh.published, &t_got, &second), 0);
	assert_int_not_equal(first, second);
	a.v[0].family = AF_INET6;
	a.v[0].addr.b[15] = 1;
	shared_put_upstream(sh.state, &a);
	assert_int_equal(shared_get_upstream(sh.state, &a_got, NULL), 0);
	assert_memory_equal(&a, &a_got, sizeof(a));
	shared_destroy(&sh);
}

static void
each_slot_of_each_living_generation_has_a_row_of_its_own(void **state)
{
	struct shared sh = create(KEYS);
	const struct scoreboard_row *rows = sh.state->rows;

	(void)state;
	for (uint64_t gen = 1; gen <= SHARED_MAX_GENERATIONS; gen++)
		for (uint32_t slot = 0; slot < SHARED_WORKER_SLOTS; slot++) {
			struct scoreboard_row *row = shared_row(sh.state, gen, slot);

			assert_inside(row, sizeof(*row), rows, sizeof(sh.state->rows));
			assert_int_equal((uintptr_t)row % 64, 0);
			assert_int_equal(row->pid, 0); /* nobody was given it before */
			row->pid = 1;
		}
	assert_ptr_equal(shared_row(sh.state, 5, 3), shared_row(sh.state, 1, 3));
	shared_destroy(&sh);
}

static void
eight_processes_count_in_their_rows_to_the_last_one(void **state)
{
	struct shared sh = create(KEYS);

	(void)state;
	fflush(NULL);
	for (uint32_t i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			/* two to a row, as an old and a new process of it never are */
			struct scoreboard_row *row = shared_row(sh.state, 1, i / 2);

			for (int k = 0; k < ADDS; k++)
				atomic_fetch_add_explicit(
				    &row->requests, 1, memory_order_relaxed);
			_exit(0);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (uint32_t i = 0; i < CHILDREN / 2; i++)
		assert_int_equal(shared_row(sh.state, 1, i)->requests, 2 * ADDS);
	shared_destroy(&sh);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_regions_are_memfds_that_no_program_inherits),
		cmocka_unit_test(all_parts_lie_inside_and_apart_and_are_aligned),
		cmocka_unit_test(a_child_can_read_what_is_published_but_not_write_it),
		cmocka_unit_test(a_protected_child_cannot_make_it_writable_again),
		cmocka_unit_test(the_pages_of_ticket_keys_can_be_locked),
		cmocka_unit_test(what_the_master_puts_later_is_seen_by_a_protected_child),
		cmocka_unit_test(a_version_goes_up_with_its_window_s_length_alone),
		cmocka_unit_test(
		    ticket_keys_and_addresses_are_read_back_with_their_sequence),
		cmocka_unit_test(each_slot_of_each_living_generation_has_a_row_of_its_own),
		cmocka_unit_test(eight_processes_count_in_their_rows_to_the_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
