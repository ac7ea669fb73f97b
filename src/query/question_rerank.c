#include "query/question_rerank.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "engine/engine.h"
#include "query/query.h"

int question_rerank_check(const struct engine *e, const struct query *q)
{
    if (q->rerank == RERANK_MODEL && !e->reranker)
        return FAIL(ERR_ARGUMENT,
                    "'rerank' is 'model', but no reranker is configured (rerank.model, or "
                    "rerank.kind and rerank.url)");
    return ERR_OK;
}

int question_candidates(const struct engine *e, const struct query *q)
{
    int wanted = (int)e->config.rerank.candidates;

    return q->rerank == RERANK_MODEL && q->k < wanted ? wanted : q->k;
}

const char *question_rerank_name(const struct engine *e, const struct query *q, struct arena *mem)
{
    struct digest d;
    char hex[DIGEST_HEX];

    if (q->rerank != RERANK_MODEL || !e->reranker)
        return q->rerank == RERANK_LEXICAL ? "lexical" : "off";
    d = reranker_fingerprint(e->reranker);
    digest_hex(&d, hex);
    return arena_printf(mem, "%s %lld", hex, (long long)e->config.rerank.candidates);
}

/* ---- scores ---- */

/* When scoring must be over; 0: whenever. */
static uint64_t until_ns(const struct query *q, const struct trace *trace)
{
    double left_ms;

    if (q->deadline_ms == 0)
        return 0;
    left_ms = (double)q->deadline_ms - clock_ms_since(trace->start_ns);
    return left_ms > 0 ? clock_ns() + (uint64_t)(left_ms * 0.8 * 1e6) : 1;
}

/* A failure has its reason in the reranker's counters; here it is only scores that are missing. */
static void score(struct engine *e, const struct query *q, const struct answer *ans, float *scores)
{
    size_t n = ans->hits.n;
    struct str *texts = ARENA_ARRAY(ans->mem, struct str, n);
    struct rerank_call call = {.pool = e->pool,
                               .question = q->question,
                               .texts = texts,
                               .n = n,
                               .until_ns = until_ns(q, &ans->trace)};

    for (size_t i = 0; i < n; i++)
        texts[i] = ans->passages[i].text;
    (void)reranker_score(e->reranker, &call, scores);
}

/* ---- order ---- */

struct ranked {
    float score; /* NAN: none */
    size_t i;    /* its place before */
};

static int best_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (isnan(x->score) != isnan(y->score))
        return isnan(x->score) ? 1 : -1;
    if (x->score != y->score && !isnan(x->score))
        return x->score > y->score ? -1 : 1;
    return x->i < y->i ? -1 : 1;
}

static void reorder(struct answer *ans, const struct ranked *order, size_t n)
{
    struct hit *hits = ARENA_ARRAY(ans->mem, struct hit, n);
    struct passage *passages = ARENA_ARRAY(ans->mem, struct passage, n);

    for (size_t i = 0; i < n; i++) {
        hits[i] = ans->hits.v[order[i].i];
        passages[i] = ans->passages[order[i].i];
        passages[i].source = (uint32_t)i;
        hits[i].rerank_score = passages[i].hit.rerank_score = order[i].score;
    }
    ans->hits.v = hits;
    ans->hits.n = n;
    ans->passages = passages;
}

bool question_rerank(struct engine *e, const struct query *q, struct answer *ans)
{
    size_t n = ans->hits.n, k = (size_t)q->k;
    float *scores = ARENA_ARRAY(ans->mem, float, n);
    struct ranked *order = ARENA_ARRAY(ans->mem, struct ranked, n);
    bool all = true;

    if (n == 0)
        return true;
    score(e, q, ans, scores);
    for (size_t i = 0; i < n; i++) {
        order[i] = (struct ranked){scores[i], i};
        all = all && !isnan(scores[i]);
    }
    qsort(order, n, sizeof *order, best_first);
    reorder(ans, order, n < k ? n : k);
    return all;
}
