#include "extract/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <strings.h>

#include "base/err.h"
#include "base/utf8.h"

#define SNIFF_BYTES 4096

static bool begins(struct str s, const char *p, size_t n)
{
    return str_starts(s, (struct str){p, n});
}

static struct str rest(struct str s, size_t from)
{
    return str_sub(s, from, s.n);
}

/* ---- UTF-16 ---- */

enum order { ORDER_NONE, ORDER_LITTLE, ORDER_BIG };

/* Western text in UTF-16 has a zero in nearly every second byte, always on the same side. */
static enum order utf16_without_mark(struct str s)
{
    size_t n = (s.n < SNIFF_BYTES ? s.n : SNIFF_BYTES) & ~(size_t)1;
    size_t zeros[2] = {0, 0};

    for (size_t i = 0; i < n; i++)
        zeros[i & 1] += s.p[i] == 0;
    if (n < 4)
        return ORDER_NONE;
    if (zeros[0] == 0 && zeros[1] * 2 >= n / 2 + 1)
        return ORDER_LITTLE;
    if (zeros[1] == 0 && zeros[0] * 2 >= n / 2 + 1)
        return ORDER_BIG;
    return ORDER_NONE;
}

static uint32_t unit_at(struct str s, size_t i, enum order order)
{
    uint32_t a = (unsigned char)s.p[i], b = (unsigned char)s.p[i + 1];

    return order == ORDER_LITTLE ? a | b << 8 : a << 8 | b;
}

static void add_code_point(struct buf *out, uint32_t cp)
{
    char bytes[4];
    size_t n = utf8_encode(cp, bytes);

    buf_add(out, bytes, n);
}

/* Lone surrogates and a last odd byte become U+FFFD. */
static int from_utf16(struct str s, enum order order, struct buf *out)
{
    for (size_t i = 0; i + 1 < s.n; i += 2) {
        uint32_t cp = unit_at(s, i, order);

        if (cp == 0)
            return FAIL(ERR_FORMAT, "binary data (a zero character at byte %zu)", i);
        if (cp >= 0xD800 && cp <= 0xDBFF && i + 3 < s.n) {
            uint32_t low = unit_at(s, i + 2, order);

            if (low >= 0xDC00 && low <= 0xDFFF) {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        if (cp >= 0xD800 && cp <= 0xDFFF)
            cp = UTF8_REPLACEMENT;
        add_code_point(out, cp);
    }
    if (s.n & 1)
        add_code_point(out, UTF8_REPLACEMENT);
    return ERR_OK;
}

/* ---- eight bits ---- */

/* 0x80..0x9F of Windows-1252; its five holes are control characters, which are cleaned away. */
static const uint16_t cp1252[32] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                    0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

static void from_cp1252(struct str s, struct buf *out)
{
    buf_reserve(out, s.n + s.n / 8);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x80)
            buf_add_char(out, (char)c);
        else
            add_code_point(out, c < 0xA0 ? cp1252[c - 0x80] : c);
    }
}

static bool looks_western(struct str s)
{
    size_t control = 0, high = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        high += c >= 0x80;
        control += (c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f') || c == 0x7F;
    }
    return control * 1000 <= s.n && high * 3 <= s.n;
}

/* Counts bytes that are not part of a well-formed character, and good characters beyond ASCII. */
static bool nearly_utf8(struct str s)
{
    size_t bad = 0, good = 0;

    for (size_t i = 0; i < s.n;) {
        size_t len = utf8_valid_at(s.p + i, s.n - i);

        bad += len == 0;
        good += len > 1;
        i += len ? len : 1;
    }
    return good > 0 && (bad <= good || bad <= s.n / 10000);
}

/* ---- what the document declares ---- */

static bool is_utf8_name(const char *name)
{
    return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0;
}

/* HTML says: what calls itself Latin-1 or ASCII is Windows-1252. */
static bool is_western_name(const char *name)
{
    static const char *const names[] = {"iso-8859-1",   "latin1",   "latin-1",
                                        "iso8859-1",    "us-ascii", "ascii",
                                        "windows-1252", "cp1252",   NULL};

    for (const char *const *n = names; *n; n++)
        if (strcasecmp(*n, name) == 0)
            return true;
    return false;
}

static void skip_bad_byte(char **in, size_t *n_in, struct buf *out)
{
    add_code_point(out, UTF8_REPLACEMENT);
    (*in)++;
    (*n_in)--;
}

/* False when there is no such charset. */
static bool from_charset(struct str s, const char *name, struct buf *out)
{
    iconv_t cd = iconv_open("UTF-8", name);
    char *in = (char *)(uintptr_t)s.p;
    size_t n_in = s.n;

    if (cd == (iconv_t)-1)
        return false;
    while (n_in) {
        char *to;
        size_t room;

        buf_reserve(out, 4096);
        to = out->p + out->n;
        room = out->cap - out->n - 1;
        if (iconv(cd, &in, &n_in, &to, &room) == (size_t)-1 && errno != E2BIG) {
            out->n = (size_t)(to - out->p);
            skip_bad_byte(&in, &n_in, out);
            continue;
        }
        out->n = (size_t)(to - out->p);
    }
    iconv_close(cd);
    buf_add(out, "", 0);
    return true;
}

static int decode_eight_bits(struct str s, const char *declared, struct buf *scratch,
                             struct str *text)
{
    bool utf8 = utf8_valid(s.p, s.n);

    if (!utf8 && declared && is_western_name(declared)) {
        from_cp1252(s, scratch);
        *text = buf_view(scratch);
    } else if (declared && !is_utf8_name(declared) && !is_western_name(declared) &&
               from_charset(s, declared, scratch)) {
        *text = buf_view(scratch);
    } else if (utf8 || nearly_utf8(s)) {
        *text = s;
    } else if (looks_western(s)) {
        from_cp1252(s, scratch);
        *text = buf_view(scratch);
    } else {
        return FAIL(ERR_FORMAT, "not UTF-8, UTF-16 or Latin-1 text");
    }
    return ERR_OK;
}

int encoding_decode(struct str bytes, const char *declared, struct buf *scratch, struct str *text)
{
    enum order order = ORDER_NONE;
    const char *zero;
    int rc;

    if (begins(bytes, "\xFF\xFE\0\0", 4) || begins(bytes, "\0\0\xFE\xFF", 4))
        return FAIL(ERR_FORMAT, "UTF-32 text; save it as UTF-8");
    if (begins(bytes, "\xEF\xBB\xBF", 3))
        bytes = rest(bytes, 3);
    else if (begins(bytes, "\xFF\xFE", 2))
        order = ORDER_LITTLE, bytes = rest(bytes, 2);
    else if (begins(bytes, "\xFE\xFF", 2))
        order = ORDER_BIG, bytes = rest(bytes, 2);
    else
        order = utf16_without_mark(bytes);
    if (order != ORDER_NONE) {
        rc = from_utf16(bytes, order, scratch);
        *text = buf_view(scratch);
        return rc;
    }
    zero = bytes.n ? memchr(bytes.p, 0, bytes.n) : NULL;
    if (zero)
        return FAIL(ERR_FORMAT, "binary data (a zero byte at %zu)", (size_t)(zero - bytes.p));
    return decode_eight_bits(bytes, declared, scratch, text);
}
