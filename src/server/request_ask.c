#include "server/request_ask.h"

#include "base/err.h"
#include "base/log.h"
#include "engine/engine.h"
#include "server/access.h"
#include "server/cache_control.h"
#include "server/routes.h"
#include "server/seen.h"
#include "server/service.h"
#include "server/tracing.h"

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

static void free_ask(void *ask)
{
    ask_done(ask);
}

void request_log_question(struct request *r, const struct query *q)
{
    char *text;

    if (!engine_settings(engine_of(r))->server.log_questions)
        return;
    text = arena_strndup(r->mem, q->question.p, q->question.n);
    trace_context_bind(tracing_context(r));
    log_event(LOG_INFO, "question", LOG_S("question", text), LOG_S("request_id", r->id));
    trace_context_bind(NULL);
}

/* RFC 9211. Age is told of what was kept, as RFC 9111 has it: since it was made, or since it was
 * found to stand, which is now. */
static void add_cache_status(struct request *r, const struct answer *a)
{
    static const char *const words[] = {
        [CACHE_MISS] = "fwd=miss",
        [CACHE_JOINED] = "fwd=miss; collapsed",
        [CACHE_BYPASS] = "fwd=bypass",
        [CACHE_HIT] = "hit; ttl=",
        [CACHE_REVALIDATED] = "hit; detail=revalidated; ttl=",
        [CACHE_STORED] = "hit; detail=stored; ttl=",
        [CACHE_SEMANTIC] = "hit; detail=semantic; ttl=",
        [CACHE_SHARED] = "hit; detail=shared; ttl=",
        [CACHE_PRECOMPUTED] = "hit; detail=precomputed; ttl=",
    };
    struct buf *out = &r->extra;
    bool stands_anew = a->cache == CACHE_REVALIDATED || a->cache == CACHE_STORED;

    r->cache = cache_status_name(a->cache);
    buf_reserve(out, 511); /* the timings that follow, too */
    buf_add_str(out, "Cache-Status: ragd-answer; ");
    buf_add_str(out, words[a->cache]);
    if (cache_status_is_hit(a->cache)) {
        buf_add_u64(out, (uint64_t)answer_ttl_s(a));
        buf_add_str(out, "\r\nAge: ");
        buf_add_u64(out, stands_anew ? 0 : (uint64_t)answer_age_s(a));
    }
    buf_add_str(out, "\r\n");
}

static struct ask *new_ask(struct request *r, void (*done)(struct ask *a))
{
    struct ask *a = ARENA_NEW(r->mem, struct ask);

    a->answer.trace.start_ns = r->start_ns;
    a->answer.mem = r->mem;
    a->loop = r->loop;
    a->done = done;
    a->arg = r;
    a->payer = r->limited;
    tracing_stages(r, &a->answer.trace);
    return a;
}

static void belongs_to(struct ask *a, struct request *r)
{
    request_defer(r, free_ask, a);
    r->ask = a;
}

/* ---- requests that were asked before ---- */

#define SEEN_PARTS 4

/* What a request's question is made of: who asks, the body, and the head's Cache-Control. Several
 * of those lines are rare, and not worth a key. */
static bool seen_parts(const struct request *r, struct str parts[SEEN_PARTS])
{
    bool one = true;
    struct str control = {NULL, 0};

    for (size_t i = 0; i < r->head.n_fields; i++) {
        if (!str_eq_nocase(r->head.fields[i].name, STR_LIT("cache-control")))
            continue;
        one = control.p == NULL;
        control = r->head.fields[i].value;
    }
    parts[0] = str_of(r->route->pattern);
    parts[1] = control;
    parts[2] = buf_view(&r->body);
    parts[3] = (struct str){(const char *)&r->caller->id, sizeof r->caller->id};
    return one;
}

