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
