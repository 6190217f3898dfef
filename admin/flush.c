/*
 * A timer and a few states: is the ledger open, did the last flush go well. A line is
 * written when that changes, not each second.
 */
#include "admin/flush.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "admin/ledger_audit.h"
#include "admin/ledger_usage.h"
#include "admin/usage_import.h"
#include "common/clock.h"
#include "common/log.h"

enum {
	FLUSH_MAGIC = 0x666c7573,
	HOUR_MS = 3600 * 1000,
	DAY_MS = 24 * HOUR_MS,
	RETAIN_ROWS = 256, /* at a time, so that a second's flush is never late */
	RETAIN_EVERY_MS = HOUR_MS,
	MIB = 1024 * 1024
};

struct flush {
	uint32_t magic;
	struct flush_options o;
	struct event *tick;
	struct ledger *ledger; /* NULL: not open */
	struct journal *journal;
	struct tally *totals; /* of the ledger; NULL: to be added up anew */
	uint64_t retry_ms;    /* monotonic: when to open next */
	uint64_t good_ms;     /* when the ledger last had everything */
	uint64_t retain_ms;   /* when old rows are looked for next */
	uint64_t damage_look; /* of files that are damaged; 0: they are not */
	int opening; /* why it could not be opened, as it was logged; 0: it could */
	int scanning, flushing, retaining; /* the same of the other steps */
	bool proven;                       /* since it was opened a flush has gone well */
	bool dead;                         /* it has been given up */
};

static struct flush *
flush_of(void *arg)
{
	struct flush *f = arg;

	if (f->magic != FLUSH_MAGIC)
		abort();
	return f;
}

static uint32_t
hour_now(void)
{
	return (uint32_t)(clock_wall_ms() / HOUR_MS);
}

/* Berkeley DB has given up: this process can do nothing more with it. */
static void
give_up(struct flush *f)
{
	if (f->dead)
		return;
	f->dead = true;
	log_error("ledger",
	    "the ledger needs recovery (%s): admin leaves and is started anew",
	    ledger_reason(f->ledger));
	f->o.give_up(f->o.arg);
}

/*
 * A number for what lies in the ledger's folder: another one when a file was put back,
 * taken away or written to. 0: there is nothing to be seen.
 */
static uint64_t
look_of_files(const struct flush *f)
{
	char path[PATH_MAX];
	const struct dirent *e;
	uint64_t look = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/ledger", f->o.config->data_dir);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		struct stat st;

		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			look += (uint64_t)st.st_ino * 31 + (uint64_t)st.st_size * 37 +
			    (uint64_t)st.st_mtim.tv_sec * 1000000007 +
			    (uint64_t)st.st_mtim.tv_nsec;
	}
	if (d != NULL)
		closedir(d);
	return look;
}

/*
 * Note why the ledger is not open. With damaged files there is no use in trying before
 * they have been put right, and each try costs memory that Berkeley DB never gives back.
 */
static void
note_closed(struct flush *f, int r, const char *why)
{
	const bool damaged = r == LEDGER_CORRUPT || r == LEDGER_RECOVER;

	f->retry_ms = clock_mono_ms() + f->o.retry_ms;
	f->damage_look = damaged ? look_of_files(f) : 0;
	if (r != f->opening && damaged)
		log_error("ledger",
		    "%s: usage waits in the journal; tried again when the files were put right",
		    why);
	else if (r != f->opening)
		log_error("ledger",
		    "%s: usage waits in the journal; tried again every %u s", why,
		    f->o.retry_ms / 1000);
	f->opening = r;
}

/* What was opened can't be read: go on without it, as if it had not been opened. */
static void
disown(struct flush *f, int r)
{
	struct errmsg why;

	errmsg_set(&why, "%s/ledger: its files are damaged: %s", f->o.config->data_dir,
	    ledger_reason(f->ledger));
	ledger_close(&f->ledger);
	journal_unlearn(f->journal);
	tally_destroy(&f->totals);
	note_closed(f, r, why.text);
}

