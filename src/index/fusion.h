/* fusion.h - one list out of two: what the vectors say and what the words say.
 *
 * MIX  each score is scaled so that the best of its list is 1 and the last of its best
 *      FUSION_CANDIDATES is 0 (so is what comes behind, or is not in the list); then
 *      FUSION_KEYWORD_WEIGHT of the words and the rest of the vectors. The scale does not depend
 *      on k, so asking for more hits never reorders the first. Giving a chunk that is missing in a
 *      list its true, negative value instead is worse: MRR@10 squad-dev 0.8726 -> 0.8714, tatqa-dev
 *      0.647 -> 0.640, cfr-dev 0.718 -> 0.717.
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

/* The best k chunks of both lists, best first, ties by chunk id. Lists are sorted best first and
 * hold distinct chunks. Returns how many. */
size_t fusion(enum search_fusion how, const struct topk *vectors, const struct topk *words,
              size_t k, struct arena *mem, struct fused **out);
