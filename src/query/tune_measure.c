#include "query/tune_measure.h"

#include <math.h>

#include "base/err.h"

#define DEPTH      10
#define HITS_FIRST 25 /* as many as any smaller k ranks alike; more while documents are lacking */

/* The documents of the hits, each once, best first; at most DEPTH. */
static size_t documents_of(const struct hits *hits, uint64_t out[DEPTH])
{
    size_t n = 0;

    for (size_t i = 0; i < hits->n && n < DEPTH; i++) {
        bool seen = false;

        for (size_t k = 0; k < n && !seen; k++)
            seen = out[k] == hits->v[i].document_id;
        if (!seen)
            out[n++] = hits->v[i].document_id;
    }
    return n;
}

static struct tune_rank judge(const struct tune_question *q, const uint64_t *ranked, size_t n)
{
    struct tune_rank r = {0};

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < q->n_documents; k++)
            if (q->documents[k] == ranked[i]) {
                r.recall += 1 / (float)q->n_documents;
                if (r.reciprocal == 0)
                    r.reciprocal = 1 / (float)(i + 1);
            }
    return r;
}

int tune_rank(struct snapshot *snap, const struct tune_question *q, const float *vector,
              enum search_mode mode, struct tune_rank *out)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct search_spec spec = {.text = q->text, .vector = vector, .mode = mode, .ef = 128};
    struct hits hits;
    uint64_t ranked[DEPTH];
    size_t n;

    for (spec.k = HITS_FIRST;; spec.k = spec.k * 4 < SEARCH_K_MAX ? spec.k * 4 : SEARCH_K_MAX) {
        TRY(snapshot_search(snap, &spec, mem, &hits));
        n = documents_of(&hits, ranked);
        if (n == DEPTH || hits.n < (size_t)spec.k || spec.k == SEARCH_K_MAX)
            break;
    }
    *out = judge(q, ranked, n);
out:
    arena_free(mem);
    return rc;
}

static void add_to(struct adapter_effect *e, const struct tune_rank *before,
                   const struct tune_rank *after, size_t n)
{
    e->mrr_before += before->reciprocal / (float)n;
    e->mrr_after += after->reciprocal / (float)n;
    e->recall_before += before->recall / (float)n;
    e->recall_after += after->recall / (float)n;
}

static double moved(const struct tune_ranks *before, const struct tune_ranks *after)
{
    return ((double)after->vector.reciprocal - (double)before->vector.reciprocal +
            (double)after->hybrid.reciprocal - (double)before->hybrid.reciprocal) /
           2;
}

void tune_judge(const struct tune_ranks *before, const struct tune_ranks *after, size_t n,
                struct tune_result *r)
{
    double sum = 0, squares = 0;

    r->vector = r->hybrid = (struct adapter_effect){0};
    for (size_t i = 0; i < n; i++) {
        double by = moved(&before[i], &after[i]);

        sum += by;
        squares += by * by;
        add_to(&r->vector, &before[i].vector, &after[i].vector, n);
        add_to(&r->hybrid, &before[i].hybrid, &after[i].hybrid, n);
    }
    r->gain = sum / (double)n;
    r->error = sqrt(fmax(squares / (double)n - r->gain * r->gain, 0) / (double)(n - 1));
    r->helps = r->gain > 0 && r->gain > TUNE_ERRORS * r->error &&
               r->vector.mrr_after >= r->vector.mrr_before &&
               r->hybrid.mrr_after >= r->hybrid.mrr_before;
}
