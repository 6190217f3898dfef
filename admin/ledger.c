/*
 * Berkeley DB behind a few functions on bytes. The environment is private to the
 * process and recovered at each open: what was committed is there, what was not is
 * gone, whoever was killed when. There is one thread and one transaction, so the
 * locking subsystem is left out; a file lock keeps other processes away. Pages carry
 * checksums, so that a damaged file is an error and not a surprise.
 *
 * Codes: Berkeley DB returns errno positive, its own negative; here errno is negative
 * and DB_RUNRECOVERY becomes LEDGER_RECOVER.
 */
#include "admin/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <db.h>

#include "admin/ledger_format.h"
#include "admin/ledger_store.h"

enum {
	CACHE_BYTES = 8 * 1024 * 1024,
	LOG_FILE_BYTES = 4 * 1024 * 1024,
	PAGE_BYTES = 4096,
	CHECKPOINT_KIB = 1024,
	CHECKPOINT_MIN = 5,
	FILE_MODE = 0600
};

struct ledger {
	char dir[PATH_MAX];
	uint64_t min_free_bytes;
	int lock_fd;
	bool dead; /* DB_RUNRECOVERY was seen: nothing works any more */
	DB_ENV *env;
	DB *table[LEDGER_TABLES];
	DB_TXN *txn;
	char says[256]; /* Berkeley DB's last message: file names, page and log numbers */
};

static const char *const table_files[LEDGER_TABLES] = {
	[LEDGER_USAGE] = "usage.db",
	[LEDGER_MARKS] = "marks.db",
	[LEDGER_AUDIT] = "audit.db",
	[LEDGER_IMPORTS] = "imports.db",
	[LEDGER_META] = "meta.db",
};

const char *
ledger_text(int r)
{
	switch (r) {
	case LEDGER_LOCKED: return "another process has the ledger open";
	case LEDGER_CORRUPT: return "the ledger's files are damaged";
	case LEDGER_RECOVER: return "the ledger needs recovery";
	case LEDGER_DISK_LOW: return "too little disk is free for the ledger";
	case LEDGER_CHAIN: return "the audit's chain is broken";
	case ERR_STALE: return "the ledger was written by a newer version";
	default: return err_text(r);
	}
}

static void
on_message(const DB_ENV *env, const char *prefix, const char *text)
{
	struct ledger *l = env->app_private;

	(void)prefix;
	snprintf(l->says, sizeof(l->says), "%s", text);
}

/* Our code for one of Berkeley DB's. */
static int
code_of(struct ledger *l, int r)
{
	if (r == 0)
		return 0;
	if (r == DB_RUNRECOVERY)
		l->dead = true;
	if (l->dead)
		return LEDGER_RECOVER;
	if (r == DB_NOTFOUND || r == DB_KEYEMPTY)
		return -ENOENT;
	if (r == DB_BUFFER_SMALL)
		return ERR_TOO_LARGE;
	if (r < 0 || r == EINVAL) /* EINVAL: pages that know more than the logs, for one */
		return LEDGER_CORRUPT;
	return -r;
}

/* While opening, what is neither the system's trouble nor short is damage. */
static int
open_code_of(struct ledger *l, int r)
{
	int code = code_of(l, r);

	if (code == LEDGER_RECOVER || code == -ENOENT)
		return LEDGER_CORRUPT;
	return code;
}

static struct span
span_at(const DBT *d)
{
	return (struct span){ d->data, d->size };
}

static DBT
dbt_of(struct span s)
{
	DBT d;

	memset(&d, 0, sizeof(d));
	memcpy(&d.data, &s.p, sizeof(s.p)); /* only read, but the field is not const */
	d.size = (u_int32_t)s.n;
	return d;
}

static int
check_space(const struct ledger *l)
{
	struct statvfs v;

	if (statvfs(l->dir, &v) == -1)
		return -errno;
	if ((uint64_t)v.f_bavail * v.f_frsize < l->min_free_bytes)
		return LEDGER_DISK_LOW;
	return 0;
}

int
ledger_begin(struct ledger *l)
{
	int r;

	if (l->dead)
		return LEDGER_RECOVER;
	if (l->txn != NULL)
		abort();
	if ((r = check_space(l)) != 0)
		return r;
	return code_of(l, l->env->txn_begin(l->env, NULL, &l->txn, 0));
}

int
ledger_end(struct ledger *l, int r)
{
	DB_TXN *txn = l->txn;
	int ended;

	if (txn == NULL)
		abort();
	l->txn = NULL;
	if (r == 0)
		return code_of(l, txn->commit(txn, 0)); /* a failed commit aborts */
	ended = code_of(l, txn->abort(txn));
	return ended != 0 ? ended : r;
}

