#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "engine/engine.h"
#include "query/query.h"
#include "server/ask.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/sse.h"

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

static void free_tree(void *tree)
{
    json_decref(tree);
}

static void free_answer(void *answer)
{
    answer_done(answer);
}

/* The body as a tree that goes with the request. */
static int parse_body(struct request *r, json_t **out)
{
    int rc = json_parse(out, buf_view(&r->body), "the request");

    if (rc == ERR_OK)
        request_defer(r, free_tree, *out);
    return rc;
}

static void log_question(const struct request *r, const struct query *q)
{
    char *text;

    if (!engine_of(r)->config.server.log_questions)
        return;
    text = arena_strndup(r->mem, q->question.p, q->question.n);
    log_event(LOG_INFO, "question", LOG_S("question", text), LOG_S("request_id", r->id));
}

/* ---- reply headers ---- */

/* RFC 9211. Age is told for what was stored, as RFC 9111 has it. */
static void add_cache_status(struct request *r, const struct answer *a)
{
    long long ttl = (long long)answer_ttl_s(a);

    buf_add_str(&r->extra, "Cache-Status: ragd-answer; ");
    switch (a->cache) {
    case CACHE_MISS: buf_add_str(&r->extra, "fwd=miss"); break;
    case CACHE_HIT: buf_addf(&r->extra, "hit; ttl=%lld", ttl); break;
    case CACHE_REVALIDATED: buf_addf(&r->extra, "hit; ttl=%lld; detail=revalidated", ttl); break;
    case CACHE_STORED: buf_addf(&r->extra, "hit; ttl=%lld; detail=stored", ttl); break;
    case CACHE_JOINED: buf_add_str(&r->extra, "fwd=miss; collapsed"); break;
    case CACHE_BYPASS: buf_add_str(&r->extra, "fwd=bypass"); break;
    }
    buf_add_str(&r->extra, "\r\n");
    if (a->cache == CACHE_HIT || a->cache == CACHE_REVALIDATED || a->cache == CACHE_STORED)
        buf_addf(&r->extra, "Age: %lld\r\n", (long long)answer_age_s(a));
}

/* ---- POST /query and /query/stream ---- */

/* Parses the request into an ask that belongs to r. */
static int new_ask(struct request *r, void (*done)(struct ask *a), struct ask **out)
{
    int rc = ERR_OK;
    struct engine *e = engine_of(r);
    struct ask *a = ARENA_NEW(r->mem, struct ask);
    json_t *tree = NULL;
    struct trace *trace = &a->answer.trace;

    trace->start_ns = r->start_ns;
    a->loop = r->loop;
    a->done = done;
    a->arg = r;
    a->answer.mem = r->mem;
    query_defaults(&a->query, e);
    TRY(parse_body(r, &tree));
    TRY(query_from_json(&a->query, tree, false, r->mem));
    a->since_ns = trace_add(trace, STAGE_QUEUE, trace->start_ns);
    a->key = query_key(e, &a->query, r->mem);
    log_question(r, &a->query);
    request_defer(r, free_answer, &a->answer);
    *out = a;
out:
    return rc;
}

/* Holds the request for the time that the ask is away. */
static void start_ask(struct request *r, struct ask *a)
{
    request_hold(r);
    ask_start(a);
}

static void write_answer(struct request *r, struct ask *a, struct buf *body)
{
    ask_reply(a, body);
    add_cache_status(r, &a->answer);
    reply_timing(r, &a->answer.trace);
}

static void query_answered(struct ask *a)
{
    struct request *r = a->arg;
    struct buf body = {0};

    if (a->rc < 0) {
        reply_error(r, a->rc, a->error);
    } else {
        write_answer(r, a, &body);
        reply_json(r, 200, &body);
    }
    request_release(r);
}

void handle_query(struct request *r)
{
    struct ask *a = NULL;
    int rc = new_ask(r, query_answered, &a);

    if (rc < 0)
        reply_error(r, rc, err_text());
    else
        start_ask(r, a);
}

static bool wants_text(const struct request *r)
{
    struct str accept = http_field(&r->head, "accept");

    return http_accepts(accept, "text/plain") && !http_accepts(accept, "text/event-stream");
}

/* The stream of a reply that is ready. A client that came back with an id we do not know learns
 * that it starts again. */
static void stream_reply(struct request *r, const struct digest *key, struct str reply_text)
{
    bool came_back = http_field(&r->head, "last-event-id").p != NULL;
    struct event_log *l;
    int rc = sse_log_of_reply(&l, key, reply_text);

    if (rc < 0) {
        reply_error(r, rc, err_text());
        return;
    }
    if (wants_text(r)) {
        sse_stream_text(r, l);
        return;
    }
    replay_keep(r->loop->replay, l, r->loop->now_ms);
    sse_stream(r, l, 0, came_back);
}

static void stream_answered(struct ask *a)
{
    struct request *r = a->arg;
    struct buf body = {0};

    if (a->rc < 0) {
        reply_error(r, a->rc, a->error);
    } else {
        write_answer(r, a, &body);
        stream_reply(r, &a->key, buf_view(&body));
    }
    buf_done(&body);
    request_release(r);
}

void handle_query_stream(struct request *r)
{
    struct ask *a = NULL;
    struct event_log *l;
    size_t next;
    int rc = new_ask(r, stream_answered, &a);

    if (rc < 0) {
        reply_error(r, rc, err_text());
        return;
    }
    l = replay_find(r->loop->replay, http_field(&r->head, "last-event-id"), &a->key, &next);
    if (l)
        sse_stream(r, l, next, false);
    else
        start_ask(r, a);
}

/* ---- POST /search ---- */

struct searching {
    struct query query;
    struct answer answer;
};

static int run_search(struct request *r)
{
    struct searching *s = r->state;
    struct trace *trace = &s->answer.trace;
    int rc;

    trace_add(trace, STAGE_QUEUE, r->work.submitted_ns);
    rc = query_search(engine_of(r), &s->query, &s->answer);
    r->work.submitted_ns = clock_ns(); /* the way back is waiting too */
    return rc;
}

static void search_done(struct request *r, int rc)
{
    struct searching *s = r->state;
    struct buf body = {0};

    trace_add(&s->answer.trace, STAGE_QUEUE, r->work.submitted_ns);
    if (rc < 0) {
        reply_error(r, rc, r->work.error);
        return;
    }
    query_search_reply(&s->query, &s->answer, &body);
    metrics_trace(r->loop->service->metrics, &s->answer.trace);
    reply_timing(r, &s->answer.trace);
    reply_json(r, 200, &body);
}

void handle_search(struct request *r)
{
    int rc = ERR_OK;
    struct searching *s = ARENA_NEW(r->mem, struct searching);
    json_t *tree = NULL;

    r->state = s;
    s->answer.mem = r->mem;
    request_defer(r, free_answer, &s->answer);
    query_defaults(&s->query, engine_of(r));
    TRY(parse_body(r, &tree));
    TRY(query_from_json(&s->query, tree, true, r->mem));
    log_question(r, &s->query);
    s->answer.trace.start_ns = r->start_ns;
    trace_add(&s->answer.trace, STAGE_QUEUE, r->start_ns);
    request_work(r, engine_of(r)->pool, QUEUE_URGENT, run_search, search_done);
out:
    if (rc < 0)
        reply_error(r, rc, err_text());
}
