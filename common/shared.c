/*
 * The two shared regions; see shared.h for who writes what. Both are memfds, so
 * that an exec in place can hand them on. Runs in the master; the accessors in
 * every process.
 */
#include "common/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUBLISHED_MAGIC UINT64_C(0x676874656b657973)
#define STATE_MAGIC UINT64_C(0x6768747374617465)

enum { SHARED_PAGE = 4096 };

static size_t
round_to_page(size_t n)
{
	return (n + SHARED_PAGE - 1) & ~(size_t)(SHARED_PAGE - 1);
}

/* Where the keyring begins inside published. */
static size_t
keyring_offset(void)
{
	return round_to_page(sizeof(struct published));
}

/* Where the windows of keys begin inside state, and where the address table does. */
static size_t
key_windows_offset(void)
{
	return round_to_page(sizeof(struct state));
}

static size_t
addrtab_offset(uint64_t max_keys)
{
	return round_to_page(key_windows_offset() + max_keys * sizeof(struct window));
}

/* A value that differs when the layout of either region does (FNV-1a over sizes). */
static uint64_t
shared_layout(void)
{
	const uint64_t sizes[] = { sizeof(struct published), sizeof(struct state),
		sizeof(struct settings), sizeof(struct ticket_keys),
		sizeof(struct upstream_addrs), sizeof(struct scoreboard_row),
		sizeof(struct window), sizeof(struct models),
		addrtab_bytes(SHARED_CLIENT_ADDRESSES), keyring_bytes(1024) };
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		h = (h ^ sizes[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* A memfd of n zero bytes, mapped shared. NULL and errno set: nothing is left behind. */
static void *
region_create(const char *name, size_t n, int *fd_out)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	void *mem = MAP_FAILED;

	if (fd == -1)
		return NULL;
	if (ftruncate(fd, (off_t)n) == 0)
		mem = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED) {
		int err = errno;

		close(fd);
		errno = err;
		return NULL;
	}
	*fd_out = fd;
	return mem;
}

/* Lay out the address table under a key of this start. */
static int
addresses_init(const struct shared *sh)
{
	uint8_t key[ADDRTAB_KEY_BYTES];

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -EIO;
	addrtab_init((char *)sh->state + addrtab_offset(sh->published->max_keys),
	    SHARED_CLIENT_ADDRESSES, key);
	return 0;
}

int
shared_create(uint32_t max_keys, struct shared *out)
{
	struct shared sh = { .published_fd = -1, .state_fd = -1 };
	int r;

	sh.published_bytes = keyring_offset() + keyring_bytes(max_keys);
	sh.state_bytes = round_to_page(
	    addrtab_offset(max_keys) + addrtab_bytes(SHARED_CLIENT_ADDRESSES));
	sh.published =
	    region_create("gatehouse-published", sh.published_bytes, &sh.published_fd);
	sh.state = region_create("gatehouse-state", sh.state_bytes, &sh.state_fd);
	/* Keys of tickets and hashes of secrets have no place in a core file. */
	if (sh.published == NULL || sh.state == NULL ||
	    madvise(sh.published, sh.published_bytes, MADV_DONTDUMP) == -1) {
		r = errno != 0 ? -errno : -EIO;
		shared_destroy(&sh);
		return r;
	}
	sh.published->magic = PUBLISHED_MAGIC;
	sh.published->version = shared_layout();
	sh.published->max_keys = max_keys;
	sh.state->magic = STATE_MAGIC;
	sh.state->version = shared_layout();
	keyring_init((char *)sh.published + keyring_offset(), max_keys);
	if ((r = addresses_init(&sh)) != 0) {
		shared_destroy(&sh);
		return r;
	}
	*out = sh;
	return 0;
}

/*
 * Put the region in place of the one at `at`, through a descriptor that can't write:
 * the kernel then refuses to make the mapping writable, whoever asks. Returns at; or
 * NULL, and errno is set.
 */
static void *
remap_read_only(int fd, void *at, size_t n)
{
	char path[32];
	void *mem;
	int read_only;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	if (read_only == -1)
		return NULL;
	mem = mmap(at, n, PROT_READ, MAP_SHARED | MAP_FIXED, read_only, 0);
	close(read_only);
	if (mem == MAP_FAILED)
		return NULL;
	return mem;
}

/* The first words of a region: its magic and its layout. Returns 0 or a negative code. */
static int
region_check(int fd, uint64_t magic, struct stat *st)
{
	uint64_t head[2];

	if (fstat(fd, st) == -1)
		return -errno;
	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) || head[0] != magic)
		return ERR_SYNTAX;
	return head[1] == shared_layout() ? 0 : ERR_STALE;
}

