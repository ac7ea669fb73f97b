#include "base/jsonw.h"

#include <math.h>
#include <stdio.h>

#include "base/utf8.h"

static void separate(struct jsonw *w)
{
    if (w->comma)
        buf_add_char(w->out, ',');
    w->comma = true;
}

void jsonw_open(struct jsonw *w, char bracket)
{
    separate(w);
    buf_add_char(w->out, bracket);
    w->comma = false;
}

void jsonw_close(struct jsonw *w, char bracket)
{
    buf_add_char(w->out, bracket);
    w->comma = true;
}

void jsonw_key(struct jsonw *w, const char *key)
{
    separate(w);
    jsonw_string(w->out, str_of(key));
    buf_add_char(w->out, ':');
    w->comma = false;
}

void jsonw_str(struct jsonw *w, struct str s)
{
    separate(w);
    jsonw_string(w->out, s);
}

void jsonw_cstr(struct jsonw *w, const char *s)
{
    if (s)
        jsonw_str(w, str_of(s));
    else
        jsonw_null(w);
}

void jsonw_int(struct jsonw *w, int64_t v)
{
    separate(w);
    jsonw_integer(w->out, v);
}

void jsonw_fixed(struct jsonw *w, uint64_t v, int places)
{
    separate(w);
    buf_add_fixed(w->out, v, places);
}

void jsonw_real(struct jsonw *w, double v)
{
    separate(w);
    jsonw_number(w->out, v);
}

void jsonw_bool(struct jsonw *w, bool v)
{
    separate(w);
    buf_add_str(w->out, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w)
{
    separate(w);
    buf_add_str(w->out, "null");
}

void jsonw_raw(struct jsonw *w, struct str json)
{
    separate(w);
    buf_add_view(w->out, json);
}

static void escape(struct buf *out, unsigned char c)
{
    switch (c) {
    case '"': buf_add(out, "\\\"", 2); break;
    case '\\': buf_add(out, "\\\\", 2); break;
    case '\n': buf_add(out, "\\n", 2); break;
    case '\r': buf_add(out, "\\r", 2); break;
    case '\t': buf_add(out, "\\t", 2); break;
    default: buf_addf(out, "\\u%04x", c);
    }
}

/* ASCII that stands for itself: all but a few bytes of what is ever written. */
static const bool is_plain[256] = {
    [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};

void jsonw_string(struct buf *out, struct str s)
{
    size_t plain = 0; /* start of the run that needs no change */

    buf_reserve(out, s.n + 2);
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = 1;

        if (is_plain[c] || (c >= 0x80 && (len = utf8_valid_at(s.p + i, s.n - i)) > 0)) {
            i += len;
            continue;
        }
        buf_add(out, s.p + plain, i - plain);
        if (c >= 0x80)
            buf_add_str(out, "\xef\xbf\xbd");
        else
            escape(out, c);
        plain = ++i;
    }
    buf_add(out, s.p + plain, s.n - plain);
    buf_add_char(out, '"');
}

void jsonw_integer(struct buf *out, int64_t v)
{
    if (v < 0)
        buf_add_char(out, '-');
    buf_add_u64(out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void jsonw_number(struct buf *out, double v)
{
    if (!isfinite(v))
        buf_add_str(out, "null");
    else
        buf_addf(out, "%.6g", v);
}
