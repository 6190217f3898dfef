/*
 * The two copies of seqbox.h. Runs in every process: the owner writes, all read. Nothing
 * here waits in the kernel (workers are sandboxed, and a writer that died would never wake
 * anybody), nor for a writer that does not run: a reader only tries again when one has
 * come meanwhile.
 *
 * While the sequence is even the first copy is whole, and what was written last; while it
 * is odd the second is, and the first is being written. Writer: make the second copy like
 * the first, odd sequence, write the first, even sequence. One that died before the first
 * copy was whole has left the sequence odd: its successor goes on from there. One that died
 * in the second copy has left it even, and nobody reads there.
 *
 * Reader: sequence with acquire, the words of that copy, acquire fence, sequence again.
 * The writer's words come behind a release fence, and that behind the sequence that sent
 * readers to the other copy: who saw a new word has to see that sequence as well.
 */
#include "common/seqbox.h"

#include <string.h>

enum { SEQBOX_TRIES = 256 };

static void
spin_hint(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

static void
copy_in(_Atomic uint64_t *word, const void *src, size_t bytes)
{
	const char *from = src;

	for (size_t i = 0; i < bytes / 8; i++) {
		uint64_t w;

		memcpy(&w, from + i * 8, sizeof(w));
		atomic_store_explicit(&word[i], w, memory_order_relaxed);
	}
}

static void
copy_out(void *dst, const _Atomic uint64_t *word, size_t bytes)
{
	char *to = dst;

	for (size_t i = 0; i < bytes / 8; i++) {
		uint64_t w = atomic_load_explicit(&word[i], memory_order_relaxed);

		memcpy(to + i * 8, &w, sizeof(w));
	}
}

/* Make the second copy like the first, for whoever reads it behind an odd sequence. */
static void
level(_Atomic uint64_t *word, size_t words)
{
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < words; i++)
		atomic_store_explicit(&word[words + i],
		    atomic_load_explicit(&word[i], memory_order_relaxed),
		    memory_order_relaxed);
}

void
seqbox_write(_Atomic uint64_t *seq, _Atomic uint64_t *word, size_t room, const void *src,
    size_t bytes)
{
	uint64_t now = atomic_load_explicit(seq, memory_order_relaxed);

	/* odd where a writer died half-way: then readers are at the second copy already */
	if ((now & 1) == 0) {
		level(word, room / 8);
		atomic_store_explicit(seq, ++now, memory_order_release);
	}
	atomic_thread_fence(memory_order_release);
	copy_in(word, src, bytes);
	atomic_store_explicit(seq, now + 1, memory_order_release);
	level(word, room / 8); /* what was replaced may be a secret */
}

int
seqbox_read(const _Atomic uint64_t *seq, const _Atomic uint64_t *word, size_t room,
    void *dst, size_t bytes, uint64_t *seq_out)
{
	for (int i = 0; i < SEQBOX_TRIES; i++, spin_hint()) {
		const uint64_t before = atomic_load_explicit(seq, memory_order_acquire);

		copy_out(dst, word + (before & 1 ? room / 8 : 0), bytes);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(seq, memory_order_relaxed) == before) {
			if (seq_out != NULL)
				*seq_out = before;
			return 0;
		}
	}
	return ERR_CHANGED;
}
