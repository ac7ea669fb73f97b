/* bm25_parts.h - what the files of bm25 share. */
#pragma once
#include "index/bitmap.h"
#include "index/bm25.h"

/* From the sequences: lists, codes and cells (bm25_lists.c). */
void bm25_make_lists(struct bm25 *b);

/* The formula's part that depends on the chunk: tf / (tf + k). */
struct bm25_curve {
    double base, slope; /* k = base + slope * length */
};

static inline struct bm25_curve bm25_curve_of(const struct bm25_norm *n)
{
    return (struct bm25_curve){n->k1 * (1 - n->b),
                               n->mean_length > 0 ? n->k1 * n->b / n->mean_length : 0};
}

static inline double bm25_impact(const struct bm25_curve *c, uint32_t tf, uint32_t length)
{
    return (double)tf / ((double)tf + c->base + c->slope * (double)length);
}

static inline bool bm25_may_answer(const struct bm25_chunks *c, uint32_t slot)
{
    return (!c->allowed || bitmap_get(c->allowed, slot)) && !(c->dead && bitmap_get(c->dead, slot));
}

/* The words of a question that this segment has, in the question's order. */
struct bm25_scorer {
    const struct bm25 *b;
    struct bm25_curve curve;
    void (*count_each)(const uint32_t *v, size_t n, const uint32_t *x, uint32_t *times);
    size_t n;
    uint32_t *terms; /* [n, rounded up to SIMD_EACH] */
    double *weights; /* [n] */
};

/* Room for it is in `mem`. */
struct bm25_scorer bm25_scorer_of(const struct bm25 *b, const struct bm25_query *q,
                                  struct arena *mem);

/* bm25_score with what does not change from chunk to chunk made ready. */
float bm25_score_of(const struct bm25_scorer *s, uint32_t slot);