/* Map n bytes of a region; NULL and errno set. */
static void *
region_map(int fd, size_t n)
{
	void *mem = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mem == MAP_FAILED)
		return NULL;
	return mem;
}

/* Are the regions as long as their keyring says? */
static bool
sizes_fit(const struct shared *sh)
{
	const uint64_t max_keys = sh->published->max_keys;

	return max_keys > 0 && max_keys <= UINT32_MAX &&
	    sh->published_bytes == keyring_offset() + keyring_bytes((uint32_t)max_keys) &&
	    sh->state_bytes ==
	    round_to_page(
		addrtab_offset(max_keys) + addrtab_bytes(SHARED_CLIENT_ADDRESSES));
}

int
shared_inherit(int published_fd, int state_fd, struct shared *out)
{
	struct shared sh = { .published_fd = -1, .state_fd = -1 };
	struct stat published = { 0 };
	struct stat state = { 0 };
	int r = region_check(published_fd, PUBLISHED_MAGIC, &published);

	if (r == 0)
		r = region_check(state_fd, STATE_MAGIC, &state);
	if (r != 0)
		return r;
	if (published.st_size < (off_t)sizeof(struct published))
		return ERR_SYNTAX;
	sh.published_bytes = (size_t)published.st_size;
	sh.state_bytes = (size_t)state.st_size;
	sh.published = region_map(published_fd, sh.published_bytes);
	sh.state = region_map(state_fd, sh.state_bytes);
	if (sh.published == NULL || sh.state == NULL ||
	    madvise(sh.published, sh.published_bytes, MADV_DONTDUMP) == -1)
		r = -errno;
	else if (!sizes_fit(&sh))
		r = ERR_SYNTAX;
	if (r != 0) {
		shared_destroy(&sh);
		return r;
	}
	sh.published_fd = published_fd;
	sh.state_fd = state_fd;
	*out = sh;
	return 0;
}

int
shared_tell_draining(int state_fd)
{
	const uint64_t on = 1;

	if (pwrite(state_fd, &on, sizeof(on), offsetof(struct state, draining)) == -1)
		return -errno;
	return 0;
}

int
shared_protect(struct shared *sh)
{
	struct published *p =
	    remap_read_only(sh->published_fd, sh->published, sh->published_bytes);

	if (p == NULL || madvise(p, sh->published_bytes, MADV_DONTDUMP) == -1)
		return errno != 0 ? -errno : -EIO;
	sh->published = p;
	close(sh->published_fd);
	close(sh->state_fd);
	sh->published_fd = sh->state_fd = -1;
	return 0;
}

int
shared_lock_tickets(const struct shared *sh)
{
	const uintptr_t at = (uintptr_t)&sh->published->tickets;
	const uintptr_t page = at & ~(uintptr_t)(SHARED_PAGE - 1);
	const size_t n = at + sizeof(sh->published->tickets) - page;

	return mlock((const char *)sh->published + (page - (uintptr_t)sh->published),
		   n) == -1
	    ? -errno
	    : 0;
}

void
shared_destroy(struct shared *sh)
{
	if (sh->published != NULL)
		munmap(sh->published, sh->published_bytes);
	if (sh->state != NULL)
		munmap(sh->state, sh->state_bytes);
	if (sh->published_fd != -1)
		close(sh->published_fd);
	if (sh->state_fd != -1)
		close(sh->state_fd);
	*sh = (struct shared){ .published_fd = -1, .state_fd = -1 };
}

const struct keyring *
shared_keyring(const struct published *p)
{
	return (const struct keyring *)((const char *)p + keyring_offset());
}

struct keyring *
shared_keyring_mutable(struct published *p)
{
	return (struct keyring *)((char *)p + keyring_offset());
}

struct window *
shared_key_window(const struct shared *sh, uint32_t slot)
{
	char *windows = (char *)sh->state + key_windows_offset();

	return (struct window *)(void *)windows + slot;
}

struct addrtab *
shared_addrtab(const struct shared *sh)
{
	return (struct addrtab *)((char *)sh->state +
	    addrtab_offset(sh->published->max_keys));
}