bool request_ask_again(struct request *r, request_ask_ready_fn ready, void (*done)(struct ask *a))
{
    struct str parts[SEEN_PARTS];
    const struct seen_question *seen;
    struct ask *a;

    if (!seen_parts(r, parts))
        return false;
    seen = seen_find(r->loop->seen, query_keys_generation(engine_of(r)), parts, SEEN_PARTS);
    if (!seen)
        return false;
    a = new_ask(r, done);
    a->since_ns = trace_add(&a->answer.trace, STAGE_QUEUE, r->start_ns);
    a->query = seen->query;
    a->key = seen->key;
    if (!ask_cached(a))
        return false;
    belongs_to(a, r);
    tracing_question(r, &a->query);
    request_log_question(r, &a->query);
    if (ready)
        ready(a, seen->more);
    request_hold(r);
    ask_finish_cached(a);
    return true;
}

/* Of those that take nothing from memory, nothing is worth keeping, and of some nothing may be. */
void request_ask_learn(struct request *r, const struct ask *a, struct str more)
{
    struct str parts[SEEN_PARTS];
    struct seen_question q = {.key = a->key, .query = a->query, .more = more};
    bool looks_up = q.query.cache == QUERY_CACHE_DEFAULT || q.query.cache == QUERY_CACHE_ONLY;

    if (looks_up && seen_parts(r, parts))
        seen_add(r->loop->seen, a->generation, parts, SEEN_PARTS, &q);
}

/* ---- requests that are read ---- */

int request_ask(struct request *r, const json_t *tree, void (*done)(struct ask *a),
                struct ask **out)
{
    int rc = ERR_OK;
    struct engine *e = engine_of(r);
    struct ask *a = new_ask(r, done);
    struct cache_control control;

    a->generation = query_keys_generation(e); /* first: what is reloaded meanwhile ends it */
    TRY(access_query(r, tree, false, r->mem, &a->query));
    if (!json_object_get(tree, "cache")) {
        control = cache_control_of(&r->head);
        cache_control_apply(&control, &a->query);
    }
    a->trace = tracing_context(r);
    a->recorded = tracing_is_recorded(r);
    a->since_ns = trace_add(&a->answer.trace, STAGE_QUEUE, r->start_ns);
    a->key = query_key(e, &a->query, r->mem);
    tracing_question(r, &a->query);
    request_log_question(r, &a->query);
    belongs_to(a, r);
    *out = a;
out:
    return rc;
}

void request_ask_start(struct request *r, struct ask *a)
{
    request_hold(r);
    ask_start(a);
}

void request_ask_reply(struct request *r, struct ask *a, struct buf *body)
{
    ask_reply(a, body);
    add_cache_status(r, &a->answer);
    reply_timing(r, &a->answer.trace);
}

void request_ask_answer(struct request *r, struct ask *a)
{
    struct str pieces[QUERY_REPLY_PIECES];

    ask_reply_around(a, &r->loop->around, pieces);
    add_cache_status(r, &a->answer);
    reply_timing(r, &a->answer.trace);
    reply_json_pieces(r, 200, pieces, QUERY_REPLY_PIECES);
}

static void add_retry_after(struct request *r, const struct ask *a, const char *header)
{
    long long s = (long long)(a->answer.upstream_retry_ms + 999) / 1000;

    if (a->answer.upstream_status && a->answer.upstream_retry_ms >= 0)
        buf_addf(&r->extra, "%s: %lld\r\n", header, s);
}

void request_ask_retry_after(struct request *r, const struct ask *a)
{
    add_retry_after(r, a, a->rc < 0 ? "Retry-After" : "x-upstream-retry-after");
}

void request_ask_refuse_as(struct request *r, const struct ask *a, const struct refusal *why)
{
    add_retry_after(r, a, "Retry-After");
    reply_refusal(r, why);
}

void request_ask_refuse(struct request *r, struct ask *a)
{
    request_ask_retry_after(r, a);
    if (ask_status(a, a->rc) == 429)
        reply_refusal(r, &(struct refusal){429, "rate_limited", NULL, str_of(a->error)});
    else
        reply_error(r, a->rc, a->error);
}

static void asker_gone(struct request *r)
{
    ask_leave(r->ask);
}

void request_ask_began(struct ask *a)
{
    struct request *r = a->arg;

    r->gone_at_eof = true;
    r->on_gone = asker_gone;
    if (!r->conn)
        a->left = true;
}
