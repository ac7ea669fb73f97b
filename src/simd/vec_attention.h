/* vec_attention.h - multi-head attention of one sequence over vec.h, as two matrix products.
 *
 * For each head its keys and values are packed like weights, and then for each block of TILE_ROWS
 * query rows:
 *
 *   scores[rows, t] = q x keys         keys   packed [t/32 panels][head_dim][32]
 *   softmax, the sum kept aside
 *   out = scores x values / sum        values packed [head_dim/32 panels][t][32]
 *
 * so scratch grows with t, never with t*t, and both products run in the tile of vec_tile.h.
 */
#pragma once
#include <float.h>

#include "simd/simd.h"
#include "simd/vec_rows.h"
#include "simd/vec_tile.h"

static const float no_bias[MATRIX_PANEL];

VEC_INLINE size_t panels_of(size_t n)
{
    return (n + MATRIX_PANEL - 1) / MATRIX_PANEL;
}

/* y[rows, n_cols] = x[rows, k] panel for the first n_cols columns of a panel; rows up to TILE_ROWS.
 */
VEC_INLINE void panel_product(size_t rows, const float *x, size_t ldx, size_t k, const float *panel,
                              float *y, size_t ldy, size_t n_cols)
{
    float whole[TILE_ROWS * MATRIX_PANEL]; /* where the panel is wider than the result */
    float *to = n_cols == MATRIX_PANEL ? y : whole;
    size_t ld = n_cols == MATRIX_PANEL ? ldy : MATRIX_PANEL;

    for (size_t col = 0; col < MATRIX_PANEL; col += TILE_COLS)
        tile_rows_f32(rows, x, ldx, k, panel + col, no_bias, to + col, ld);
    if (to == y)
        return;
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * ldy, whole + r * MATRIX_PANEL, n_cols * sizeof *y);
}

/* A key is a column: panel j/32 holds [head_dim][32]. Columns from t on are zero. */
VEC_INLINE void pack_keys(const float *k, size_t stride, size_t t, size_t head_dim, float *packed)
{
    for (size_t first = 0; first < t; first += MATRIX_PANEL, packed += head_dim * MATRIX_PANEL) {
        size_t n = at_most(MATRIX_PANEL, t - first);

        if (n < MATRIX_PANEL)
            memset(packed, 0, head_dim * MATRIX_PANEL * sizeof *packed);
        for (size_t j = 0; j < n; j++)
            for (size_t d = 0; d < head_dim; d++)
                packed[d * MATRIX_PANEL + j] = k[(first + j) * stride + d];
    }
}

/* A value is a row: panel d/32 holds [t][32]. Columns from head_dim on are zero. */
VEC_INLINE void pack_values(const float *v, size_t stride, size_t t, size_t head_dim, float *packed)
{
    for (size_t first = 0; first < head_dim; first += MATRIX_PANEL) {
        size_t n = at_most(MATRIX_PANEL, head_dim - first);

        for (size_t j = 0; j < t; j++, packed += MATRIX_PANEL) {
            memcpy(packed, v + j * stride + first, n * sizeof *packed);
            memset(packed + n, 0, (MATRIX_PANEL - n) * sizeof *packed);
        }
    }
}

/* scores[0..t) become exp(score - max); returns their sum. The row is padded to whole panels; what
 * lies behind t is set so low that its exp adds nothing to a sum of at least 1. */
VEC_INLINE float exp_row(float *scores, size_t t)
{
    size_t padded = panels_of(t) * MATRIX_PANEL;
    vf most = vf_all(-FLT_MAX), sum = vf_zero();

    for (size_t j = t; j < padded; j++)
        scores[j] = -FLT_MAX;
    for (size_t j = 0; j < padded; j += VF_LANES)
        most = vf_max(most, vf_load(scores + j));
    most = vf_all(vf_most(most));
    for (size_t j = 0; j < padded; j += VF_LANES) {
        vf e = vec_exp(vf_sub(vf_load(scores + j), most));

        vf_store(scores + j, e);
        sum = vf_add(sum, e);
    }
    return vf_sum(sum);
}

VEC_INLINE void scale_row(float *x, size_t n, float factor)
{
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(x + i, vf_mul(vf_load(x + i), vf_all(factor)));
    for (; i < n; i++)
        x[i] *= factor;
}

/* One head's packed keys and values, and room for a block's scores. */
struct head {
    float *keys, *values, *scores;
    size_t t, dim;
    size_t qkv_stride, out_stride;
};

VEC_INLINE void attend_block(const struct head *h, size_t rows, const float *q, float *out)
{
    size_t padded = panels_of(h->t) * MATRIX_PANEL;
    float sum[TILE_ROWS];

    for (size_t p = 0; p < padded; p += MATRIX_PANEL)
        panel_product(rows, q, h->qkv_stride, h->dim, h->keys + p * h->dim, h->scores + p, padded,
                      MATRIX_PANEL);
    for (size_t r = 0; r < rows; r++)
        sum[r] = exp_row(h->scores + r * padded, h->t);
    for (size_t d = 0; d < h->dim; d += MATRIX_PANEL)
        panel_product(rows, h->scores, padded, h->t, h->values + d * h->t, out + d, h->out_stride,
                      at_most(MATRIX_PANEL, h->dim - d));
    for (size_t r = 0; r < rows; r++)
        scale_row(out + r * h->out_stride, h->dim, 1 / sum[r]);
}

VEC_INLINE void vec_attention(const float *qkv, float *out, size_t t, const struct heads *heads,
                              float *scratch)
{
    size_t dim = heads->dim, width = heads->n * dim, step = block_rows(t, TILE_ROWS);
    struct head h = {.t = t, .dim = dim, .qkv_stride = 3 * width, .out_stride = width};

    h.keys = scratch;
    h.values = h.keys + panels_of(t) * MATRIX_PANEL * dim;
    h.scores = h.values + panels_of(dim) * MATRIX_PANEL * t;
    for (size_t i = heads->first; i < heads->first + heads->count; i++) {
        const float *q = qkv + i * dim;

        pack_keys(q + width, 3 * width, t, dim, h.keys);
        pack_values(q + 2 * width, 3 * width, t, dim, h.values);
        for (size_t r = 0; r < t; r += step)
            attend_block(&h, at_most(step, t - r), q + r * 3 * width, out + r * width + i * dim);
    }
}