int
ledger_checkpoint_due(struct ledger *l)
{
	if (l->dead)
		return LEDGER_RECOVER;
	return code_of(
	    l, l->env->txn_checkpoint(l->env, CHECKPOINT_KIB, CHECKPOINT_MIN, 0));
}

int
ledger_checkpoint(struct ledger *l)
{
	int r;

	if (l->dead)
		return LEDGER_RECOVER;
	if ((r = check_space(l)) != 0)
		return r;
	return code_of(l, l->env->txn_checkpoint(l->env, 0, 0, DB_FORCE));
}

int
ledger_get(struct ledger *l, enum ledger_table t, struct span key, void *value,
    size_t cap, size_t *n_out)
{
	DBT k = dbt_of(key), v;
	int r;

	if (l->dead)
		return LEDGER_RECOVER;
	memset(&v, 0, sizeof(v));
	v.data = value;
	v.ulen = (u_int32_t)cap;
	v.flags = DB_DBT_USERMEM;
	r = code_of(l, l->table[t]->get(l->table[t], l->txn, &k, &v, 0));
	if (r == 0)
		*n_out = v.size;
	return r;
}

int
ledger_get_exact(
    struct ledger *l, enum ledger_table t, struct span key, void *value, size_t n)
{
	size_t got = 0;
	int r = ledger_get(l, t, key, value, n, &got);

	if (r == ERR_TOO_LARGE || (r == 0 && got != n))
		return LEDGER_CORRUPT;
	return r;
}

int
ledger_put(struct ledger *l, enum ledger_table t, struct span key, struct span value)
{
	DBT k = dbt_of(key), v = dbt_of(value);

	if (l->dead)
		return LEDGER_RECOVER;
	if (l->txn == NULL)
		abort();
	return code_of(l, l->table[t]->put(l->table[t], l->txn, &k, &v, 0));
}

int
ledger_del(struct ledger *l, enum ledger_table t, struct span key)
{
	DBT k = dbt_of(key);

	if (l->dead)
		return LEDGER_RECOVER;
	if (l->txn == NULL)
		abort();
	return code_of(l, l->table[t]->del(l->table[t], l->txn, &k, 0));
}

int
ledger_walk(struct ledger *l, enum ledger_table t, struct span from,
    ledger_visit_fn visit, void *arg)
{
	DBT k = dbt_of(from), v;
	DBC *cursor = NULL;
	int r, closed;

	if (l->dead)
		return LEDGER_RECOVER;
	r = code_of(l, l->table[t]->cursor(l->table[t], l->txn, &cursor, 0));
	if (r != 0)
		return r;
	memset(&v, 0, sizeof(v));
	r = code_of(l, cursor->get(cursor, &k, &v, DB_SET_RANGE));
	while (r == 0 && (r = visit(span_at(&k), span_at(&v), arg)) == 0)
		r = code_of(l, cursor->get(cursor, &k, &v, DB_NEXT));
	closed = code_of(l, cursor->close(cursor));
	if (r == -ENOENT)
		r = 0;
	return r != 0 ? r : closed;
}

int
ledger_files(struct ledger *l, ledger_file_fn visit, void *arg)
{
	char **logs = NULL;
	int r = 0;

	if (l->dead)
		return LEDGER_RECOVER;
	for (size_t i = 0; r == 0 && i < LEDGER_TABLES; i++)
		r = visit(table_files[i], arg);
	if (r == 0)
		r = code_of(l, l->env->log_archive(l->env, &logs, DB_ARCH_LOG));
	for (char **log = logs; r == 0 && log != NULL && *log != NULL; log++)
		r = visit(*log, arg);
	free(logs); /* one block with its strings */
	return r != 0 ? r : visit(LEDGER_FORMAT_FILE, arg);
}

const char *
ledger_reason(const struct ledger *l)
{
	return l->says;
}

const char *
ledger_dir(const struct ledger *l)
{
	return l->dir;
}

/* The lock file is never removed: a lock on a removed file would keep nobody out. */
static int
take_lock(struct ledger *l, const char *data_dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/ledger.lock", data_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (l->lock_fd == -1)
		return -errno;
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? LEDGER_LOCKED : -errno;
	return 0;
}

static int
make_dir(struct ledger *l, const char *data_dir)
{
	if (snprintf(l->dir, sizeof(l->dir), "%s/ledger", data_dir) >= (int)sizeof(l->dir))
		return -ENAMETOOLONG;
	if (mkdir(l->dir, 0700) == -1 && errno != EEXIST)
		return -errno;
	return 0;
}

