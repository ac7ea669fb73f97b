/* topk.h - the k best of a stream: best score first, equal scores by chunk id.
 *
 * A heap with the worst at its root, so a candidate that does not belong costs one comparison.
 *
 * Threads  confined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct candidate {
    float score;
    uint32_t view; /* which part of the snapshot, and where in it */
    uint32_t slot;
    uint64_t chunk_id;
};

struct topk {
    struct candidate *v;
    size_t n, k;
};

/* k is at least 1. */
void topk_init(struct topk *t, size_t k, struct arena *mem);

void topk_push(struct topk *t, struct candidate c);

/* What a score must reach to have a chance. */
static inline float topk_threshold(const struct topk *t)
{
    return t->n < t->k ? -__builtin_inff() : t->v[0].score;
}

/* Sorts best first; no push afterwards. */
void topk_sort(struct topk *t);
