#include "base/json_scan.h"

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
