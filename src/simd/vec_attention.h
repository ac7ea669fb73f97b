/* vec_attention.h - multi-head attention of one sequence over vec.h, as two products a head.
 *
 * For each head, and for each 32 of its queries, which lie side by side in the lanes:
 *
 *   scores [t, 32] = keys [t, dim] x queries [dim, 32]
 *   softmax down the columns: maximum, exp and sum without ever adding up a vector's lanes
 *   out [32, dim] = columns of scores x values [t, dim], divided by the sums
 *
 * so scratch grows with t, never with t*t, and both products run in the tiles of vec_tile.h. The
 * second one reads the scores column by column where they lie.
 *
 * Where there is an instruction for pairs of bf16 and exactness is not asked for, both products are
 * of bf16 (half the time); the softmax is in f32 always.
 */
#pragma once
#include <float.h>

#include "simd/simd.h"
#include "simd/vec_rows.h"
#include "simd/vec_tile.h"

#define QUERIES MATRIX_PANEL

static const float no_bias[MATRIX_PANEL];

/* One head of a sequence, and its scratch. What may be pairs is told apart by who uses it. */
struct head {
    const float *q, *k, *v; /* first rows; the next are `stride` on */
    float *out;             /* likewise `out_stride` on */
    size_t stride, out_stride, t, dim;

    float *queries; /* [dim][32] or pairs [dim/2][32][2] */
    uint16_t *keys; /* pairs: [t, rows_stride(dim)]; else read where they are */
    float *values;  /* of each 32 numbers: [t][32] or pairs [t/2][32][2] */
    float *scores;  /* [t][32], which become pairs [t/2][32][2] */
    float *sums;    /* [32] */
};

VEC_INLINE size_t panels_of(size_t n)
{
    return (n + MATRIX_PANEL - 1) / MATRIX_PANEL;
}

/* ---- packing ---- */

/* to[.., 32] = the n columns that begin at x, each the next `stride` on; then zeros. */
VEC_INLINE void turn(const float *x, size_t stride, size_t n, size_t dim, float *to)
{
    for (size_t d = 0; d < dim; d++)
        for (size_t j = n; j < QUERIES; j++)
            to[d * QUERIES + j] = 0;
    for (size_t j = 0; j < n; j++)
        for (size_t d = 0; d < dim; d++)
            to[d * QUERIES + j] = x[j * stride + d];
}

#define TURN 4 /* columns turned together, so that they are stored together */

/* The same of bf16, two numbers of a column side by side. */
VEC_INLINE void turn_pairs(const float *x, size_t stride, size_t n, size_t dim, float *to)
{
    for (size_t j = 0; j < QUERIES; j += TURN) {
        for (size_t d = 0; d < dim; d += MATRIX_PANEL) {
            size_t n_here = at_most(MATRIX_PANEL, dim - d);
            uint32_t pairs[TURN][MATRIX_PANEL / 2] = {{0}};

            for (size_t c = 0; c < TURN && j + c < n; c++)
                prepare_bf16(x + (j + c) * stride + d, n_here, (uint16_t *)pairs[c]);
            for (size_t i = 0; i < (n_here + 1) / 2; i++) {
                uint32_t side_by_side[TURN] = {pairs[0][i], pairs[1][i], pairs[2][i], pairs[3][i]};

                memcpy(to + (d / 2 + i) * QUERIES + j, side_by_side, sizeof side_by_side);
            }
        }
    }
}

VEC_INLINE void pack_keys(const struct head *h)
{
    for (size_t j = 0; j < h->t; j++)
        prepare_bf16(h->k + j * h->stride, h->dim, h->keys + j * rows_stride(h->dim));
}

/* n floats of x, then zeros up to a panel's width. */
VEC_INLINE void copy_padded(float *to, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(to + i, vf_load(x + i));
    for (; i < n; i++)
        to[i] = x[i];
    for (; i < MATRIX_PANEL; i++)
        to[i] = 0;
}