/* Say how flushing goes when that has changed. */
static void
note_flush(struct flush *f, int r)
{
	const int before = f->flushing;

	f->flushing = r;
	if (r == 0) {
		f->good_ms = clock_mono_ms();
		f->proven = true;
		if (f->opening != 0)
			log_info("ledger", "the ledger is open");
		f->opening = 0;
	}
	if (r == before)
		return;
	if (r == 0)
		log_info("ledger", "usage is written to the ledger again");
	else if (r == LEDGER_RECOVER)
		give_up(f);
	else if (r == LEDGER_DISK_LOW)
		log_error("ledger",
		    "less than %llu MiB are free in %s: usage waits in the journal until "
		    "there are",
		    (unsigned long long)(f->o.min_free_bytes / MIB),
		    f->o.config->data_dir);
	else
		log_error("ledger",
		    "usage can't be written to the ledger: %s: it waits in the journal",
		    ledger_text(r));
}

static int
add_row(const struct ledger_row *row, void *arg)
{
	return tally_add(arg, &row->key, &row->counters);
}

static int
create_totals(struct tally **out)
{
	return tally_create(
	    TALLY_BY(TALLY_KEY) | TALLY_BY(TALLY_MODEL) | TALLY_BY(TALLY_ENDPOINT), out);
}

/*
 * Learn what the ledger has: the marks of new arenas, and the totals where they are not
 * known. Totals and marks are of one moment, or something would be told twice.
 */
static int
learn(struct flush *f)
{
	struct tally *t = NULL;
	int r;

	if (f->totals == NULL)
		journal_unlearn(f->journal);
	r = journal_learn(f->journal, f->ledger);
	if (r != 0 || f->totals != NULL)
		return r;
	r = create_totals(&t);
	if (r == 0)
		r = ledger_read(f->ledger, 0, UINT32_MAX, add_row, t);
	if (r == 0) {
		f->totals = t;
		t = NULL;
	}
	tally_destroy(&t);
	return r;
}

/* Everything that changed goes into the ledger. */
static int
catch_up(struct flush *f)
{
	struct journal_flushed done = { 0, 0 };
	int r = learn(f);

	if (r == 0)
		r = journal_flush(f->journal, f->ledger, hour_now(), f->totals, &done);
	if (done.went_back > 0)
		log_warn("journal",
		    "%zu cells stand below what was counted: power was lost, the ledger keeps it",
		    done.went_back);
	if (!f->proven && (r == LEDGER_RECOVER || r == LEDGER_CORRUPT))
		disown(f, r);
	else
		note_flush(f, r);
	return r;
}

static void
scan(struct flush *f)
{
	const int r = journal_scan(f->journal);

	if (r != 0 && r != f->scanning)
		log_error("journal", "%s/" JOURNAL_DIR " can't be read: %s",
		    f->o.config->data_dir, err_text(r));
	f->scanning = r;
}

/* The Python proxy's file, once, into a ledger that was empty. */
static void
first_import(struct flush *f)
{
	const char *path = f->o.config->usage_file;
	struct usage_imported done;
	struct errmsg why;
	int r = usage_import_first(f->ledger, path, &done, &why);

	if (r == LEDGER_RECOVER || r == LEDGER_CORRUPT)
		disown(f, r);
	else if (r != 0)
		log_error("import", "USAGE_FILE is not imported: %s", why.text);
	else if (done.looked)
		log_info("import", "%s: %zu records, %zu of them new", path, done.records,
		    done.added);
	if (r == 0 && done.odd > 0)
		log_warn("import", "%s: %zu counts make no sense and were left out", path,
		    done.odd);
	if (done.added > 0)
		flush_forget_totals(f);
}

static void
open_ledger(struct flush *f)
{
	const struct ledger_options o = { f->o.config->data_dir, f->o.min_free_bytes };
	struct errmsg why;
	int r;

	if (f->damage_look != 0 && f->damage_look == look_of_files(f))
		return;
	r = ledger_open(&o, &f->ledger, &why);
	if (r != 0) {
		note_closed(f, r, why.text);
		return;
	}
	f->proven = false;
	first_import(f);
}

/* Fold old rows, a few at a time. Returns 0 or a code. */
static int
retain(struct flush *f, bool *more_out)
{
	const struct config *c = f->o.config;
	const int64_t now_ms = clock_wall_ms();
	size_t rows = 0, records = 0;
	int r = ledger_retain(
	    f->ledger, hour_now(), c->usage_retention_days, RETAIN_ROWS, &rows);

	if (r == 0 && c->audit_retention_days > 0)
		r = ledger_audit_retain(f->ledger,
		    now_ms - (int64_t)c->audit_retention_days * DAY_MS, RETAIN_ROWS,
		    &records);
	*more_out = rows == RETAIN_ROWS || records == RETAIN_ROWS;
	return r;
}

