#include "query/precompute.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"
#include "generate/chat_models.h"
#include "query/query.h"

/* ---- one answer ---- */

static int whole_or_why(const struct answer *ans)
{
    if (ans->degraded & (DEGRADED_QUOTED | DEGRADED_MODEL | DEGRADED_GENERATE))
        return FAIL(ERR_UNAVAILABLE, "the language model did not answer: %s",
                    ans->upstream_error ? ans->upstream_error : "another had to stand in");
    if (ans->degraded & DEGRADED_LENGTH)
        return FAIL(ERR_LIMIT, "the language model's answer was cut off at its bound of tokens");
    if (ans->degraded & DEGRADED_EMBED)
        return FAIL(ERR_UNAVAILABLE, "the question could not be embedded");
    if (ans->degraded)
        return FAIL(ERR_UNAVAILABLE, "the passages could not be reranked");
    return ERR_OK;
}

int precompute_answer(struct engine *e, struct query *q, struct answer *ans,
                      const struct answer_listener *listener)
{
    int rc = ERR_OK;

    q->precomputing = true;
    q->deadline_ms = 0;
    TRY(query_answer_behind(e, q, ans, listener));
    TRY(whole_or_why(ans));
out:
    return rc;
}

/* Reads the request again each time: what it is made of lives in the answer's arena. */
static int ask(struct engine *e, const struct precompute_question *p, enum query_cache cache,
               const struct precompute_options *o, struct answer *ans)
{
    int rc = ERR_OK;
    struct query q;

    *ans = (struct answer){.mem = arena_new(0)};
    if (!p->request)
        return FAIL(ERR_FORMAT, "%s", p->reason);
    trace_start(&ans->trace);
    query_defaults(&q, e);
    q.tenant = p->tenant;
    TRY(query_from_json(&q, p->request, false, ans->mem));
    q.cache = cache;
    q.ttl_ms = o->ttl_ms;
    TRY(precompute_answer(e, &q, ans,
                          &(struct answer_listener){.cancelled = o->cancelled, .arg = o->arg}));
out:
    return rc;
}

static void forget(struct answer *ans)
{
    answer_done(ans);
    arena_free(ans->mem);
}

static bool stands(const struct answer *ans, int64_t ttl_ms)
{
    const struct lru_value *v = ans->shared;

    return v->precomputed && v->stored_ms + v->ttl_ms - clock_wall_ms() >= ttl_ms / 2;
}

/* ---- all of them ---- */

struct run {
    struct engine *e;
    const struct precompute_list *list;
    const struct precompute_options *o;
    atomic_size_t next;
    pthread_mutex_t mu; /* guards the fields below, and the callbacks */
    struct precompute_report *report;
    size_t n_done;
};

static double cost_of(const struct engine *e, const struct answer *ans)
{
    int i = ans->generated.model && e->chat_models
                ? chat_models_find(e->chat_models, ans->generated.model)
                : -1;
    const struct chat_model *m = i < 0 ? NULL : chat_models_get(e->chat_models, (size_t)i);

    return m ? (m->price_in * ans->generated.tokens_in + m->price_out * ans->generated.tokens_out) /
                   1e6
             : 0;
}

static void tell(struct run *r, const struct precompute_question *p, int rc, bool made,
                 const struct answer *ans)
{
    struct precompute_report *report = r->report;

    pthread_mutex_lock(&r->mu);
    r->n_done++;
    if (rc < 0) {
        report->n_failed++;
        if (r->o->failed)
            r->o->failed(r->o->arg, p, err_text());
    } else if (made) {
        report->n_made++;
    } else {
        report->n_kept++;
    }
    report->tokens_in += ans->generated.tokens_in; /* of a failed one too: it was paid for */
    report->tokens_out += ans->generated.tokens_out;
    report->cost += cost_of(r->e, ans);
    if (r->o->progress)
        r->o->progress(r->o->arg, r->n_done, r->list->n);
    pthread_mutex_unlock(&r->mu);
}

static void see_to(struct run *r, const struct precompute_question *p)
{
    struct answer ans;
    int rc = ask(r->e, p, QUERY_CACHE_DEFAULT, r->o, &ans);
    bool found = rc == ERR_OK && cache_status_is_hit(ans.cache);
    bool made = rc == ERR_OK && !found;

    if (found && !stands(&ans, r->o->ttl_ms)) {
        forget(&ans);
        rc = ask(r->e, p, QUERY_CACHE_REFRESH, r->o, &ans);
        made = rc == ERR_OK;
    }
    if (rc != ERR_CANCELLED) /* else it is not done, and no fault of the question's */
        tell(r, p, rc, made, &ans);
    forget(&ans);
}

static bool is_cancelled(const struct run *r)
{
    return r->o->cancelled && r->o->cancelled(r->o->arg);
}

static void *work(void *arg)
{
    struct run *r = arg;
    size_t i;

    while (!is_cancelled(r) && (i = atomic_fetch_add(&r->next, 1)) < r->list->n)
        see_to(r, &r->list->v[i]);
    return NULL;
}

int precompute_run(struct engine *e, const struct precompute_list *list,
                   const struct precompute_options *o, struct precompute_report *report)
{
    struct run r = {.e = e, .list = list, .o = o, .report = report};
    pthread_t helpers[PRECOMPUTE_AT_ONCE - 1];
    size_t n_helpers = 0;
    uint64_t since = clock_ns();

    *report = (struct precompute_report){0};
    pthread_mutex_init(&r.mu, NULL);
    while (n_helpers < PRECOMPUTE_AT_ONCE - 1 && n_helpers + 1 < list->n &&
           pthread_create(&helpers[n_helpers], NULL, work, &r) == 0)
        n_helpers++; /* with fewer where the system gives no more */
    work(&r);
    for (size_t i = 0; i < n_helpers; i++)
        pthread_join(helpers[i], NULL);
    pthread_mutex_destroy(&r.mu);
    report->seconds = clock_ms_since(since) / 1000;
    return is_cancelled(&r) && r.n_done < list->n
               ? FAIL(ERR_CANCELLED, "stopped after %zu of %zu questions", r.n_done, list->n)
               : ERR_OK;
}