VEC_INLINE void pack_values(const struct head *h)
{
    float *to = h->values;

    for (size_t d = 0; d < h->dim; d += MATRIX_PANEL)
        for (size_t j = 0; j < h->t; j++, to += MATRIX_PANEL)
            copy_padded(to, h->v + j * h->stride + d, at_most(MATRIX_PANEL, h->dim - d));
}

VEC_INLINE void pack_value_pairs(const struct head *h)
{
    float two[2][MATRIX_PANEL] = {{0}}, *to = h->values;

    for (size_t d = 0; d < h->dim; d += MATRIX_PANEL) {
        size_t n = at_most(MATRIX_PANEL, h->dim - d);

        for (size_t j = 0; j < h->t; j += 2, to += MATRIX_PANEL) {
            const float *row = h->v + j * h->stride + d;

            copy_padded(two[0], row, n);
            copy_padded(two[1], row + h->stride, j + 1 < h->t ? n : 0);
            for (size_t i = 0; i < MATRIX_PANEL; i += VF_LANES)
                vf_store_pairs((uint16_t *)(to + i), vf_load(two[0] + i), vf_load(two[1] + i));
        }
    }
}

/* ---- the products and what is between ---- */

/* scores = keys x queries, for the tiles of columns that the first n queries are in */
VEC_INLINE void score(const struct head *h, size_t n, bool pairs)
{
    size_t step = block_rows(h->t, pairs ? PAIR_ROWS : TILE_ROWS), dim = h->dim;

    for (size_t j = 0; j < h->t; j += step) {
        size_t rows = at_most(step, h->t - j);

        for (size_t col = 0; col < n; col += TILE_COLS) {
            float *y = h->scores + j * QUERIES + col;

            if (pairs)
                tile_rows_bf16(rows, h->keys + j * rows_stride(dim), rows_stride(dim), 2,
                               (dim + 1) / 2, (uint16_t *)(h->queries + col), no_bias, y, QUERIES);
            else
                tile_rows_f32(rows, h->k + j * h->stride, h->stride, 1, dim, h->queries + col,
                              no_bias, y, QUERIES);
        }
    }
}

/* The largest score of each of VF_LANES columns; two at a time, as each waits for the one before.
 */
VEC_INLINE vf column_most(const float *scores, size_t t)
{
    vf even = vf_all(-FLT_MAX), odd = even;
    size_t j = 0;

    for (; j + 1 < t; j += 2) {
        even = vf_max(even, vf_load(scores + j * QUERIES));
        odd = vf_max(odd, vf_load(scores + (j + 1) * QUERIES));
    }
    if (j < t)
        even = vf_max(even, vf_load(scores + j * QUERIES));
    return vf_max(even, odd);
}

/* VF_LANES columns of scores become exp(score - the column's largest); their sums are kept. */
VEC_INLINE void soften(float *scores, size_t t, float *sums)
{
    vf most = column_most(scores, t), sum = vf_zero();

    for (size_t j = 0; j < t; j++) {
        vf e = vec_exp(vf_sub(vf_load(scores + j * QUERIES), most));

        vf_store(scores + j * QUERIES, e);
        sum = vf_add(sum, e);
    }
    vf_store(sums, sum);
}

/* The same into pairs: what scores 2i and 2i+1 of a column become lies where score i was. */
VEC_INLINE void soften_pairs(float *scores, size_t t, float *sums)
{
    vf base = vf_all((float)M_LOG2E), sum = vf_zero();
    vf less = vf_sub(vf_zero(), vf_mul(column_most(scores, t), base));

    for (size_t j = 0; j < t; j += 2) {
        vf low = exp2_near(vf_fma(vf_load(scores + j * QUERIES), base, less)), high = vf_zero();

        if (j + 1 < t)
            high = exp2_near(vf_fma(vf_load(scores + (j + 1) * QUERIES), base, less));
        vf_store_pairs((uint16_t *)(scores + j / 2 * QUERIES), low, high);
        sum = vf_add(sum, vf_add(low, high));
    }
    vf_store(sums, sum);
}

