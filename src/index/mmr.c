#include "index/mmr.h"

#include <stdbool.h>

#include "base/check.h"
#include "simd/simd.h"

/* A candidate that is not chosen yet. */
struct rest {
    uint32_t i;
    double relevance;
    double alike; /* to the chosen one that it is most like; 0 before there is one */
};

static double share_of_best(double score, double best)
{
    return score > 0 && best > 0 ? score / best : 0;
}

static void note_chosen(struct rest *rest, size_t n, const float *const *vectors, uint32_t chosen,
                        size_t dim, bool first)
{
    for (size_t i = 0; i < n; i++) {
        const float *a = vectors[rest[i].i], *b = vectors[chosen];
        double alike = a && b ? simd_get()->dot(a, b, dim) : 0;

        if (first || alike > rest[i].alike)
            rest[i].alike = alike;
    }
}

/* The first of the best: equal ones stay in the order of relevance. */
static size_t best_of(const struct rest *rest, size_t n, double lambda)
{
    size_t best = 0;
    double most = 0;

    for (size_t i = 0; i < n; i++) {
        double gain = lambda * rest[i].relevance - (1 - lambda) * rest[i].alike;

        if (i == 0 || gain > most) {
            best = i;
            most = gain;
        }
    }
    return best;
}

size_t mmr(const float *const *vectors, const double *scores, size_t n, size_t dim, double lambda,
           size_t k, struct arena *mem, uint32_t *order)
{
    struct rest *rest = ARENA_ARRAY(mem, struct rest, n);
    size_t n_rest = n, n_chosen = 0;

    CHECK(lambda >= 0 && lambda <= 1);
    for (size_t i = 0; i < n; i++)
        rest[i] = (struct rest){(uint32_t)i, share_of_best(scores[i], scores[0]), 0};
    while (n_chosen < k && n_rest > 0) {
        size_t at = n_chosen ? best_of(rest, n_rest, lambda) : 0;
        uint32_t chosen = rest[at].i;

        order[n_chosen++] = chosen;
        for (n_rest--; at < n_rest; at++)
            rest[at] = rest[at + 1];
        note_chosen(rest, n_rest, vectors, chosen, dim, n_chosen == 1);
    }
    return n_chosen;
}
