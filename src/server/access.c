#include "server/access.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "index/filter.h"
#include "server/exchange.h"
#include "server/routes.h"
#include "server/service.h"

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

/* ---- who ---- */

void access_forget(struct access_memo *m)
{
    caller_unref(m->caller);
    mem_free((char *)(uintptr_t)m->key.p);
    *m = (struct access_memo){0};
}

static char *copy_of(struct str s)
{
    char *p = mem_alloc(s.n + 1);

    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static bool is_remembered(const struct access_memo *m, struct str key, uint64_t version)
{
    return m->caller && m->version == version && str_eq(m->key, key) &&
           (m->caller->expires_ms == 0 || clock_wall_ms() < m->caller->expires_ms);
}

/* The token of "Authorization: Bearer TOKEN"; n 0: there is none. */
static struct str bearer_of(const struct request *r)
{
    static const char scheme[] = "Bearer ";
    size_t n = sizeof scheme - 1;
    struct str s = http_field(&r->head, "authorization");

    if (s.n <= n || !str_eq_nocase(str_sub(s, 0, n), str_of(scheme)))
        return (struct str){"", 0};
    while (n < s.n && s.p[n] == ' ')
        n++;
    return str_sub(s, n, s.n);
}

static struct caller *find_caller(const struct request *r, struct str key)
{
    struct keys *keys = engine_of(r)->keys;

    if (r->from_local || !keys_needed(keys))
        return keys_operator(keys);
    return key.n ? keys_find(keys, key, clock_wall_ms()) : NULL;
}

/* The memo's own reference is the one that is kept; r takes another. */
static void recall(struct request *r, struct access_memo *m, struct str key)
{
    uint64_t version = keys_version(engine_of(r)->keys);

    if (is_remembered(m, key, version))
        return;
    access_forget(m);
    m->caller = find_caller(r, key);
    m->key = (struct str){copy_of(key), key.n};
    m->version = version;
}

static int refuse_unknown(struct request *r, bool has_key)
{
    buf_add_str(&r->extra, has_key ? "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"
                                   : "WWW-Authenticate: Bearer\r\n");
    if (has_key)
        (void)FAIL(401, "this API key is not valid here: it is unknown, revoked or expired");
    else
        (void)FAIL(401, "an API key is needed: Authorization: Bearer KEY (`ragd key add` makes "
                        "one)");
    return 401;
}

int access_admit(struct request *r, struct access_memo *memo)
{
    struct str key = bearer_of(r);

    recall(r, memo, key);
    if (!memo->caller && r->route->role > ROLE_ANYONE)
        return refuse_unknown(r, key.n > 0);
    if (!memo->caller)
        return 0;
    if (memo->caller->role < r->route->role)
        return FAIL(403, "this API key has the role '%s'; %s %s needs '%s'",
                    role_name(memo->caller->role), r->route->method, r->route->pattern,
                    role_name(r->route->role));
    r->caller = caller_ref(memo->caller);
    return 0;
}

/* ---- what is there for that one ---- */

static int check_collection(const struct request *r, const char *collection)
{
    if (caller_sees(r->caller, collection))
        return ERR_OK;
    return FAIL(ERR_FORBIDDEN, "this API key is not for the collection '%.64s'", collection);
}

static const char *default_collection(const struct request *r)
{
    return r->caller->n_collections ? r->caller->collections[0] : engine_of(r)->config.collection;
}

int access_collection(struct request *r, struct str named, const char **out)
{
    int rc = ERR_OK;
    const char *collection =
        named.p ? arena_strndup(r->mem, named.p, named.n) : default_collection(r);

    if (named.p && memchr(named.p, '\0', named.n))
        return FAIL(ERR_ARGUMENT, "'collection' has a NUL character");
    TRY(check_collection(r, collection));
    *out = collection;
out:
    return rc;
}

bool access_sees_document(const struct request *r, const struct document_row *d)
{
    struct filter_builtin builtin = {.kind = "text",
                                     .document = d->key,
                                     .title = d->title,
                                     .page = 0,
                                     .ingested_ms = d->ingested_ms};
    json_t *metadata = NULL;
    bool passes;

    if (!r->caller->filter)
        return true;
    if (json_parse(&metadata, d->metadata.n ? d->metadata : STR_LIT("{}"), "metadata") < 0)
        return false;
    passes = filter_matches(r->caller->filter, metadata, &builtin);
    json_decref(metadata);
    return passes;
}

struct str access_scope(const struct request *r)
{
    return str_of(arena_printf(r->mem, "%s#%lld", r->caller->tenant, (long long)r->caller->id));
}

int access_query(struct request *r, const json_t *v, bool search_only, struct arena *mem,
                 struct query *q)
{
    int rc = ERR_OK;

    query_defaults(q, engine_of(r));
    q->tenant = r->caller->tenant;
    q->collection = default_collection(r);
    if (json_is_string(v)) {
        q->question = (struct str){json_string_value(v), json_string_length(v)};
        TRY(query_prepare(q, mem));
    } else {
        TRY(query_from_json(q, v, search_only, mem));
    }
    TRY(check_collection(r, q->collection));
    q->filter = filter_both(r->caller->filter, q->filter, mem);
out:
    return rc;
}
