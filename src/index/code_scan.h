/* code_scan.h - the scan of byte codes: every allowed one against the query, then the exact
 * cosines of all that could be among the best.
 *
 * The k best by codes have cosines of at least T; the true ones have codes of at least T minus
 * what rounding may do to two of them. That is normally distributed (a sum of hundreds of uniform
 * errors, codes.h), and SCAN_SIGMAS of it leave less than one in 10^9; what the clip has cut off
 * is bounded beside it. So the result is that of the exact scan for a quarter of the bytes.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "index/rescore.h"

#define SCAN_SIGMAS 6.0f

struct flat_codes {
    const uint8_t *codes; /* [n, codes_stride(dim)], 64-byte aligned, by slot */
    const float *vectors; /* [n, dim] */
    size_t n, dim;
    float cut;           /* the largest that codes_encode returned for any of them */
    const uint64_t *ids; /* [n] of equal scores the smaller id comes first; NULL: by slot */
};

/* The k nearest of the allowed (bitmap; NULL: all), best first. out [k]; returns how many. */
size_t flat_codes_search(const struct flat_codes *f, const float *query, const uint64_t *allowed,
                         size_t k, struct vector_hit *out);

/* ---- for scans in another order ---- */

/* The candidates that are within `slack` of the k-th best so far. */
struct code_collector {
    struct code_candidate *v;
    size_t n, cap, k;
    int32_t floor; /* what a sum must reach */
    int32_t slack; /* sums */
};

void code_collector_init(struct code_collector *c, const struct codes_query *q, float cut,
                         size_t k);
void code_collector_add(struct code_collector *c, int32_t score, uint32_t slot);
void code_collector_finish(struct code_collector *c); /* leaves v[0..n) */
void code_collector_done(struct code_collector *c);

/* How far below an exact cosine its code may be. */
float code_margin(const struct codes_query *q, float cut);
