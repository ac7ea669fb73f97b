/* routes_batch.c - POST /query/batch: many questions in one request.
 *
 * Each different question is one ask; at most `concurrency` of them are away at a time, so a batch
 * cannot fill the queue of others. The same question twice waits for the first one's reply. When
 * the client leaves, what has not begun does not begin, and models that answer for it alone are
 * cancelled.
 */
#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/map.h"
#include "engine/engine.h"
#include "server/access.h"
#include "server/ask.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/tracing.h"

#define BATCH_MAX             256
#define BATCH_CONCURRENCY_MAX 64

struct item {
    struct ask ask;
    struct batch *batch;
    struct item *same; /* an earlier item with the same question, or NULL */
    int rc;            /* of parsing, then of the ask */
    struct buf reply;  /* a reply or a problem */
    double total_ms;
};

struct batch {
    struct request *r;
    struct item *items;
    size_t n, next, n_away, n_concurrent;
    struct trace trace; /* stages of all questions together; the total is the request's */
    bool starting;
};

static void free_batch(void *arg)
{
    struct batch *b = arg;

    for (size_t i = 0; i < b->n; i++) {
        ask_done(&b->items[i].ask);
        buf_done(&b->items[i].reply);
        arena_free(b->items[i].ask.answer.mem);
    }
}

/* ---- the reply ---- */

static void write_problem(struct item *it, int rc, const char *text)
{
    it->rc = rc;
    http_problem(&it->reply, http_status_of(rc), err_name(rc), str_of(text));
}

static void write_results(const struct batch *b, struct buf *out)
{
    struct jsonw w = jsonw_to(out);
    double sum_ms = 0;
    size_t n_runs = 0;

    jsonw_open(&w, '{');
    jsonw_key(&w, "results");
    jsonw_open(&w, '[');
    for (size_t i = 0; i < b->n; i++) {
        const struct item *it = b->items[i].same ? b->items[i].same : &b->items[i];

        jsonw_raw(&w, buf_view(&it->reply));
        sum_ms += b->items[i].total_ms;
        n_runs += !b->items[i].same && it->rc == ERR_OK;
    }
    jsonw_close(&w, ']');
    jsonw_key(&w, "timings");
    jsonw_open(&w, '{');
    jsonw_key(&w, "questions"), jsonw_int(&w, (int64_t)b->n);
    jsonw_key(&w, "distinct"), jsonw_int(&w, (int64_t)n_runs);
    jsonw_key(&w, "questions_ms"), jsonw_real(&w, sum_ms);
    jsonw_key(&w, "total_ms"), jsonw_real(&w, clock_ms_since(b->r->start_ns));
    jsonw_close(&w, '}');
    jsonw_close(&w, '}');
}

/* ---- running ---- */

static void go_on(struct batch *b);

static void item_done(struct ask *a)
{
    struct item *it = a->arg;

    if (a->rc < 0) {
        write_problem(it, a->rc, a->error);
    } else {
        ask_reply(a, &it->reply);
        it->total_ms = (double)trace_total_ns(&a->answer.trace) / 1e6;
        for (int i = 0; i < N_STAGES; i++)
            it->batch->trace.ns[i] += a->answer.trace.ns[i];
    }
    it->batch->n_away--;
    go_on(it->batch);
}

/* Asks that have not begun or are done take no harm. The last one's end is the batch's. */
static void client_gone(struct request *r)
{
    struct batch *b = r->state;

    for (size_t i = 0; i < b->n; i++)
        ask_leave(&b->items[i].ask);
}

/* From now on the client's leaving is worth noticing. */
static void item_began(struct ask *a)
{
    const struct item *it = a->arg;
    struct request *r = it->batch->r;

    r->gone_at_eof = true;
    r->on_gone = client_gone;
    if (!r->conn)
        a->left = true;
}

