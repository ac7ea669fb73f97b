#include "server/ask.h"

#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "server/http.h"
#include "server/service.h"

static struct ask *ask_of(struct work *w)
{
    return (struct ask *)((char *)w - offsetof(struct ask, work));
}

static void finish(struct ask *a, int rc, const char *error)
{
    struct metrics *m = a->loop->service->metrics;

    a->rc = rc;
    a->error = error;
    if (rc == ERR_OK && a->answer.cache == CACHE_MISS)
        metrics_count(m, COUNT_RUNS);
    if (rc == ERR_OK && a->answer.cache == CACHE_JOINED)
        metrics_count(m, COUNT_JOINED);
    a->done(a);
}

void ask_reply(struct ask *a, struct buf *out)
{
    query_reply(&a->answer, a->id, out);
    metrics_trace(a->loop->service->metrics, &a->answer.trace);
}

static void came_back(struct work *w)
{
    struct ask *a = ask_of(w);

    trace_add(&a->answer.trace, STAGE_QUEUE, w->submitted_ns);
    finish(a, w->rc, w->error);
}

/* ---- our own run ---- */

static int run(struct work *w)
{
    struct ask *a = ask_of(w);
    struct engine *e = a->loop->service->engine;
    struct trace *trace = &a->answer.trace;
    uint64_t since;
    int rc;

    trace_add(trace, STAGE_QUEUE, w->submitted_ns);
    rc = query_run(e, &a->query, &a->answer);
    since = clock_ns();
    if (a->leads)
        flights_land(e->flights, &a->flight, a->answer.shared, rc, err_text());
    w->submitted_ns = trace_add(trace, STAGE_CACHE, since); /* the way back is waiting too */
    return rc;
}

static void start_run(struct ask *a)
{
    struct engine *e = a->loop->service->engine;
    int rc;

    a->work = (struct work){.loop = a->loop, .run = run, .done = came_back};
    rc = work_submit(&a->work, e->pool, QUEUE_URGENT);
    if (rc == ERR_OK)
        return;
    if (a->leads)
        flights_land(e->flights, &a->flight, NULL, rc, err_text());
    finish(a, rc, err_text());
}

/* ---- another's run ---- */

/* On the leader's thread. */
static void landed(void *arg, struct lru_value *reply, int rc, const char *error)
{
    struct ask *a = arg;

    a->answer.shared = reply;
    a->work.rc = rc;
    a->work.error = rc < 0 ? mem_strdup(error) : NULL;
    loop_post(&a->work);
}

/* Only questions that want the plain answer share a run: one with a deadline may be answered in
 * part, which nobody else should get, and one that asks for a fresh run gets one. */
static bool may_share(const struct query *q)
{
    return q->cache == QUERY_CACHE_DEFAULT && q->deadline_ms == 0;
}

void ask_start(struct ask *a)
{
    struct engine *e = a->loop->service->engine;
    uint64_t since;

    bool cached = query_cached(e, &a->query, &a->key, &a->answer);

    http_random_id(&a->loop->ids, "q_", a->id);
    since = trace_add(&a->answer.trace, STAGE_CACHE, a->since_ns);
    a->leads = false;
    if (cached) {
        finish(a, ERR_OK, NULL);
        return;
    }
    if (may_share(&a->query)) {
        a->flight = query_flight_key(e, &a->query, &a->key);
        a->work = (struct work){.loop = a->loop, .done = came_back, .submitted_ns = since};
        a->answer.cache = CACHE_JOINED;
        work_expect(&a->work);
        if (!flights_join(e->flights, &a->flight, landed, a))
            return;
        a->loop->n_away--; /* we lead: nobody else will post it */
        a->leads = true;
        a->answer.cache = CACHE_MISS;
    }
    trace_add(&a->answer.trace, STAGE_CACHE, since);
    start_run(a);
}