/* y[rows, 32] = columns r .. r+rows-1 of the scores x 32 numbers of the values, from d on */
VEC_INLINE void weigh(const struct head *h, size_t r, size_t rows, size_t d, bool pairs, float *y,
                      size_t ldy)
{
    size_t n_pairs = (h->t + 1) / 2;

    for (size_t col = 0; col < MATRIX_PANEL; col += TILE_COLS) {
        if (pairs)
            tile_rows_bf16(rows, (uint16_t *)(h->scores + r), 2, 2 * QUERIES, n_pairs,
                           (uint16_t *)(h->values + d * n_pairs + col), no_bias, y + col, ldy);
        else
            tile_rows_f32(rows, h->scores + r, 1, QUERIES, h->t, h->values + d * h->t + col,
                          no_bias, y + col, ldy);
    }
}

VEC_INLINE void divide(float *x, size_t n, float sum)
{
    vf factor = vf_all(1 / sum);
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(x + i, vf_mul(vf_load(x + i), factor));
    for (; i < n; i++)
        x[i] *= 1 / sum;
}

/* out of queries first+r .. , for one panel of the values */
VEC_INLINE void finish(const struct head *h, size_t first, size_t r, size_t rows, size_t d,
                       bool pairs)
{
    float whole[TILE_ROWS_MAX * MATRIX_PANEL]; /* where the panel is wider than the head */
    size_t n = at_most(MATRIX_PANEL, h->dim - d);
    float *out = h->out + (first + r) * h->out_stride + d;

    if (n == MATRIX_PANEL)
        weigh(h, r, rows, d, pairs, out, h->out_stride);
    else
        weigh(h, r, rows, d, pairs, whole, MATRIX_PANEL);
    for (size_t i = 0; i < rows; i++) {
        if (n < MATRIX_PANEL)
            memcpy(out + i * h->out_stride, whole + i * MATRIX_PANEL, n * sizeof *out);
        divide(out + i * h->out_stride, n, h->sums[r + i]);
    }
}

/* n queries of a head, from `first` on; `pairs` known when compiled. */
VEC_INLINE void attend_queries(const struct head *h, size_t first, size_t n, bool pairs)
{
    const float *q = h->q + first * h->stride;
    size_t step = block_rows(n, pairs ? PAIR_ROWS : TILE_ROWS);

    if (pairs)
        turn_pairs(q, h->stride, n, h->dim, h->queries);
    else
        turn(q, h->stride, n, h->dim, h->queries);
    score(h, n, pairs);
    for (size_t lane = 0; lane < n; lane += VF_LANES) {
        if (pairs)
            soften_pairs(h->scores + lane, h->t, h->sums + lane);
        else
            soften(h->scores + lane, h->t, h->sums + lane);
    }
    for (size_t d = 0; d < h->dim; d += MATRIX_PANEL)
        for (size_t r = 0; r < n; r += step)
            finish(h, first, r, at_most(step, n - r), d, pairs);
}

VEC_INLINE void attend_head(const struct head *h, bool pairs)
{
    if (pairs) {
        pack_keys(h);
        pack_value_pairs(h);
    } else {
        pack_values(h);
    }
    for (size_t first = 0; first < h->t; first += QUERIES)
        attend_queries(h, first, at_most(QUERIES, h->t - first), pairs);
}

VEC_INLINE void vec_attention(const float *qkv, float *out, size_t t, const struct heads *heads,
                              float *scratch)
{
    size_t dim = heads->dim, width = heads->n * dim;
    struct head h = {.t = t, .dim = dim, .stride = 3 * width, .out_stride = width};

    h.sums = scratch;
    h.scores = h.sums + QUERIES;
    h.queries = h.scores + t * QUERIES;
    h.values = h.queries + dim * QUERIES;
    h.keys = (uint16_t *)(h.values + panels_of(dim) * t * MATRIX_PANEL);
    for (size_t i = heads->first; i < heads->first + heads->count; i++) {
        h.q = qkv + i * dim;
        h.k = h.q + width;
        h.v = h.k + width;
        h.out = out + i * dim;
        if (PAIRS_ARE_FAST && !heads->exact)
            attend_head(&h, true);
        else
            attend_head(&h, false);
    }
}