/* A cached question is done before ask_start returns: `starting` keeps that from recursing. */
static void go_on(struct batch *b)
{
    struct buf body = {0};

    if (b->starting)
        return;
    b->starting = true;
    if (!b->r->conn)
        b->next = b->n; /* nobody waits for the rest */
    while (b->next < b->n && b->n_away < b->n_concurrent) {
        struct item *it = &b->items[b->next++];

        if (it->same || it->rc < 0)
            continue;
        b->n_away++;
        trace_start(&it->ask.answer.trace);
        it->ask.since_ns = it->ask.answer.trace.start_ns;
        ask_start(&it->ask);
    }
    b->starting = false;
    if (b->next < b->n || b->n_away > 0)
        return;
    b->r->on_gone = NULL;
    write_results(b, &body);
    reply_timing(b->r, &b->trace);
    reply_json(b->r, 200, &body);
    request_release(b->r);
}

/* ---- reading ---- */

static int parse_item(struct batch *b, struct item *it, const json_t *v)
{
    int rc = ERR_OK;
    struct engine *e = b->r->loop->service->engine;
    struct ask *a = &it->ask;

    *a = (struct ask){.loop = b->r->loop,
                      .done = item_done,
                      .began = item_began,
                      .arg = it,
                      .payer = b->r->limited};
    a->answer.mem = arena_new(0);
    a->trace = tracing_context(b->r);
    TRY(access_query(b->r, v, false, a->answer.mem, &a->query));
    a->key = query_key(e, &a->query, a->answer.mem);
out:
    return rc;
}

/* Two items are the same when key, use of the cache, reuse by meaning and deadline are. */
static void find_same(struct batch *b, struct map *seen, size_t i)
{
    struct item *it = &b->items[i];
    struct {
        struct digest key;
        int64_t deadline_ms, cache, semantic;
    } id = {it->ask.key, it->ask.query.deadline_ms, (int64_t)it->ask.query.cache,
            (int64_t)it->ask.query.semantic};
    bool added;
    uint64_t *slot = map_slot(seen, &id, sizeof id, i, &added);

    if (!added)
        it->same = &b->items[*slot];
}

static void parse_items(struct batch *b, const json_t *questions)
{
    struct map *seen = map_new();

    for (size_t i = 0; i < b->n; i++) {
        struct item *it = &b->items[i];
        int rc = parse_item(b, it, json_array_get(questions, i));

        it->batch = b;
        if (rc < 0)
            write_problem(it, rc, err_text());
        else
            find_same(b, seen, i);
    }
    map_free(seen);
}

static void free_tree(void *tree)
{
    json_decref(tree);
}

static int read_batch(struct request *r, struct batch *b)
{
    static const char *const known[] = {"questions", "concurrency", NULL};
    int rc = ERR_OK;
    json_t *tree = NULL;
    const json_t *questions;
    int64_t concurrency = pool_threads(r->loop->service->engine->pool);

    TRY(json_parse(&tree, buf_view(&r->body), "the request"));
    request_defer(r, free_tree, tree);
    questions = json_object_get(tree, "questions");
    if (!json_is_array(questions))
        return FAIL(ERR_ARGUMENT, "'questions' is required: a list of strings or requests");
    TRY(json_only(tree, known, "the request"));
    TRY(json_get_int(tree, "concurrency", 1, BATCH_CONCURRENCY_MAX, &concurrency));
    if (json_array_size(questions) == 0 || json_array_size(questions) > BATCH_MAX)
        return FAIL(ERR_ARGUMENT, "'questions' has %zu entries; it must have 1 to %d",
                    json_array_size(questions), BATCH_MAX);
    b->r = r;
    b->trace.start_ns = r->start_ns;
    r->state = b;
    b->n = json_array_size(questions);
    b->n_concurrent = (size_t)concurrency;
    b->items = ARENA_ARRAY(r->mem, struct item, b->n);
    request_defer(r, free_batch, b);
    parse_items(b, questions);
out:
    return rc;
}

void handle_query_batch(struct request *r)
{
    struct batch *b = ARENA_NEW(r->mem, struct batch);
    int rc = read_batch(r, b);

    if (rc < 0) {
        reply_error(r, rc, err_text());
        return;
    }
    request_hold(r); /* go_on releases it with the reply */
    go_on(b);
}
