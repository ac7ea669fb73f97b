#include "engine/caller.h"

#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/json.h"
#include "index/filter.h"
#include "store/store_keys.h"

static const char *const role_names[] = {"anyone", "read", "write", "admin"};

const char *role_name(enum role r)
{
    return role_names[r];
}

bool role_named(const char *name, enum role *out)
{
    for (int i = ROLE_READ; i <= ROLE_ADMIN; i++)
        if (strcmp(name, role_names[i]) == 0) {
            *out = (enum role)i;
            return true;
        }
    return false;
}

static struct caller *caller_new(void)
{
    struct arena *mem = arena_new(512);
    struct caller *c = ARENA_NEW(mem, struct caller);

    c->mem = mem;
    atomic_init(&c->refs, 1);
    return c;
}

struct caller *caller_ref(struct caller *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void caller_unref(struct caller *c)
{
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        arena_free(c->mem);
}

struct caller *caller_operator(const char *tenant)
{
    struct caller *c = caller_new();

    c->name = "";
    c->tenant = arena_strdup(c->mem, tenant);
    c->role = ROLE_ADMIN;
    return c;
}

/* ---- from a row ---- */

/* As the store has them: 1..64 of [A-Za-z0-9_.-]. */
static bool is_name(struct str s)
{
    if (s.n < 1 || s.n > 64)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", s.p[i],
                    65))
            return false;
    return true;
}

static int read_collections(struct caller *c, const char *list)
{
    const char **names = ARENA_ARRAY(c->mem, const char *, CALLER_COLLECTIONS_MAX);
    size_t n = 0;

    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ",");
        struct str name = {at, len};

        if (!is_name(name))
            return FAIL(ERR_ARGUMENT,
                        "'%.*s' is no name of a collection: 1 to 64 letters, digits, _ . or -",
                        STR_ARGS(name));
        if (n == CALLER_COLLECTIONS_MAX)
            return FAIL(ERR_LIMIT, "a key is for at most %d collections", CALLER_COLLECTIONS_MAX);
        names[n++] = arena_strndup(c->mem, name.p, name.n);
        at += len + (at[len] == ',');
        if (at[-1] == ',' && !*at)
            return FAIL(ERR_ARGUMENT, "'%s' ends with a comma: collections are told as a,b", list);
    }
    c->collections = names;
    c->n_collections = n;
    return ERR_OK;
}

/* Neighbours of a hit need not pass a filter, so one that tells a document's chunks apart would be
 * no wall between them. */
static int read_filter(struct caller *c, const char *canonical)
{
    int rc = ERR_OK;
    struct filter *filter = NULL;
    json_t *tree = NULL;

    if (!*canonical)
        return ERR_OK;
    TRY(json_parse(&tree, str_of(canonical), "the key's filter"));
    TRY(filter_from_json(&filter, tree, c->mem));
    if (c->role != ROLE_READ)
        rc = FAIL(ERR_ARGUMENT, "a key with a filter must have the role 'read'");
    else if (filter_names(filter, STR_LIT("_page")) || filter_names(filter, STR_LIT("_kind")))
        rc = FAIL(ERR_ARGUMENT, "a key's filter asks what documents have; _page and _kind are of "
                                "their chunks");
    c->filter = filter;
out:
    json_decref(tree);
    return rc;
}

int caller_of_row(struct caller **out, const struct key_row *row)
{
    int rc = ERR_OK;
    struct caller *c = caller_new();

    c->id = row->id;
    memcpy(&c->mark, row->hash.b, sizeof c->mark);
    c->name = arena_strdup(c->mem, row->name);
    c->tenant = arena_strdup(c->mem, row->tenant);
    c->expires_ms = row->expires_ms;
    c->limits = (struct key_limits){row->requests_per_minute, row->tokens_per_minute,
                                    row->tokens_per_day, row->concurrency};
    if (!is_name(str_of(row->tenant))) {
        rc = FAIL(ERR_ARGUMENT, "'%s' is no name of a tenant: 1 to 64 letters, digits, _ . or -",
                  row->tenant);
        goto out;
    }
    if (!role_named(row->role, &c->role)) {
        rc = FAIL(ERR_ARGUMENT, "'%s' is no role; it must be read, write or admin", row->role);
        goto out;
    }
    TRY(read_collections(c, row->collections));
    TRY(read_filter(c, row->filter));
    *out = c;
    c = NULL;
out:
    caller_unref(c);
    return rc;
}

bool caller_sees(const struct caller *c, const char *collection)
{
    for (size_t i = 0; i < c->n_collections; i++)
        if (strcmp(c->collections[i], collection) == 0)
            return true;
    return c->n_collections == 0;
}
