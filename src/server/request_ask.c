#include "server/request_ask.h"

#include "base/err.h"
#include "base/log.h"
#include "engine/engine.h"
#include "server/service.h"

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

static void free_ask(void *ask)
{
    ask_done(ask);
}

void request_log_question(const struct request *r, const struct query *q)
{
    char *text;

    if (!engine_of(r)->config.server.log_questions)
        return;
    text = arena_strndup(r->mem, q->question.p, q->question.n);
    log_event(LOG_INFO, "question", LOG_S("question", text), LOG_S("request_id", r->id));
}

/* RFC 9211. Age is told for what was stored, as RFC 9111 has it. */
static void add_cache_status(struct request *r, const struct answer *a)
{
    long long ttl = (long long)answer_ttl_s(a);

    buf_add_str(&r->extra, "Cache-Status: ragd-answer; ");
    switch (a->cache) {
    case CACHE_MISS: buf_add_str(&r->extra, "fwd=miss"); break;
    case CACHE_HIT: buf_addf(&r->extra, "hit; ttl=%lld", ttl); break;
    case CACHE_REVALIDATED:
    case CACHE_STORED:
    case CACHE_SEMANTIC:
    case CACHE_SHARED:
    case CACHE_PRECOMPUTED:
        buf_addf(&r->extra, "hit; ttl=%lld; detail=%s", ttl, cache_status_name(a->cache));
        break;
    case CACHE_JOINED: buf_add_str(&r->extra, "fwd=miss; collapsed"); break;
    case CACHE_BYPASS: buf_add_str(&r->extra, "fwd=bypass"); break;
    }
    buf_add_str(&r->extra, "\r\n");
    if (cache_status_is_hit(a->cache))
        buf_addf(&r->extra, "Age: %lld\r\n", (long long)answer_age_s(a));
}

int request_ask(struct request *r, const json_t *tree, void (*done)(struct ask *a),
                struct ask **out)
{
    int rc = ERR_OK;
    struct engine *e = engine_of(r);
    struct ask *a = ARENA_NEW(r->mem, struct ask);
    struct trace *trace = &a->answer.trace;

    trace->start_ns = r->start_ns;
    a->loop = r->loop;
    a->done = done;
    a->arg = r;
    a->answer.mem = r->mem;
    query_defaults(&a->query, e);
    TRY(query_from_json(&a->query, tree, false, r->mem));
    a->since_ns = trace_add(trace, STAGE_QUEUE, trace->start_ns);
    a->key = query_key(e, &a->query, r->mem);
    request_log_question(r, &a->query);
    request_defer(r, free_ask, a);
    r->ask = a;
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
