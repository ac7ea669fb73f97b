#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "engine/engine.h"
#include "query/query.h"
#include "server/access.h"
#include "server/request_ask.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/sse.h"
#include "server/tracing.h"

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

/* ---- POST /query and /query/stream ---- */

static int ask_of_body(struct request *r, void (*done)(struct ask *a), struct ask **out)
{
    json_t *tree = NULL;
    int rc = parse_body(r, &tree);

    if (rc == ERR_OK)
        rc = request_ask(r, tree, done, out);
    if (rc == ERR_OK)
        request_ask_learn(r, *out, STR_LIT(""));
    return rc;
}

static void query_answered(struct ask *a)
{
    struct request *r = a->arg;

    r->on_gone = NULL;
    if (a->rc < 0) {
        request_ask_refuse(r, a);
    } else {
        request_ask_retry_after(r, a);
        request_ask_answer(r, a);
    }
    request_release(r);
}

void handle_query(struct request *r)
{
    struct ask *a = NULL;
    int rc;

    if (request_ask_again(r, NULL, query_answered))
        return;
    rc = ask_of_body(r, query_answered, &a);
    if (rc < 0) {
        reply_error(r, rc, err_text());
        return;
    }
    a->began = request_ask_began;
    request_ask_start(r, a);
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

/* A model is answering: the stream follows its log, and is all that keeps it going. */
static void stream_began(struct ask *a)
{
    struct request *r = a->arg;
    bool came_back = http_field(&r->head, "last-event-id").p != NULL;
    struct event_log *l = event_log_ref(a->log);

    r->cache = cache_status_name(a->answer.cache);
    a->left = true;
    if (wants_text(r))
        sse_stream_text(r, l);
    else
        sse_stream(r, l, 0, came_back);
}

static void stream_answered(struct ask *a)
{
    struct request *r = a->arg;
    struct buf body = {0};

    if (a->log) {
        request_release(r); /* the log has told all */
        return;
    }
    if (a->rc < 0) {
        request_ask_refuse(r, a);
    } else {
        request_ask_reply(r, a, &body);
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
    int rc;

    /* who comes back with an id continues where it was, if we still know */
    if (!http_field(&r->head, "last-event-id").p && request_ask_again(r, NULL, stream_answered))
        return;
    rc = ask_of_body(r, stream_answered, &a);
    if (rc < 0) {
        reply_error(r, rc, err_text());
        return;
    }
    a->began = stream_began;
    a->follows = true;
    l = replay_find(r->loop->replay, http_field(&r->head, "last-event-id"), &a->key, &next);
    if (l) {
        sse_stream(r, l, next, false);
        return;
    }
    l = ask_live(a);
    r->cache = l ? cache_status_name(CACHE_JOINED) : NULL;
    if (l && wants_text(r))
        sse_stream_text(r, l);
    else if (l)
        sse_stream(r, l, 0, http_field(&r->head, "last-event-id").p != NULL);
    else
        request_ask_start(r, a);
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
    if (query_is_late(&s->query, r->work.submitted_ns))
        return FAIL(ERR_TIMEOUT, "the search's turn came after its deadline_ms");
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
    TRY(parse_body(r, &tree));
    TRY(access_query(r, tree, true, r->mem, &s->query));
    request_log_question(r, &s->query);
    tracing_stages(r, &s->answer.trace);
    tracing_question(r, &s->query);
    s->answer.trace.start_ns = r->start_ns;
    trace_add(&s->answer.trace, STAGE_QUEUE, r->start_ns);
    request_work(r, engine_of(r)->pool, QUEUE_URGENT, run_search, search_done);
out:
    if (rc < 0)
        reply_error(r, rc, err_text());
}
