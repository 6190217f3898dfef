/*
 * The log. Used by every process; each writes its own lines to the stderr it
 * inherited. A line leaves in one write(2) of at most PIPE_BUF bytes, which the
 * kernel keeps whole between processes (only the ready-made fields of an access
 * line may be longer). The log never waits: a line that a full non-blocking
 * stderr does not take is dropped, and the next one says how many were.
 */
#include "common/log.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/sb.h"

enum {
	LOG_LINE_BYTES = PIPE_BUF,
	LOG_FIELDS_BYTES = 2 * PIPE_BUF,
	LOG_TAIL_BYTES = 64, /* kept free behind a message: what follows it always fits */
	LOG_LIMIT_MS = 10000
};

/* The sink: set by log_init(), the two atomics by whichever thread writes. */
static struct {
	const char *role;
	enum log_level level;
	enum log_format format;
	pid_t pid; /* 0: not initialised */
	_Atomic uint32_t lost;
	_Atomic bool torn; /* the last line was cut in the middle */
} sink = { .role = "gatehouse", .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_JSON };

/* What a line says beside its message. */
struct line_head {
	enum log_level level;
	const char *event;
	uint32_t left_out;
};

void
log_init(const char *role, enum log_level level, enum log_format format)
{
	sink.role = role;
	sink.level = level;
	sink.format = format;
	sink.pid = getpid();
	signal(SIGPIPE, SIG_IGN); /* can't fail: the signal exists */
}

bool
log_enabled(enum log_level level)
{
	return level <= sink.level;
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error";
	case LOG_LEVEL_WARN: return "warn";
	case LOG_LEVEL_INFO: return "info";
	case LOG_LEVEL_DEBUG: return "debug";
	}
	return "error";
}

/*
 * Append the time as RFC 3339 in UTC with milliseconds. Not gmtime_r(): its first
 * call opens the time zone file, which a sandboxed process can't. The civil date
 * is counted in years that begin in March, so that leap days come last.
 */
static void
put_time(struct sb *b, int64_t wall_ms)
{
	const uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
	const uint64_t s = ms / 1000 % 86400;
	const uint64_t days = ms / 86400000 + 719468; /* since 0000-03-01 */
	const uint64_t era = days / 146097, doe = days % 146097;
	const uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const uint64_t mp = (5 * doy + 2) / 153;
	const unsigned day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	const unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	const unsigned year = (unsigned)(era * 400 + yoe + (month <= 2 ? 1 : 0));

	sb_printf(b, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, day,
	    (unsigned)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60),
	    (unsigned)(ms % 1000));
}

/* Everything before the message. */
static void
put_head(struct sb *b, const struct line_head *h, bool json)
{
	const long pid = (long)(sink.pid != 0 ? sink.pid : getpid());

	if (atomic_exchange_explicit(&sink.torn, false, memory_order_relaxed))
		SB_LIT(b, "\n");
	if (json)
		SB_LIT(b, "{\"ts\":\"");
	put_time(b, clock_wall_ms());
	sb_printf(b,
	    json ? "\",\"level\":\"%s\",\"role\":\"%s\",\"pid\":%ld,\"event\":\"%s\""
		 : " %s %s[%ld] %s",
	    level_name(h->level), sink.role, pid, h->event);
}

/* Everything behind the message, the line's end included. */
static void
put_tail(struct sb *b, const struct line_head *h, uint32_t lost, bool json)
{
	if (h->left_out > 0)
		sb_printf(b, json ? ",\"left_out\":%u" : " left_out=%u", h->left_out);
	if (lost > 0)
		sb_printf(b, json ? ",\"lost\":%u" : " lost=%u", lost);
	if (json)
		SB_LIT(b, "}");
	SB_LIT(b, "\n");
}

/* Hand a line to the kernel; says whether it took all of it. */
static bool
write_whole(const struct sb *b)
{
	size_t done = 0;

	while (done < b->n) {
		const ssize_t n = write(STDERR_FILENO, b->p + done, b->n - done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done > 0 && done < b->n)
		atomic_store_explicit(&sink.torn, true, memory_order_relaxed);
	return done == b->n;
}

/* End the line and write it; a line that stderr does not take is counted. */
static void
finish(struct sb *b, size_t cap, const struct line_head *h, bool json)
{
	const uint32_t lost =
	    atomic_exchange_explicit(&sink.lost, 0, memory_order_relaxed);

	b->cap = cap;
	b->over = false;
	put_tail(b, h, lost, json);
	if (!write_whole(b))
		atomic_fetch_add_explicit(&sink.lost, lost + 1, memory_order_relaxed);
}

static void write_message(const struct line_head *h, const char *fmt, va_list ap)
    PRINTF_LIKE(2, 0);

static void
write_message(const struct line_head *h, const char *fmt, va_list ap)
{
	const bool json = sink.format == LOG_FORMAT_JSON;
	char line[LOG_LINE_BYTES], msg[LOG_LINE_BYTES];
	struct sb b = sb_init(line, sizeof(line) - LOG_TAIL_BYTES);
	int n;

	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	if (n < 0)
		n = 0;
	else if ((size_t)n >= sizeof(msg))
		n = (int)sizeof(msg) - 1;
	put_head(&b, h, json);
	sb_str(&b, json ? ",\"msg\":\"" : ": ");
	sb_json(&b, (struct span){ msg, (size_t)n });
	b.cap = sizeof(line);
	if (b.over) {
		b.over = false;
		SB_LIT(&b, "...");
	}
	if (json)
		SB_LIT(&b, "\"");
	finish(&b, sizeof(line), h, json);
}

void
log_write(enum log_level level, const char *event, const char *fmt, ...)
{
	const struct line_head h = { .level = level, .event = event };
	const int kept = errno;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	write_message(&h, fmt, ap);
	va_end(ap);
	errno = kept;
}

/*
 * May a line be written now? Counted from the last line written, not from the
 * first of a window: no 10 s, wherever they begin, can hold more than burst.
 */
static bool
limit_allows(struct log_limit *l, uint32_t burst, uint64_t now_ms)
{
	if (now_ms - l->since_ms >= LOG_LIMIT_MS)
		l->written = 0;
	if (l->written >= burst) {
		l->left_out++;
		return false;
	}
	l->written++;
	l->since_ms = now_ms;
	return true;
}

void
log_write_limited(struct log_limit *limit, uint32_t burst, uint64_t now_ms,
    enum log_level level, const char *event, const char *fmt, ...)
{
	struct line_head h = { .level = level, .event = event };
	const int kept = errno;
	va_list ap;

	if (!log_enabled(level) || !limit_allows(limit, burst, now_ms))
		return;
	h.left_out = limit->left_out;
	limit->left_out = 0;
	va_start(ap, fmt);
	write_message(&h, fmt, ap);
	va_end(ap);
	errno = kept;
}

void
log_write_fields(enum log_level level, const char *event, const char *json)
{
	const struct line_head h = { .level = level, .event = event };
	const bool is_json = sink.format == LOG_FORMAT_JSON;
	const int kept = errno;
	char line[LOG_FIELDS_BYTES];
	struct sb b = sb_init(line, sizeof(line) - LOG_TAIL_BYTES);

	if (!log_enabled(level))
		return;
	put_head(&b, &h, is_json);
	if (strlen(json) + 1 > b.cap - b.n)
		json = "\"cut\":true"; /* half a field would be no JSON */
	sb_str(&b, is_json ? "," : " ");
	sb_str(&b, json);
	finish(&b, sizeof(line), &h, is_json);
	errno = kept;
}
