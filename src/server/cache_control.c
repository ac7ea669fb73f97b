#include "server/cache_control.h"

#include "server/http.h"

/* The end of a directive: the next comma that is not inside a quoted string. */
static size_t directive_end(struct str s)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < s.n && (quoted || s.p[i] != ','); i++) {
        if (s.p[i] == '"')
            quoted = !quoted;
        else if (quoted && s.p[i] == '\\')
            i++;
    }
    return i < s.n ? i : s.n;
}

/* Digits, which may stand in quotes; a number that is too large is a large one. */
static bool read_seconds(struct str s, int64_t *out)
{
    int64_t n = 0;

    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = str_sub(s, 1, s.n - 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        n = n < CACHE_CONTROL_S_MAX ? n * 10 + (s.p[i] - '0') : n;
    }
    *out = n < CACHE_CONTROL_S_MAX ? n : CACHE_CONTROL_S_MAX;
    return s.n > 0;
}

static void take_seconds(struct str value, bool *has, int64_t *out)
{
    if (!*has)
        *has = read_seconds(value, out);
}

static void take(struct str directive, struct cache_control *c)
{
    const char *equals = directive.n ? memchr(directive.p, '=', directive.n) : NULL;
    size_t n = equals ? (size_t)(equals - directive.p) : directive.n;
    struct str name = str_trim(str_sub(directive, 0, n));
    struct str value = equals ? str_trim(str_sub(directive, n + 1, directive.n)) : STR_LIT("");

    if (str_eq_nocase(name, STR_LIT("no-cache")))
        c->no_cache = true;
    else if (str_eq_nocase(name, STR_LIT("no-store")))
        c->no_store = true;
    else if (str_eq_nocase(name, STR_LIT("only-if-cached")))
        c->only_if_cached = true;
    else if (str_eq_nocase(name, STR_LIT("max-age")))
        take_seconds(value, &c->has_max_age, &c->max_age_s);
    else if (str_eq_nocase(name, STR_LIT("min-fresh")))
        take_seconds(value, &c->has_min_fresh, &c->min_fresh_s);
}

void cache_control_parse(struct str value, struct cache_control *c)
{
    while (value.n) {
        size_t n = directive_end(value);

        take(str_sub(value, 0, n), c);
        value = str_sub(value, n < value.n ? n + 1 : n, value.n);
    }
}

struct cache_control cache_control_of(const struct http_head *h)
{
    struct cache_control c = {0};

    for (size_t i = 0; i < h->n_fields; i++)
        if (str_eq_nocase(h->fields[i].name, STR_LIT("cache-control")))
            cache_control_parse(h->fields[i].value, &c);
    return c;
}

void cache_control_apply(const struct cache_control *c, struct query *q)
{
    if (c->only_if_cached) /* keeps nothing either, as it makes nothing */
        q->cache = QUERY_CACHE_ONLY;
    else if (c->no_store)
        q->cache = QUERY_CACHE_NO_STORE;
    q->freshness = (struct query_freshness){.revalidate = c->no_cache,
                                            .has_max_age = c->has_max_age,
                                            .max_age_s = c->max_age_s,
                                            .min_fresh_s = c->has_min_fresh ? c->min_fresh_s : 0};
}
