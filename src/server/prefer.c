#include "server/prefer.h"

/* Up to the next `sep` outside of quotes; false at the end. */
static bool next_part(struct str *rest, char sep, struct str *part)
{
    bool quoted = false;
    size_t i;

    if (rest->n == 0)
        return false;
    for (i = 0; i < rest->n && (quoted || rest->p[i] != sep); i++)
        if (rest->p[i] == '"')
            quoted = !quoted;
        else if (rest->p[i] == '\\' && quoted)
            i++;
    i = i < rest->n ? i : rest->n;
    *part = str_sub(*rest, 0, i);
    *rest = str_sub(*rest, i < rest->n ? i + 1 : i, rest->n);
    return true;
}

/* "wait=10; x=y" is a preference with a parameter: of it the first part counts. */
static bool find_in(struct str field, struct str name, struct str *value)
{
    struct str entry, first, key;

    while (next_part(&field, ',', &entry)) {
        if (!next_part(&entry, ';', &first) || !next_part(&first, '=', &key))
            continue;
        if (str_eq_nocase(str_trim(key), name)) {
            *value = str_trim(first);
            return true; /* the first one counts */
        }
    }
    return false;
}

static bool find(const struct http_head *h, const char *name, struct str *value)
{
    for (size_t i = 0; i < h->n_fields; i++)
        if (str_eq_nocase(h->fields[i].name, STR_LIT("prefer")) &&
            find_in(h->fields[i].value, str_of(name), value))
            return true;
    return false;
}

bool prefer_has(const struct http_head *h, const char *name)
{
    struct str unused;

    return find(h, name, &unused);
}

int64_t prefer_number(const struct http_head *h, const char *name, int64_t max)
{
    struct str s;
    int64_t v = 0;

    if (!find(h, name, &s))
        return 0;
    for (size_t i = 0; i < s.n && v <= max; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        v = v * 10 + (s.p[i] - '0');
    }
    return v < max ? v : max;
}
