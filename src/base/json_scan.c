#include "base/json_scan.h"

#include "base/utf8.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Past blanks and the one that opens or separates. */
static const char *skip_to_next(const char *p, const char *end)
{
    while (p < end && (is_blank(*p) || *p == ',' || *p == ':'))
        p++;
    return p;
}

/* p is behind the opening quote; the result behind the closing one. */
static const char *string_end(const char *p, const char *end)
{
    for (;;) {
        const char *quote = p < end ? memchr(p, '"', (size_t)(end - p)) : NULL;
        const char *back = quote;

        if (!quote)
            return end;
        while (back > p && back[-1] == '\\')
            back--;
        if ((quote - back) % 2 == 0)
            return quote + 1;
        p = quote + 1; /* escaped, and what escapes it does not reach further */
    }
}

static const char *value_end(const char *p, const char *end)
{
    int depth = 0;

    while (p < end) {
        char c = *p;

        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            break;
        p++;
        if (c == '"')
            p = string_end(p, end);
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            break;
    }
    return p;
}

static struct str from(const char *p, const char *end)
{
    p = skip_to_next(p, end);
    return (struct str){p, (size_t)(end - p)};
}

struct str json_scan_open(struct str text)
{
    const char *end = text.p + text.n;
    const char *p = skip_to_next(text.p, end);

    return from(p < end ? p + 1 : p, end);
}

static struct str take_value(struct str *rest)
{
    const char *end = rest->p + rest->n, *p = rest->p;
    const char *stop = value_end(p, end), *last = stop;

    while (last > p && is_blank(last[-1]))
        last--;
    *rest = from(stop, end);
    return (struct str){p, (size_t)(last - p)};
}

bool json_scan_element(struct str *rest, struct str *value)
{
    if (rest->n == 0 || rest->p[0] == ']' || rest->p[0] == '}')
        return false;
    *value = take_value(rest);
    return true;
}

bool json_scan_member(struct str *rest, struct str *key, struct str *value)
{
    const char *end = rest->p + rest->n, *key_end;

    if (rest->n < 2 || rest->p[0] != '"')
        return false;
    key_end = string_end(rest->p + 1, end);
    *key = str_sub(*rest, 1, (size_t)(key_end - rest->p) - 1);
    *rest = from(key_end, end);
    *value = take_value(rest);
    return true;
}

struct str json_scan_get(struct str object, const char *key)
{
    struct str rest = json_scan_open(object), name, value;

    while (json_scan_member(&rest, &name, &value))
        if (str_eq(name, str_of(key)))
            return value;
    return (struct str){NULL, 0};
}

/* ---- what a string says ---- */

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        char c = p[i];

        v = v * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

/* At "\\uXXXX", perhaps the first of a pair; returns how many bytes it is. */
static size_t add_code_point(const char *p, size_t n, struct buf *out)
{
    uint32_t cp = n >= 6 ? hex4(p + 2) : UTF8_REPLACEMENT;
    uint32_t low = n >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : 0;
    size_t used = n < 6 ? n : 6;
    char bytes[4] = "";

    if (cp >= 0xd800 && cp < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
        used = 12;
    } else if (cp > 0xffff || (cp >= 0xd800 && cp < 0xe000)) {
        cp = UTF8_REPLACEMENT;
    }
    buf_add(out, bytes, utf8_encode(cp, bytes));
    return used;
}

/* At a backslash; returns how many bytes the escape is. */
static size_t add_escaped(const char *p, size_t n, struct buf *out)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    const char *at;

    if (n < 2)
        return n;
    if (p[1] == 'u')
        return add_code_point(p, n, out);
    at = strchr(from, p[1]);
    buf_add_char(out, at ? to[at - from] : p[1]);
    return 2;
}

bool json_scan_text(struct str quoted, struct buf *out)
{
    struct str s;

    if (quoted.n < 2 || quoted.p[0] != '"')
        return false;
    s = str_sub(quoted, 1, quoted.n - 1);
    while (s.n) {
        const char *back = memchr(s.p, '\\', s.n);
        size_t plain = back ? (size_t)(back - s.p) : s.n;

        buf_add(out, s.p, plain);
        s = str_sub(s, plain, s.n);
        if (back)
            s = str_sub(s, add_escaped(s.p, s.n, out), s.n);
    }
    return true;
}
