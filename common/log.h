/*
 * The log: one JSON object (or one plain line) per event on stderr, each in a
 * single write(2). It is the only file-scope state outside the master's signal
 * flags. Arguments are ids, enums, sizes, times and our own file names; never a
 * byte that a peer sent, never a secret.
 */
#ifndef GATEHOUSE_COMMON_LOG_H
#define GATEHOUSE_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

/*
 * Set up the log of this process. role is kept by reference ("master",
 * "worker", "admin", "cli"). Called again after a fork to change the role and
 * the pid. Before the first call lines go out as role "gatehouse", info, JSON.
 * Also has the process ignore SIGPIPE, so that a reader of the log that went away
 * kills nobody; who executes another program sets it back.
 */
void log_init(const char *role, enum log_level level, enum log_format format);

/* Would a line of this level be written? */
bool log_enabled(enum log_level level);

/*
 * Write one line. event is a short constant word ("reload", "child_exit").
 * errno is left as it was.
 */
void log_write(enum log_level level, const char *event, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_write(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/*
 * For errors that a peer can cause: at most `burst` lines in any 10 s, the next
 * line then says how many were left out. One per call site, zero-initialised,
 * owned by the caller. now_ms is the monotonic clock.
 */
struct log_limit {
	uint64_t since_ms; /* when the last line was written */
	uint32_t written;
	uint32_t left_out;
};
void log_write_limited(struct log_limit *limit, uint32_t burst, uint64_t now_ms,
    enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(6, 7);

/*
 * Write one line whose fields were put together by the caller, who has escaped
 * them: `json` is the inside of an object ("\"code\":200,\"ms\":3") that follows
 * ts, level, role, pid and event. With LOG_FORMAT_TEXT it is written as it is.
 * More than some 7 KiB are replaced by "cut":true.
 */
void log_write_fields(enum log_level level, const char *event, const char *json);

#endif