static void
step_retain(struct flush *f, uint64_t now_ms)
{
	bool more = false;
	int r;

	if (now_ms < f->retain_ms)
		return;
	r = retain(f, &more);
	if (!more || r != 0)
		f->retain_ms = now_ms + RETAIN_EVERY_MS;
	if (r == LEDGER_RECOVER)
		give_up(f);
	else if (r != 0 && r != f->retaining)
		log_warn("ledger", "old rows can't be folded now: %s", ledger_text(r));
	f->retaining = r;
}

static void
on_tick(evutil_socket_t none, short what, void *arg)
{
	struct flush *f = flush_of(arg);
	const uint64_t now_ms = clock_mono_ms();

	(void)none;
	(void)what;
	if (f->dead)
		return;
	scan(f);
	if (f->ledger == NULL && now_ms >= f->retry_ms)
		open_ledger(f);
	if (f->ledger != NULL && !f->dead && catch_up(f) == 0)
		step_retain(f, now_ms);
}

int
flush_create(struct event_base *base, const struct flush_options *o, struct flush **out)
{
	const struct timeval every = { .tv_sec = FLUSH_EVERY_MS / 1000 };
	struct flush *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		return -ENOMEM;
	f->magic = FLUSH_MAGIC;
	f->o = *o;
	f->good_ms = clock_mono_ms();
	r = journal_create(o->config->data_dir, &f->journal);
	if (r == 0) {
		f->tick = event_new(base, -1, EV_PERSIST, on_tick, f);
		if (f->tick == NULL || event_add(f->tick, &every) != 0)
			r = -ENOMEM;
	}
	if (r != 0) {
		flush_destroy(&f);
		return r;
	}
	*out = f;
	return 0;
}

void
flush_begin(struct flush *f)
{
	on_tick(-1, 0, f);
}

void
flush_destroy(struct flush **fp)
{
	struct flush *f = *fp;

	if (f == NULL)
		return;
	if (f->ledger != NULL && !f->dead)
		flush_now(f); /* what is left out stays in the journal, and is logged */
	if (f->tick != NULL)
		event_free(f->tick);
	ledger_close(&f->ledger);
	journal_destroy(&f->journal);
	tally_destroy(&f->totals);
	f->magic = 0;
	free(f);
	*fp = NULL;
}

int
flush_now(struct flush *f)
{
	if (f->ledger == NULL)
		return -ENODEV;
	if (f->dead)
		return LEDGER_RECOVER;
	scan(f);
	return catch_up(f);
}

struct ledger *
flush_ledger(struct flush *f)
{
	return f->dead ? NULL : f->ledger;
}

struct journal *
flush_journal(struct flush *f)
{
	return f->journal;
}

void
flush_forget_totals(struct flush *f)
{
	tally_destroy(&f->totals);
}

int
flush_totals(struct flush *f, struct tally **out)
{
	struct tally *t = NULL;
	int r;

	if (flush_ledger(f) == NULL)
		return -ENODEV;
	if ((r = learn(f)) != 0)
		return r;
	r = create_totals(&t);
	if (r == 0)
		r = tally_add_all(t, f->totals);
	if (r == 0)
		r = journal_unflushed(f->journal, 0, t);
	if (r == 0) {
		*out = t;
		t = NULL;
	}
	tally_destroy(&t);
	return r;
}

int
flush_sum(struct flush *f, struct ledger_counters *out)
{
	struct ledger_counters waiting;
	struct tally *t = NULL;
	int r;

	if (flush_ledger(f) == NULL)
		return -ENODEV;
	if ((r = learn(f)) != 0 || (r = tally_create(0, &t)) != 0)
		return r;
	r = journal_unflushed(f->journal, 0, t);
	if (r == 0) {
		tally_total(f->totals, out);
		tally_total(t, &waiting);
		ledger_counters_add(out, &waiting);
	}
	tally_destroy(&t);
	return r;
}

uint64_t
flush_lag_ms(struct flush *f)
{
	const uint64_t now_ms = clock_mono_ms();

	if (f->ledger != NULL && f->flushing == 0)
		return 0;
	return journal_is_ahead(f->journal) && now_ms > f->good_ms ? now_ms - f->good_ms
								   : 0;
}
