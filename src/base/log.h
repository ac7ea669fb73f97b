/* log.h - one JSON object a line on standard error.
 *
 *   log_event(LOG_INFO, "listening", LOG_S("address", a), LOG_I("pid", getpid()));
 *   {"time":"2026-03-01T12:30:05.123Z","level":"info","event":"listening","address":"...","pid":7}
 *
 * Strings are escaped, so nothing a client sends can forge a line or move a terminal's cursor.
 * Question text is never passed here unless the user asked for it. While a thread works for a
 * traced request (base/trace_context.h) its lines carry a "trace_id".
 *
 * Threads  locked: a line is written with one write(2), unless a signal cuts that short.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NONE };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_REAL, LOG_FIELD_MS } type;
    const char *s;
    int64_t i;
    double f;
};

#define LOG_S(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .s = (v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_INT, .i = (int64_t)(v)})
#define LOG_F(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_REAL, .f = (v)})
/* nanoseconds, written as milliseconds with three places */
#define LOG_MS(k, ns) ((struct log_field){.key = (k), .type = LOG_FIELD_MS, .i = (int64_t)(ns)})

/* Lines below this level are dropped (default LOG_WARN; the server sets LOG_INFO). */
void log_set_level(enum log_level level);

bool log_is_wanted(enum log_level level);

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);

/* For who writes many lines at a time (confined): adds one to `lines` instead. */
void log_add(struct buf *lines, enum log_level level, const char *event,
             const struct log_field *fields, size_t n);
/* Writes them, whole lines in pieces that no other writer's line gets into, and empties `lines`. */
void log_flush(struct buf *lines);

#define log_event(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
