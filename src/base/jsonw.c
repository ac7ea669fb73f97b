#include "base/jsonw.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/check.h"
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

/* ---- floats ----
 *
 * x = m * 10^(e-8), m of nine digits. The product with a power of ten is off by 2^-51 at most, so
 * what nine digits lose (5e-9) decides, and that is well below half the distance of two floats
 * (2^-25 = 3e-8): whoever reads the number gets the same float. */

#define DIGITS 9

/* Up to 10^22 powers of ten are exact as doubles. */
static double times_ten_to(double x, int by)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (by < 0)
        return by < -22 ? x / 1e22 / powers[-by - 22] : x / powers[-by];
    for (; by > 22; by -= 22)
        x *= 1e22;
    return x * powers[by];
}

/* The digits of x > 0 without zeros at the end; returns how many. *e: the first one's place. */
static int nine_digits(double x, char digits[DIGITS], int *e)
{
    int n = DIGITS;
    double scaled;
    uint32_t m;

    *e = ilogb(x) * 1233 >> 12; /* log10(2) = 1233/4096, rounded down: right, or one too small */
    scaled = times_ten_to(x, DIGITS - 1 - *e);
    if (scaled >= 999999999.5)
        scaled = times_ten_to(x, DIGITS - 1 - ++*e);
    m = (uint32_t)(scaled + 0.5);
    for (int i = DIGITS - 1; i >= 0; i--, m /= 10)
        digits[i] = (char)('0' + m % 10);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

static char *put(char *p, const char *from, int n)
{
    return (char *)memcpy(p, from, (size_t)n) + n;
}

/* "1.25e-07"; out has room for JSONW_FLOAT_MAX. Returns the end. */
static char *put_scientific(char *p, const char *digits, int n, int e)
{
    *p++ = digits[0];
    if (n > 1)
        *p++ = '.';
    p = put(p, digits + 1, n - 1);
    *p++ = 'e';
    *p++ = e < 0 ? '-' : '+';
    e = e < 0 ? -e : e;
    *p++ = (char)('0' + e / 10);
    *p++ = (char)('0' + e % 10);
    return p;
}

static char *put_float(char *p, float v)
{
    char digits[DIGITS];
    int e, n;

    if (!isfinite(v))
        return put(p, "null", 4);
    if (signbit(v))
        *p++ = '-';
    if (v == 0)
        return put(p, "0.0", 3);
    n = nine_digits(fabs((double)v), digits, &e);
    if (e < -4 || e > 0)
        return put_scientific(p, digits, n, e);
    if (e < 0) /* nearly every component of a unit vector */
        return put(put(p, "0.000", 1 - e), digits, n);
    *p++ = digits[0];
    *p++ = '.';
    return n > 1 ? put(p, digits + 1, n - 1) : put(p, "0", 1);
}

void jsonw_floats(struct jsonw *w, const float *v, size_t n)
{
    char *p;

    jsonw_open(w, '[');
    buf_reserve(w->out, n * JSONW_FLOAT_MAX);
    p = w->out->p + w->out->n;
    for (size_t i = 0; i < n; i++) {
        if (i)
            *p++ = ',';
        p = put_float(p, v[i]);
    }
    w->out->n = (size_t)(p - w->out->p);
    jsonw_close(w, ']');
}

void jsonw_base64(struct jsonw *w, const void *bytes, size_t n)
{
    size_t wanted = (n + 2) / 3 * 4;

    CHECK(n <= INT32_MAX);
    separate(w);
    buf_add_char(w->out, '"');
    buf_reserve(w->out, wanted + 1); /* it ends with a NUL */
    EVP_EncodeBlock((unsigned char *)w->out->p + w->out->n, bytes, (int)n);
    w->out->n += wanted;
    buf_add_char(w->out, '"');
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
