/* fusion.h - one list out of two: what the words say and what the vectors say.
 *
 * MIX  each score is scaled so that the best of its list is 1 and the last of its best
 *      FUSION_CANDIDATES is 0; then FUSION_KEYWORD_WEIGHT of the words and the rest of the vectors.
 *      The scale does not depend on k, so asking for more hits never reorders the first.
 * RRF  1 / (60 + rank) from each list that has the chunk (Cormack et al. 2009).
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "index/retriever.h"
#include "index/topk.h"

/* A chunk of one of the lists or of both. */
struct fused {
    struct candidate at;                /* score: the fused one */
    float vector_score, keyword_score;  /* NAN: not in that list */
    uint32_t vector_rank, keyword_rank; /* 1.., 0: not in that list */
};

/* The chunks of both lists, each once. Lists are sorted best first and hold distinct chunks. */
size_t fusion_join(const struct topk *vectors, const struct topk *words, struct arena *mem,
                   struct fused **out);

/* Scores what fusion_join gave and sorts it, best first, ties by chunk id. */
void fusion_score(enum search_fusion how, const struct topk *vectors, const struct topk *words,
                  struct fused *v, size_t n);