static int
open_env(struct ledger *l)
{
	const u_int32_t flags = DB_CREATE | DB_PRIVATE | DB_RECOVER | DB_INIT_MPOOL |
	    DB_INIT_LOG | DB_INIT_TXN;
	DB_ENV *env;
	int r = db_env_create(&env, 0);

	if (r != 0)
		return open_code_of(l, r);
	l->env = env;
	env->app_private = l;
	env->set_errcall(env, on_message);
	if ((r = env->set_cachesize(env, 0, CACHE_BYTES, 1)) != 0 ||
	    (r = env->set_lg_max(env, LOG_FILE_BYTES)) != 0 ||
	    (r = env->log_set_config(env, DB_LOG_AUTO_REMOVE, 1)) != 0 ||
	    (r = env->open(env, l->dir, flags, FILE_MODE)) != 0)
		return open_code_of(l, r);
	return 0;
}

static int
open_table(struct ledger *l, enum ledger_table t, u_int32_t create)
{
	DB *db = NULL;
	int r = db_create(&db, l->env, 0);

	if (r != 0)
		return open_code_of(l, r);
	l->table[t] = db;
	if ((r = db->set_flags(db, DB_CHKSUM)) == 0 &&
	    (r = db->set_pagesize(db, PAGE_BYTES)) == 0)
		r = db->open(db, NULL, table_files[t], NULL, DB_BTREE,
		    create | DB_AUTO_COMMIT, FILE_MODE);
	if (r != 0 && l->says[0] == '\0')
		snprintf(l->says, sizeof(l->says), "%s", table_files[t]);
	return open_code_of(l, r);
}

static int
check_format(struct ledger *l, bool *new_out, struct errmsg *why)
{
	unsigned format;
	int r = ledger_format_read(l->dir, &format);

	if (r != 0)
		return r == ERR_SYNTAX ? LEDGER_CORRUPT : r;
	*new_out = format == 0;
	if (format <= LEDGER_FORMAT)
		return 0;
	errmsg_set(why, "%s: written by a newer version (format %u, this one knows %u)",
	    l->dir, format, (unsigned)LEDGER_FORMAT);
	return ERR_STALE;
}

/* Only a new ledger's tables are made; one that is missing later is damage. */
static int
open_all(struct ledger *l, const char *data_dir, struct errmsg *why)
{
	bool is_new = false;
	int r;

	if ((r = make_dir(l, data_dir)) != 0 || (r = take_lock(l, data_dir)) != 0 ||
	    (r = check_format(l, &is_new, why)) != 0 || (r = check_space(l)) != 0 ||
	    (r = open_env(l)) != 0)
		return r;
	for (enum ledger_table t = 0; r == 0 && t < LEDGER_TABLES; t++)
		r = open_table(l, t, is_new ? DB_CREATE : 0);
	if (r == 0 && is_new)
		r = ledger_format_write(l->dir, LEDGER_FORMAT);
	return r;
}

int
ledger_open(const struct ledger_options *o, struct ledger **out, struct errmsg *why)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int r;

	if (l == NULL) {
		errmsg_set(why, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	errmsg_set(why, "%s", "");
	l->lock_fd = -1;
	l->min_free_bytes = o->min_free_bytes;
	r = open_all(l, o->data_dir, why);
	if (r == LEDGER_RECOVER)
		r = LEDGER_CORRUPT;
	if (r == 0) {
		*out = l;
		return 0;
	}
	if (why != NULL && why->text[0] == '\0')
		errmsg_set(why, "%s/ledger: %s%s%s", o->data_dir, ledger_text(r),
		    l->says[0] != '\0' ? ": " : "", l->says);
	ledger_close(&l);
	return r;
}

/* Results don't matter here: what was committed is in the log, and stays there. */
void
ledger_close(struct ledger **lp)
{
	struct ledger *l = *lp;

	if (l == NULL)
		return;
	if (l->txn != NULL)
		(void)l->txn->abort(l->txn);
	if (l->env != NULL && l->table[LEDGER_USAGE] != NULL && !l->dead &&
	    check_space(l) == 0)
		(void)l->env->txn_checkpoint(l->env, 0, 0, 0);
	for (size_t i = 0; i < LEDGER_TABLES; i++) {
		if (l->table[i] != NULL)
			(void)l->table[i]->close(l->table[i], 0);
	}
	if (l->env != NULL)
		(void)l->env->close(l->env, 0);
	if (l->lock_fd != -1)
		close(l->lock_fd);
	free(l);
	*lp = NULL;
}
