/*
 * seqbox: exact copies for readers in other processes while a writer writes, or stands
 * half-way, and what a dead writer leaves behind. Shared-memory parts fork children on one
 * mapping and check exact totals.
 */
#include "common/seqbox.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	WORDS = 24,
	READERS = 8,
	WRITES = 20000,
	READS = 20000,
	ALL_READS = READERS * READS,
	YIELDS = 1000 /* more than a read takes */
};

struct payload {
	uint64_t v[WORDS];
};

struct region {
	SEQBOX(sizeof(struct payload)) box;
	_Atomic uint64_t reads_good;
	_Atomic uint64_t reads_torn;
	_Atomic uint64_t reads_given_up;
	_Atomic uint64_t readers_up;
};

static struct region *
region_map(void)
{
	struct region *r = mmap(
	    NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(r, MAP_FAILED);
	return r;
}

static struct payload
payload_of(uint64_t x)
{
	struct payload p;

	for (size_t i = 0; i < WORDS; i++)
		p.v[i] = x * 2654435761u + i;
	return p;
}

static bool
payload_whole(const struct payload *p)
{
	for (size_t i = 1; i < WORDS; i++)
		if (p->v[i] != p->v[0] + i)
			return false;
	return p->v[0] % 2654435761u == 0;
}

static void
a_zero_filled_box_reads_as_zeros(void **state)
{
	struct region *r = region_map();
	struct payload p = payload_of(1), zero = { { 0 } };
	uint64_t seq = 99;

	(void)state;
	assert_int_equal(SEQBOX_READ(&r->box, &p, sizeof(p), &seq), 0);
	assert_memory_equal(&p, &zero, sizeof(p));
	assert_int_equal(seq, 0);
	munmap(r, sizeof(*r));
}

static void
a_write_is_read_back_and_moves_the_sequence(void **state)
{
	struct region *r = region_map();
	struct payload in = payload_of(7), out;
	uint64_t before, after;

	(void)state;
	assert_int_equal(SEQBOX_READ(&r->box, &out, sizeof(out), &before), 0);
	SEQBOX_WRITE(&r->box, &in, sizeof(in));
	assert_int_equal(SEQBOX_READ(&r->box, &out, sizeof(out), &after), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_true(after != before);
	assert_int_equal(SEQBOX_READ(&r->box, &out, sizeof(out), NULL), 0);
	munmap(r, sizeof(*r));
}

/* One box is in the middle of a write; what does it read as, and what after the next? */
static void
check_healing(struct region *r, const struct payload *whole)
{
	struct payload next = payload_of(5), out;
	uint64_t seq_whole, seq_next;

	assert_int_equal(SEQBOX_READ(&r->box, &out, sizeof(out), &seq_whole), 0);
	assert_memory_equal(&out, whole, sizeof(out));
	SEQBOX_WRITE(&r->box, &next, sizeof(next));
	assert_int_equal(SEQBOX_READ(&r->box, &out, sizeof(out), &seq_next), 0);
	assert_memory_equal(&out, &next, sizeof(out));
	assert_true(seq_next != seq_whole);
	munmap(r, sizeof(*r));
}

static void
a_writer_that_stands_half_way_hides_nothing(void **state)
{
	struct payload first = payload_of(3);
	struct region *r = region_map();

	(void)state;
	SEQBOX_WRITE(&r->box, &first, sizeof(first));
	atomic_fetch_add(&r->box.seq, 1);
	atomic_store(&r->box.word[0][5], 0);
	check_healing(r, &first);
}

static void
a_writer_that_died_in_the_second_copy_is_healed_by_the_next(void **state)
{
	struct payload first = payload_of(3);
	struct region *r = region_map();

	(void)state;
	SEQBOX_WRITE(&r->box, &first, sizeof(first));
	atomic_store(&r->box.word[1][5], 0);
	check_healing(r, &first);
	r = region_map();
	SEQBOX_WRITE(&r->box, &first, sizeof(first));
	atomic_store(&r->box.word[1][5], 0);
	/* the next one dies as well, half-way through the first copy */
	SEQBOX_WRITE(&r->box, &first, sizeof(first));
	atomic_fetch_add(&r->box.seq, 1);
	atomic_store(&r->box.word[0][5], 0);
	check_healing(r, &first);
}

static void
nothing_is_left_of_what_was_replaced(void **state)
{
	struct payload secret = payload_of(3), next = payload_of(4);
	struct region *r = region_map();

	(void)state;
	SEQBOX_WRITE(&r->box, &secret, sizeof(secret));
	SEQBOX_WRITE(&r->box, &next, sizeof(next));
	for (size_t i = 0; i < 2; i++)
		assert_memory_equal(r->box.word[i], &next, sizeof(next));
	munmap(r, sizeof(*r));
}

static void
a_shorter_payload_is_read_back(void **state)
{
	struct payload in = payload_of(7), out = payload_of(1), zero = { { 0 } };
	struct region *r = region_map();

	(void)state;
	SEQBOX_WRITE(&r->box, &in, 8);
	assert_int_equal(SEQBOX_READ(&r->box, &out, sizeof(out), NULL), 0);
	assert_int_equal(out.v[0], in.v[0]);
	assert_memory_equal(&out.v[1], &zero.v[1], sizeof(out) - 8);
	munmap(r, sizeof(*r));
}

static void
reader(struct region *r)
{
	atomic_fetch_add(&r->readers_up, 1);
	for (int i = 0; i < READS; i++) {
		struct payload p;

		if (SEQBOX_READ(&r->box, &p, sizeof(p), NULL) != 0)
			atomic_fetch_add(&r->reads_given_up, 1);
		else if (payload_whole(&p))
			atomic_fetch_add(&r->reads_good, 1);
		else
			atomic_fetch_add(&r->reads_torn, 1);
	}
	_exit(0);
}

static uint64_t
reads(const struct region *r)
{
	return atomic_load(&r->reads_good) + atomic_load(&r->reads_torn) +
	    atomic_load(&r->reads_given_up);
}

static void
eight_readers_always_have_a_whole_copy(void **state)
{
	struct region *r = region_map();
	struct payload p = payload_of(1);

	(void)state;
	SEQBOX_WRITE(&r->box, &p, sizeof(p));
	for (int i = 0; i < READERS; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			reader(r);
	}
	while (atomic_load(&r->readers_up) == 0)
		usleep(100);
	for (uint64_t i = 0; i < WRITES; i++) {
		const uint64_t before = reads(r);

		p = payload_of(i + 2);
		SEQBOX_WRITE(&r->box, &p, sizeof(p));
		/* A writer without a pause could come between all tries of one read. */
		for (int n = 0; n < YIELDS && reads(r) == before && before < ALL_READS;
		     n++)
			sched_yield();
	}
	for (int i = 0; i < READERS; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(atomic_load(&r->reads_torn), 0);
	/* not even while the writer does not run */
	assert_int_equal(atomic_load(&r->reads_given_up), 0);
	assert_int_equal(atomic_load(&r->reads_good), ALL_READS);
	munmap(r, sizeof(*r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zero_filled_box_reads_as_zeros),
		cmocka_unit_test(a_write_is_read_back_and_moves_the_sequence),
		cmocka_unit_test(a_writer_that_stands_half_way_hides_nothing),
		cmocka_unit_test(
		    a_writer_that_died_in_the_second_copy_is_healed_by_the_next),
		cmocka_unit_test(nothing_is_left_of_what_was_replaced),
		cmocka_unit_test(a_shorter_payload_is_read_back),
		cmocka_unit_test(eight_readers_always_have_a_whole_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