void
shared_put_settings(struct published *p, const struct settings *s)
{
	struct settings next = *s, now;

	/* The master is the only writer: it never meets itself half-way. */
	if (shared_get_settings(p, &now) != 0)
		now = (struct settings){ 0 };
	next.rate_version =
	    now.rate_version + (now.rate.window_s != next.rate.window_s ? 1 : 0);
	next.ip_version =
	    now.ip_version + (now.ip_rate.window_s != next.ip_rate.window_s ? 1 : 0);
	SEQBOX_WRITE(&p->settings, &next, sizeof(next));
}

int
shared_get_settings(const struct published *p, struct settings *out)
{
	return SEQBOX_READ(&p->settings, out, sizeof(*out), NULL);
}

void
shared_put_tickets(struct published *p, const struct ticket_keys *t)
{
	SEQBOX_WRITE(&p->tickets, t, sizeof(*t));
}

int
shared_get_tickets(const struct published *p, struct ticket_keys *out, uint64_t *seq_out)
{
	return SEQBOX_READ(&p->tickets, out, sizeof(*out), seq_out);
}

/* Bytes of a list that has n entries beside the default. */
static size_t
models_bytes(uint64_t n)
{
	return offsetof(struct models, v) + (size_t)(n + 1) * sizeof(struct model);
}

void
shared_put_models(struct published *p, const struct models *m)
{
	SEQBOX_WRITE(&p->models, m, models_bytes(m->n));
}

int
shared_get_models(const struct published *p, struct models *out, uint64_t *seq)
{
	uint64_t n, now = atomic_load_explicit(&p->models.seq, memory_order_acquire);

	if (now == *seq)
		return -EALREADY;
	if (SEQBOX_READ(&p->models, &n, sizeof(n), NULL) != 0 || n > MODELS_MAX ||
	    SEQBOX_READ(&p->models, out, models_bytes(n), &now) != 0 || out->n != n)
		return ERR_CHANGED;
	*seq = now;
	return 0;
}

void
shared_put_upstream(struct state *s, const struct upstream_addrs *a)
{
	SEQBOX_WRITE(&s->upstream, a, sizeof(*a));
}

int
shared_get_upstream(const struct state *s, struct upstream_addrs *out, uint64_t *seq_out)
{
	return SEQBOX_READ(&s->upstream, out, sizeof(*out), seq_out);
}

bool
shared_is_upstream_of(const struct upstream_addrs *a, const char *host)
{
	return strncmp(a->host, host, sizeof(a->host)) == 0;
}

void
shared_put_enacted(struct state *s, const struct shared_enacted *e)
{
	SEQBOX_WRITE(&s->figures.enacted, e, sizeof(*e));
}

int
shared_get_enacted(const struct state *s, struct shared_enacted *out)
{
	return SEQBOX_READ(&s->figures.enacted, out, sizeof(*out), NULL);
}

void
shared_put_reload_reason(struct state *s, const struct errmsg *reason)
{
	SEQBOX_WRITE(&s->figures.last_reload_reason, reason, sizeof(*reason));
}

int
shared_get_reload_reason(const struct state *s, struct errmsg *out)
{
	return SEQBOX_READ(&s->figures.last_reload_reason, out, sizeof(*out), NULL);
}

struct scoreboard_row *
shared_row(struct state *s, uint64_t generation, uint32_t slot)
{
	return &s->rows[(generation % SHARED_MAX_GENERATIONS) * SHARED_WORKER_SLOTS +
	    slot % SHARED_WORKER_SLOTS];
}

_Static_assert(offsetof(struct state, draining) == 16, "older and newer masters set it");
_Static_assert(sizeof(struct settings) % 8 == 0, "seqbox moves 64-bit words");
_Static_assert(sizeof(struct ticket_keys) % 8 == 0, "seqbox moves 64-bit words");
_Static_assert(sizeof(struct models) % 8 == 0, "seqbox moves 64-bit words");
_Static_assert(offsetof(struct models, n) == 0, "the first word says how many follow");
_Static_assert(sizeof(struct upstream_addrs) % 8 == 0, "seqbox moves 64-bit words");
_Static_assert(sizeof(struct shared_enacted) % 8 == 0, "seqbox moves 64-bit words");
_Static_assert(sizeof(struct errmsg) % 8 == 0, "seqbox moves 64-bit words");
