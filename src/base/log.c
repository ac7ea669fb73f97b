#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/trace_context.h"

static enum log_level lowest = LOG_WARN;

void log_set_level(enum log_level level)
{
    __atomic_store_n(&lowest, level, __ATOMIC_RELAXED);
}

bool log_is_wanted(enum log_level level)
{
    return level >= __atomic_load_n(&lowest, __ATOMIC_RELAXED) && level < LOG_NONE;
}

static void add_field(struct buf *b, const struct log_field *f)
{
    buf_add(b, ",\"", 2);
    buf_add_str(b, f->key); /* ours, as the event is: nothing in them to escape */
    buf_add(b, "\":", 2);
    if (f->type == LOG_FIELD_STR)
        jsonw_string(b, str_of(f->s));
    else if (f->type == LOG_FIELD_INT)
        jsonw_integer(b, f->i);
    else if (f->type == LOG_FIELD_MS)
        buf_add_fixed(b, (uint64_t)f->i / 1000, 3);
    else
        jsonw_number(b, f->f);
}

static void add_trace(struct buf *b, const struct trace_context *c)
{
    char id[TRACE_ID_HEX];

    if (!c)
        return;
    trace_hex(c->trace_id, TRACE_ID_BYTES, id);
    buf_add_str(b, ",\"trace_id\":\"");
    buf_add(b, id, TRACE_ID_HEX - 1);
    buf_add_char(b, '"');
}

void log_add(struct buf *b, enum log_level level, const char *event, const struct log_field *fields,
             size_t n)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char when[CLOCK_ISO_BYTES];

    if (!log_is_wanted(level))
        return;
    buf_reserve(b, 255); /* most lines */
    clock_iso(clock_wall_ms(), when);
    buf_add_str(b, "{\"time\":\"");
    buf_add_str(b, when);
    buf_add_str(b, "\",\"level\":\"");
    buf_add_str(b, names[level]);
    buf_add_str(b, "\",\"event\":\"");
    buf_add_str(b, event);
    buf_add_char(b, '"');
    for (size_t i = 0; i < n; i++)
        add_field(b, &fields[i]);
    add_trace(b, trace_context_bound());
    buf_add_str(b, "}\n");
}

/* What is written in one piece, so that no line of others comes in between. */
static size_t longest_piece(void)
{
    struct stat st;

    return fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? SIZE_MAX : PIPE_BUF;
}

/* As many whole lines as are at most that long, or one that is longer. */
static size_t piece_of(const char *p, size_t n, size_t longest)
{
    const char *end;

    if (n <= longest)
        return n;
    end = memrchr(p, '\n', longest);
    if (!end)
        end = memchr(p, '\n', n);
    return end ? (size_t)(end - p) + 1 : n;
}

/* All of it, although a signal may cut a write short; when the system refuses nobody is left to
 * tell. */
static void put_out(const char *p, size_t n)
{
    while (n) {
        ssize_t put = write(STDERR_FILENO, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return;
        p += put;
        n -= (size_t)put;
    }
}

void log_flush(struct buf *lines)
{
    size_t longest = lines->n > PIPE_BUF ? longest_piece() : PIPE_BUF;

    for (size_t at = 0; at < lines->n;) {
        size_t n = piece_of(lines->p + at, lines->n - at, longest);

        put_out(lines->p + at, n);
        at += n;
    }
    buf_clear(lines);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    struct buf line = {0};

    if (!log_is_wanted(level))
        return;
    log_add(&line, level, event, fields, n);
    log_flush(&line);
    buf_done(&line);
}
