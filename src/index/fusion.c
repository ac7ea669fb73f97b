#include "index/fusion.h"

#include <math.h>
#include <stdlib.h>

static int by_chunk(const void *a, const void *b)
{
    uint64_t x = ((const struct fused *)a)->at.chunk_id, y = ((const struct fused *)b)->at.chunk_id;

    return x < y ? -1 : x > y;
}

static int best_first(const void *a, const void *b)
{
    const struct fused *x = a, *y = b;

    if (x->at.score != y->at.score)
        return x->at.score > y->at.score ? -1 : 1;
    return by_chunk(a, b);
}

size_t fusion_join(const struct topk *vectors, const struct topk *words, struct arena *mem,
                   struct fused **out)
{
    struct fused *v = arena_alloc(mem, (vectors->n + words->n) * sizeof *v);
    size_t n = 0, n_joined = 0;

    for (size_t i = 0; i < vectors->n; i++)
        v[n++] = (struct fused){vectors->v[i], vectors->v[i].score, NAN, (uint32_t)i + 1, 0};
    for (size_t i = 0; i < words->n; i++)
        v[n++] = (struct fused){words->v[i], NAN, words->v[i].score, 0, (uint32_t)i + 1};
    qsort(v, n, sizeof *v, by_chunk);
    for (size_t i = 0; i < n; i++) {
        struct fused *last = n_joined ? &v[n_joined - 1] : NULL;

        if (!last || last->at.chunk_id != v[i].at.chunk_id) {
            v[n_joined++] = v[i];
        } else if (v[i].keyword_rank) {
            last->keyword_score = v[i].keyword_score;
            last->keyword_rank = v[i].keyword_rank;
        } else {
            last->vector_score = v[i].vector_score;
            last->vector_rank = v[i].vector_rank;
        }
    }
    *out = v;
    return n_joined;
}

/* A list's scores between its best and the last of its best FUSION_CANDIDATES. */
struct scale {
    double min, max;
};

static struct scale scale_of(const struct topk *list)
{
    size_t n = list->n < FUSION_CANDIDATES ? list->n : FUSION_CANDIDATES;

    return n ? (struct scale){list->v[n - 1].score, list->v[0].score} : (struct scale){0, 0};
}

/* Where all scores are equal, to be in the list is all that counts. */
static double scaled(const struct scale *s, float score)
{
    if (isnan(score) || score < s->min)
        return 0;
    return s->max > s->min ? (score - s->min) / (s->max - s->min) : 1;
}

static double reciprocal(uint32_t rank)
{
    return rank ? 1.0 / (FUSION_RRF_K + rank) : 0;
}

void fusion_score(enum search_fusion how, const struct topk *vectors, const struct topk *words,
                  struct fused *v, size_t n)
{
    struct scale vector_scale = scale_of(vectors), word_scale = scale_of(words);

    for (size_t i = 0; i < n; i++) {
        struct fused *f = &v[i];

        f->at.score =
            how == FUSION_RRF
                ? (float)(reciprocal(f->vector_rank) + reciprocal(f->keyword_rank))
                : (float)(FUSION_KEYWORD_WEIGHT * scaled(&word_scale, f->keyword_score) +
                          (1 - FUSION_KEYWORD_WEIGHT) * scaled(&vector_scale, f->vector_score));
    }
    qsort(v, n, sizeof *v, best_first);
}
