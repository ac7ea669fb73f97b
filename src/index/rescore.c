#include "index/rescore.h"

#include <stdbool.h>
#include <string.h>

#include "simd/simd.h"

/* Vectors scored at a time: as many as a kernel has sums for. */
#define GROUP 4

static bool is_better(const struct rescore *r, const struct vector_hit *a,
                      const struct vector_hit *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    return r->ids ? r->ids[a->slot] < r->ids[b->slot] : a->slot < b->slot;
}

/* Results are kept best first; most that come belong near the end. */
static size_t keep(const struct rescore *r, struct vector_hit *out, size_t n, size_t k,
                   struct vector_hit hit)
{
    size_t i;

    if (n == k && !is_better(r, &hit, &out[n - 1]))
        return n;
    i = n < k ? n : n - 1;
    for (; i > 0 && is_better(r, &hit, &out[i - 1]); i--)
        out[i] = out[i - 1];
    out[i] = hit;
    return n < k ? n + 1 : n;
}

static void ask_for(const float *v, size_t dim)
{
    for (size_t i = 0; i < dim; i += 16)
        __builtin_prefetch(v + i);
}

size_t rescore_best(const struct rescore *r, const struct code_candidate *candidates, size_t n,
                    size_t k, struct vector_hit *out, size_t *n_scored)
{
    const struct simd *simd = simd_get();
    size_t n_out = 0, n_read = 0;

    for (size_t i = 0; i < n;) {
        float floor = n_out == k ? out[k - 1].score - r->margin : -__builtin_inff();
        uint32_t at[GROUP];
        float scores[GROUP];
        size_t m = 0;

        for (; i < n && m < GROUP; i++)
            if ((float)candidates[i].score * r->unit >= floor) {
                at[m++] = candidates[i].slot;
                ask_for(r->vectors + candidates[i].slot * r->dim, r->dim);
            }
        simd->dot_gather(r->query, r->vectors, at, m, r->dim, scores);
        for (size_t j = 0; j < m; j++)
            n_out = keep(r, out, n_out, k, (struct vector_hit){at[j], scores[j]});
        n_read += m;
    }
    if (n_scored)
        *n_scored += n_read;
    return n_out;
}
