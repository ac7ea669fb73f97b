#include "base/log.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"

static enum log_level lowest = LOG_WARN;

void log_set_level(enum log_level level)
{
    __atomic_store_n(&lowest, level, __ATOMIC_RELAXED);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char when[CLOCK_ISO_BYTES];
    struct buf b;

    if (level < __atomic_load_n(&lowest, __ATOMIC_RELAXED) || level >= LOG_NONE)
        return;
    buf_init(&b);
    buf_reserve(&b, 255); /* most lines */
    clock_iso(clock_wall_ms(), when);
    buf_add_str(&b, "{\"time\":\"");
    buf_add_str(&b, when);
    buf_add_str(&b, "\",\"level\":\"");
    buf_add_str(&b, names[level]);
    buf_add_str(&b, "\",\"event\":");
    jsonw_string(&b, str_of(event));
    for (size_t i = 0; i < n; i++) {
        buf_add_char(&b, ',');
        jsonw_string(&b, str_of(fields[i].key));
        buf_add_char(&b, ':');
        if (fields[i].type == LOG_FIELD_STR)
            jsonw_string(&b, str_of(fields[i].s));
        else if (fields[i].type == LOG_FIELD_INT)
            jsonw_integer(&b, fields[i].i);
        else if (fields[i].type == LOG_FIELD_MS)
            buf_add_fixed(&b, (uint64_t)fields[i].i / 1000, 3);
        else
            jsonw_number(&b, fields[i].f);
    }
    buf_add_str(&b, "}\n");
    if (write(STDERR_FILENO, b.p, b.n) < 0) {
        /* nobody is left to tell */
    }
    buf_done(&b);
}
