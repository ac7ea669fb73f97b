/* rescore.h - candidates by their codes in, the k best by their exact cosines out.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "index/codes.h"

struct code_candidate {
    int32_t score; /* sum of a codes kernel */
    uint32_t slot;
};

struct vector_hit {
    uint32_t slot;
    float score; /* cosine, bit for bit what flat_score says */
};

struct rescore {
    const float *query, *vectors; /* [dim]; [n_slots, dim] unit, by slot */
    size_t dim;
    float unit;          /* cosine of a code's sum of 1 */
    float margin;        /* a candidate this far below the k-th exact cosine is not looked at */
    const uint64_t *ids; /* [n_slots] of equal scores the smaller id comes first; NULL: by slot */
};

/* The k best of n candidates, in any order (best first saves work): best first, equal scores by
 * id. out [k]; returns how many there are. n_scored, if not NULL, counts the vectors read. */
size_t rescore_best(const struct rescore *r, const struct code_candidate *candidates, size_t n,
                    size_t k, struct vector_hit *out, size_t *n_scored);
