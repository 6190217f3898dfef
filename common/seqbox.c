/*
 * The sequence lock of seqbox.h. Runs in every process: the owner writes, all
 * read. Nothing here waits in the kernel (workers are sandboxed, and a writer
 * that died would never wake anybody): a reader spins a bounded number of times.
 *
 * Writer: odd sequence, release fence, words, even sequence with release.
 * Reader: sequence with acquire, words, acquire fence, sequence again. A reader
 * that saw any new word has therefore to see the odd sequence as well.
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

void
seqbox_write(_Atomic uint64_t *seq, _Atomic uint64_t *word, const void *src, size_t bytes)
{
	const char *from = src;
	/* odd already when a writer died half-way: go on from there */
	uint64_t odd = atomic_load_explicit(seq, memory_order_relaxed) | 1;

	atomic_store_explicit(seq, odd, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < bytes / 8; i++) {
		uint64_t w;

		memcpy(&w, from + i * 8, sizeof(w));
		atomic_store_explicit(&word[i], w, memory_order_relaxed);
	}
	atomic_store_explicit(seq, odd + 1, memory_order_release);
}

int
seqbox_read(const _Atomic uint64_t *seq, const _Atomic uint64_t *word, void *dst,
    size_t bytes, uint64_t *seq_out)
{
	char *to = dst;

	for (int i = 0; i < SEQBOX_TRIES; i++, spin_hint()) {
		uint64_t before = atomic_load_explicit(seq, memory_order_acquire);

		if (before & 1)
			continue;
		for (size_t j = 0; j < bytes / 8; j++) {
			uint64_t w = atomic_load_explicit(&word[j], memory_order_relaxed);

			memcpy(to + j * 8, &w, sizeof(w));
		}
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(seq, memory_order_relaxed) == before) {
			if (seq_out != NULL)
				*seq_out = before;
			return 0;
		}
	}
	return ERR_CHANGED;
}
