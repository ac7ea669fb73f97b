#include "index/flat.h"

#include "index/bitmap.h"
#include "simd/simd.h"

/* Rows scored at a time: their scores stay in the first-level cache, and one word of the bitmap
 * tells about them. */
#define BLOCK 64

float flat_score(const struct flat *f, const float *query, uint32_t slot)
{
    float score;

    /* Not dot, which sums in another order: bit for bit what the scan says. */
    simd_get()->dot_rows(query, f->vectors + slot * f->dim, 1, f->dim, &score);
    return score;
}

void flat_search(const struct flat *f, const float *query, const uint64_t *allowed, uint32_t view,
                 struct topk *best)
{
    const struct simd *simd = simd_get();
    float scores[BLOCK];

    for (size_t at = 0; at < f->n; at += BLOCK) {
        size_t n = f->n - at < BLOCK ? f->n - at : BLOCK;
        uint64_t bits = n < BLOCK ? ((uint64_t)1 << n) - 1 : ~(uint64_t)0;

        if (allowed)
            bits &= allowed[at / BLOCK];
        if (!bits)
            continue;
        simd->dot_rows(query, f->vectors + at * f->dim, n, f->dim, scores);
        for (; bits; bits &= bits - 1) {
            size_t i = (size_t)__builtin_ctzll(bits);
            uint32_t slot = (uint32_t)(at + i);

            if (scores[i] >= topk_threshold(best))
                topk_push(best, (struct candidate){scores[i], view, slot, f->chunk_id[slot]});
        }
    }
}
