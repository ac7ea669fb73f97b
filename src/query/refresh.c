#include "query/refresh.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "engine/engine.h"
#include "query/precompute.h"
#include "query/query.h"
#include "query/question_chat.h"
#include "store/store_questions.h"

static bool is_fresh(struct engine *e, const struct asked_question *a, uint64_t epoch)
{
    struct lru_value *v = answers_hit(e->answers, &a->key, epoch);

    lru_value_unref(v);
    return v != NULL;
}

static void query_of(struct engine *e, const struct asked_question *a, struct query *q)
{
    query_defaults(q, e);
    q->tenant = a->tenant;
    q->collection = a->collection;
    q->question = a->text;
}

static bool may_be_made(const struct engine *e, const struct query *q)
{
    return strcmp(e->config.precompute.refresh, "all") == 0 || !question_chat_wanted(e, q);
}

static void answer_again(struct engine *e, const struct asked_question *a,
                         const struct answer_listener *listener, struct refresh_report *report)
{
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    int rc;

    query_of(e, a, &q);
    if (!may_be_made(e, &q))
        q.cache = QUERY_CACHE_ONLY;
    trace_start(&ans.trace);
    rc = precompute_answer(e, &q, &ans, listener);
    if (rc < 0)
        report->n_left++;
    else if (cache_status_is_hit(ans.cache))
        report->n_found++;
    else
        report->n_made++;
    if (rc < 0 && rc != ERR_TIMEOUT && rc != ERR_CANCELLED)
        log_event(LOG_WARN, "not_answered_again", LOG_S("reason", err_text()));
    answer_done(&ans);
    arena_free(ans.mem);
}

/* True when there was something to do. */
static bool see_to(struct engine *e, const struct asked_question *a,
                   const struct answer_listener *listener, struct refresh_report *report)
{
    uint64_t epoch = retriever_epoch(e->retriever, a->tenant, a->collection);
    bool due = epoch != 0 && epoch != a->epoch;

    if (!due)
        return false;
    asked_seen_to(e->asked, &a->key, epoch); /* before: what changes meanwhile is another time's */
    if (is_fresh(e, a, epoch))
        return false;
    answer_again(e, a, listener, report);
    return true;
}

size_t refresh_some(struct engine *e, size_t limit, const struct answer_listener *listener,
                    struct refresh_report *report)
{
    struct arena *mem = arena_new(0);
    struct asked_question *v;
    size_t n = asked_popular(e->asked, NULL, NULL, (uint64_t)engine_settings(e)->precompute.popular,
                             REFRESH_POPULAR_MAX, mem, &v);
    size_t n_seen = 0;

    for (size_t i = 0; i < n && n_seen < limit; i++)
        n_seen += see_to(e, &v[i], listener, report);
    arena_free(mem);
    return n_seen;
}

/* ---- what was kept ---- */

struct recalling {
    struct engine *e;
    struct arena *mem;
};

static int recall(void *arg, const struct question_row *row)
{
    struct recalling *r = arg;
    struct asked_question a = {.tenant = row->tenant,
                               .collection = row->collection_name,
                               .text = row->text,
                               .count = (uint64_t)row->count};
    struct query q;

    query_of(r->e, &a, &q);
    a.key = query_key(r->e, &q, r->mem);
    asked_recall(r->e->asked, &a);
    arena_reset(r->mem);
    return ERR_OK;
}

void refresh_recall(struct engine *e)
{
    struct recalling r = {.e = e, .mem = arena_new(0)};
    struct store_reader *reader = store_reader_get(e->store);

    if (store_top_questions(reader, 0, REFRESH_POPULAR_MAX, recall, &r) < 0)
        log_event(LOG_WARN, "questions_not_read", LOG_S("reason", err_text()));
    store_reader_put(e->store, reader);
    arena_free(r.mem);
}
