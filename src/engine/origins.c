#include "engine/origins.h"

#include <string.h>

#include "base/err.h"

/* Takes the next of the list; false: there is none. */
static bool next_origin(struct str *rest, struct str *out)
{
    const char *comma;

    if (rest->n == 0)
        return false;
    comma = memchr(rest->p, ',', rest->n);
    *out = str_trim((struct str){rest->p, comma ? (size_t)(comma - rest->p) : rest->n});
    *rest = comma ? str_sub(*rest, (size_t)(comma - rest->p) + 1, rest->n)
                  : (struct str){rest->p + rest->n, 0};
    return true;
}

static size_t span(struct str s, size_t from, const char *more)
{
    size_t i = from;

    while (i < s.n && ((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
                       strchr(more, s.p[i])))
        i++;
    return i;
}

static bool is_origin(struct str s)
{
    size_t scheme = span(s, 0, "+-."), host = scheme + 3, end;

    if (scheme == 0 || s.n <= host || memcmp(s.p + scheme, "://", 3) != 0)
        return false;
    end = span(s, host, s.p[host] == '[' ? "[]:" : "-._");
    if (end == host)
        return false;
    if (end < s.n && s.p[end] == ':') {
        size_t digits = end + 1;

        end = digits;
        while (end < s.n && s.p[end] >= '0' && s.p[end] <= '9')
            end++;
        return end == s.n && end > digits;
    }
    return end == s.n;
}

bool origins_are_all(const char *list)
{
    return list[0] == '*' && list[1] == '\0';
}

int origins_check(const char *list)
{
    struct str rest = str_of(list), one;

    if (origins_are_all(list))
        return ERR_OK;
    while (next_origin(&rest, &one))
        if (!is_origin(one))
            return FAIL(ERR_ARGUMENT,
                        "'server.cors_origins': '%.*s' is not an origin as a browser sends it, "
                        "like https://a.example or http://localhost:3000",
                        STR_ARGS(one));
    return ERR_OK;
}

bool origins_have(const char *list, struct str origin)
{
    struct str rest = str_of(list), one;

    if (origins_are_all(list))
        return origin.n > 0;
    while (next_origin(&rest, &one))
        if (str_eq(one, origin))
            return true;
    return false;
}
