/* vec_product.h - y = x w + bias in three precisions over vec_tile.h.
 *
 *   for each panel                          (its weights stay in the nearest cache)
 *     for each block of rows                (as many as the registers hold sums for)
 *       the panel's 32 columns, tile by tile; then GELU on the block, still in the nearest cache
 */
#pragma once
#include "simd/simd.h"
#include "simd/vec_rows.h"
#include "simd/vec_tile.h"

/* One panel of a product as its blocks see it. */
struct panel {
    const struct rows *x;
    const char *w;
    const float *bias, *scale, *sum; /* of the panel's first output */
};

VEC_INLINE void block_f32(const struct panel *p, size_t r, size_t rows, float *y, size_t ldy)
{
    size_t k = p->x->k;

    for (size_t col = 0; col < MATRIX_PANEL; col += TILE_COLS)
        tile_rows_f32(rows, p->x->x + r * k, k, 1, k, (const float *)p->w + col, p->bias + col,
                      y + col, ldy);
}

VEC_INLINE void block_bf16(const struct panel *p, size_t r, size_t rows, float *y, size_t ldy)
{
    size_t stride = rows_stride(p->x->k), n_pairs = (p->x->k + 1) / 2;
    const uint16_t *x = (const uint16_t *)p->x->v + r * stride;

    for (size_t col = 0; col < MATRIX_PANEL; col += TILE_COLS)
        tile_rows_bf16(rows, x, stride, 2, n_pairs, (const uint16_t *)p->w + 2 * col, p->bias + col,
                       y + col, ldy);
}

VEC_INLINE void block_int8(const struct panel *p, size_t r, size_t rows, float *y, size_t ldy)
{
    size_t stride = rows_stride(p->x->k), n_quads = stride / 4;
    const uint8_t *x = (const uint8_t *)p->x->v + r * stride;

    for (size_t col = 0; col < MATRIX_PANEL; col += TILE_COLS) {
        struct byte_ends ends = {p->x->scale + r, p->x->zero + r, p->bias + col, p->scale + col,
                                 p->sum + col};

        tile_rows_int8(rows, x, stride, n_quads, (const int8_t *)p->w + 4 * col, &ends, y + col,
                       ldy);
    }
}

VEC_INLINE void block(const struct panel *p, size_t r, size_t rows, float *y, size_t ldy)
{
    switch (p->x->precision) {
    case PRECISION_BF16: block_bf16(p, r, rows, y, ldy); break;
    case PRECISION_INT8: block_int8(p, r, rows, y, ldy); break;
    default: block_f32(p, r, rows, y, ldy);
    }
}

/* Rows r .. r+rows-1 of a panel that has n_cols outputs, into y [rows, n_cols]. */
VEC_INLINE void finished_block(const struct panel *p, size_t r, size_t rows, enum after after,
                               float *y, size_t ldy, size_t n_cols)
{
    float whole[TILE_ROWS_MAX * MATRIX_PANEL]; /* where the panel is wider than the result */
    bool fits = n_cols == MATRIX_PANEL;
    float *to = fits ? y : whole;
    size_t ld = fits ? ldy : MATRIX_PANEL;

    block(p, r, rows, to, ld);
    if (after == AFTER_GELU)
        vec_gelu_block(to, rows, MATRIX_PANEL, ld, p->x->precision == PRECISION_F32);
    for (size_t i = 0; i < rows && !fits; i++)
        memcpy(y + i * ldy, whole + i * MATRIX_PANEL, n_cols * sizeof *y);
}

VEC_INLINE size_t block_rows_max(enum precision p)
{
    return p == PRECISION_F32 ? TILE_ROWS : p == PRECISION_BF16 ? PAIR_ROWS : QUAD_ROWS;
}

VEC_INLINE void vec_product(const struct rows *x, size_t m, const struct matrix *w, size_t first,
                            size_t n_panels, enum after after, float *y, size_t ldy)
{
    size_t step = block_rows(m, block_rows_max(w->precision));
    size_t panel_bytes = matrix_panel_bytes(w->precision, w->k);

    for (size_t i = first; i < first + n_panels; i++) {
        size_t col = i * MATRIX_PANEL, n_cols = at_most(MATRIX_PANEL, w->n - col);
        struct panel p = {.x = x,
                          .w = (const char *)w->panels + i * panel_bytes,
                          .bias = w->bias + col,
                          .scale = w->scale ? w->scale + col : NULL,
                          .sum = w->sum ? w->sum + col : NULL};

        for (size_t r = 0; r < m; r += step)
            finished_block(&p, r, at_most(step, m - r), after, y + r * ldy + col, ldy, n_cols);
    }
}
