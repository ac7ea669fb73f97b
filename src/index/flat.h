/* flat.h - the exact scan: every allowed vector against the query.
 *
 * Shapes   vectors f32[n, dim], 64-byte aligned, unit length; score is the cosine (the dot).
 * Cost     the bytes of the vectors at memory speed: 18 MB for 12k chunks of 384 dimensions.
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "index/topk.h"

struct flat {
    const float *vectors;     /* [n, dim] */
    const uint64_t *chunk_id; /* [n] */
    size_t n, dim;
};

/* Offers the allowed vectors (bitmap; NULL: all) to `best` under the number `view`. */
void flat_search(const struct flat *f, const float *query, const uint64_t *allowed, uint32_t view,
                 struct topk *best);

/* The cosine of one vector, the same as flat_search finds. */
float flat_score(const struct flat *f, const float *query, uint32_t slot);
