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

void tune_compare(const struct tune_rank *before, const struct tune_rank *after, size_t n,
                  struct adapter_effect *effect, struct tune_gain *gain)
{
    double sums[4] = {0}, squares = 0, mean;

    for (size_t i = 0; i < n; i++) {
        double moved = (double)after[i].reciprocal - (double)before[i].reciprocal;

        sums[0] += before[i].reciprocal;
        sums[1] += after[i].reciprocal;
        sums[2] += before[i].recall;
        sums[3] += after[i].recall;
        squares += moved * moved;
    }
    mean = (sums[1] - sums[0]) / (double)n;
    *effect = (struct adapter_effect){(float)(sums[0] / (double)n), (float)(sums[1] / (double)n),
                                      (float)(sums[2] / (double)n), (float)(sums[3] / (double)n)};
    gain->mrr = mean;
    gain->error = sqrt(fmax(squares / (double)n - mean * mean, 0) / (double)(n - 1));
}

bool tune_helps(const struct tune_gain *vector, const struct tune_gain *hybrid)
{
    return vector->mrr > 0 && vector->mrr > TUNE_ERRORS * vector->error && hybrid->mrr >= 0;
}
