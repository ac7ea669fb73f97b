#include "net/sse_reader.h"

#include <string.h>

#include "base/err.h"

#define RETRY_DIGITS_MAX 15 /* far beyond any wait, and no overflow */

void sse_reader_init(struct sse_reader *r, size_t event_max, sse_event_fn event, void *arg)
{
    *r = (struct sse_reader){.event_max = event_max, .event = event, .arg = arg, .retry_ms = -1};
    buf_init(&r->line);
    buf_init(&r->name);
    buf_init(&r->data);
    buf_init(&r->id);
}

void sse_reader_done(struct sse_reader *r)
{
    buf_done(&r->line);
    buf_done(&r->name);
    buf_done(&r->data);
    buf_done(&r->id);
}

static int check_size(const struct sse_reader *r, size_t more)
{
    size_t n = r->line.n + r->name.n + r->data.n + r->id.n;

    if (more > r->event_max || n > r->event_max - more)
        return FAIL(ERR_LIMIT, "an event of the stream is longer than the limit of %zu bytes",
                    r->event_max);
    return ERR_OK;
}

static int dispatch(struct sse_reader *r)
{
    struct sse_event e = {.name = r->name.n ? buf_view(&r->name) : STR_LIT("message"),
                          .data = buf_view(&r->data),
                          .id = buf_view(&r->id)};
    int rc = ERR_OK;

    if (r->data.n) {
        e.data.n--; /* each line of data ends in LF, the last one's is not part of it */
        rc = r->event(r->arg, &e);
    }
    buf_clear(&r->name);
    buf_clear(&r->data);
    return rc;
}

static void set_retry(struct sse_reader *r, struct str value)
{
    int64_t ms = 0;

    if (value.n == 0 || value.n > RETRY_DIGITS_MAX)
        return;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return;
        ms = ms * 10 + (value.p[i] - '0');
    }
    r->retry_ms = ms;
}

static void replace(struct buf *b, struct str value)
{
    buf_clear(b);
    buf_add_view(b, value);
}

static void take_field(struct sse_reader *r, struct str field, struct str value)
{
    if (str_eq(field, STR_LIT("data"))) {
        buf_add_view(&r->data, value);
        buf_add_char(&r->data, '\n');
    } else if (str_eq(field, STR_LIT("event"))) {
        replace(&r->name, value);
    } else if (str_eq(field, STR_LIT("id")) && !(value.n && memchr(value.p, '\0', value.n))) {
        replace(&r->id, value);
    } else if (str_eq(field, STR_LIT("retry"))) {
        set_retry(r, value);
    }
}

static int take_line(struct sse_reader *r, struct str line)
{
    const char *colon;
    struct str value;

    if (!r->begun && str_starts(line, STR_LIT("\xEF\xBB\xBF")))
        line = str_sub(line, 3, line.n);
    r->begun = true;
    if (line.n == 0)
        return dispatch(r);
    colon = memchr(line.p, ':', line.n);
    if (!colon) {
        take_field(r, line, STR_LIT(""));
        return ERR_OK;
    }
    value = str_sub(line, (size_t)(colon - line.p) + 1, line.n);
    if (str_starts(value, STR_LIT(" ")))
        value = str_sub(value, 1, value.n);
    take_field(r, str_sub(line, 0, (size_t)(colon - line.p)), value);
    return ERR_OK;
}

/* A line that came in one piece is read where it lies. */
static int end_line(struct sse_reader *r, struct str last)
{
    int rc;

    if (r->line.n == 0)
        return take_line(r, last);
    buf_add_view(&r->line, last);
    rc = take_line(r, buf_view(&r->line));
    buf_clear(&r->line);
    return rc;
}

static size_t line_end(struct str bytes, size_t from)
{
    while (from < bytes.n && bytes.p[from] != '\n' && bytes.p[from] != '\r')
        from++;
    return from;
}

int sse_reader_feed(struct sse_reader *r, struct str bytes)
{
    int rc = ERR_OK;
    size_t at = 0;

    while (at < bytes.n) {
        size_t end;

        if (r->after_cr && bytes.p[at] == '\n') {
            r->after_cr = false;
            at++;
            continue;
        }
        r->after_cr = false;
        end = line_end(bytes, at);
        TRY(check_size(r, end - at));
        if (end == bytes.n) {
            buf_add_view(&r->line, str_sub(bytes, at, end));
            break;
        }
        TRY(end_line(r, str_sub(bytes, at, end)));
        r->after_cr = bytes.p[end] == '\r';
        at = end + 1;
    }
out:
    return rc;
}
