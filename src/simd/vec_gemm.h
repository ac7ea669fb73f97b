/* vec_gemm.h - matrix product over vec.h: a tile of sums that never leaves the registers.
 *
 *   c[m, n] = bias + a[m, k] x w        w in panels of 32 columns (simd.h)
 *
 *              panel p                  for each panel         (its weights stay in the cache)
 *            +---------+                  for each row block   (up to TILE_ROWS rows of a)
 *        k   |  w      |                    tile: rows x TILE_COLS sums in registers;
 *            +---------+                          a step of k is TILE_VECS loads of weights
 *   rows a-> [ tile ]--> c                        and one broadcast of a for each row
 *
 * A question reads all weights once, from the third-level cache or memory, at about the speed of
 * computing with them; asking for the panel after this one while computing overlaps the two (12
 * tokens: 2.1 to 1.9 ms). The last panel asks beyond its end, which costs nothing and cannot fault.
 *
 * Every element is bias, then fma over k in order: the result does not depend on the blocking.
 */
#pragma once
#include "simd/simd.h"
#include "simd/vec.h"

#define TILE_COLS   (VF_LANES * TILE_VECS)
#define LINE_FLOATS 16

/* Checked loads would make the tile twenty times slower in the tests' build, so the sanitizers
 * leave it out; what it may touch is tested with memory that ends at a forbidden page (compare.h).
 */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

/* c[rows, TILE_COLS] = start + a[rows, k] x w[k, TILE_COLS]; `rows` known when compiled. */
UNCHECKED VEC_INLINE void tile(size_t rows, const float *a, size_t lda, size_t k, const float *w,
                               const float *start, float *c, size_t ldc)
{
    vf sum[TILE_ROWS][TILE_VECS];

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            sum[r][v] = vf_load(start + v * VF_LANES);
    }

    for (size_t i = 0; i < k; i++) {
        vf weight[TILE_VECS];

        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            weight[v] = vf_load(w + i * SIMD_PANEL + v * VF_LANES);
        UNROLL
        for (size_t col = 0; col < TILE_COLS; col += LINE_FLOATS) /* the next panel, see above */
            __builtin_prefetch(w + (i + k) * SIMD_PANEL + col, 0, 2);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            vf x = vf_all(a[r * lda + i]);

            UNROLL
            for (size_t v = 0; v < TILE_VECS; v++)
                sum[r][v] = vf_fma(x, weight[v], sum[r][v]);
        }
    }

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            vf_store(c + r * ldc + v * VF_LANES, sum[r][v]);
    }
}

#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        if (n <= TILE_ROWS)                                                                        \
            tile(n <= TILE_ROWS ? n : 1, a, lda, k, w, start, c, ldc);                             \
        break

/* tile() for 1..TILE_ROWS rows, not inlined: its twelve loops are the bulk of the code. */
UNCHECKED static __attribute__((noinline)) void tile_rows(size_t rows, const float *a, size_t lda,
                                                          size_t k, const float *w,
                                                          const float *start, float *c, size_t ldc)
{
    switch (rows) {
        TILE_CASE(1);
        TILE_CASE(2);
        TILE_CASE(3);
        TILE_CASE(4);
        TILE_CASE(5);
        TILE_CASE(6);
        TILE_CASE(7);
        TILE_CASE(8);
        TILE_CASE(9);
        TILE_CASE(10);
        TILE_CASE(11);
        TILE_CASE(12);
    }
}

/* c[rows, n_cols] = start + a x panel for the first n_cols columns of one panel; rows up to
 * TILE_ROWS, start [SIMD_PANEL]. */
VEC_INLINE void panel_product(size_t rows, const float *a, size_t lda, size_t k, const float *panel,
                              const float *start, float *c, size_t ldc, size_t n_cols)
{
    float whole[TILE_ROWS * SIMD_PANEL]; /* where the panel is wider than the result */
    float *to = n_cols == SIMD_PANEL ? c : whole;
    size_t ld = n_cols == SIMD_PANEL ? ldc : SIMD_PANEL;

    for (size_t col = 0; col < SIMD_PANEL; col += TILE_COLS)
        tile_rows(rows, a, lda, k, panel + col, start + col, to + col, ld);
    if (to == c)
        return;
    for (size_t r = 0; r < rows; r++)
        memcpy(c + r * ldc, whole + r * SIMD_PANEL, n_cols * sizeof *c);
}

/* Rows of a block when m rows are split evenly: 13 become 7 and 6, not 12 and 1, because a tile of
 * few rows waits for its weights. */
VEC_INLINE size_t block_rows(size_t m)
{
    size_t n_blocks = (m + TILE_ROWS - 1) / TILE_ROWS;

    return n_blocks ? (m + n_blocks - 1) / n_blocks : 1;
}

VEC_INLINE size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

VEC_INLINE void vec_gemm(const float *a, size_t m, size_t k, const float *w_packed,
                         const float *bias, size_t n, float *c, size_t ldc)
{
    size_t step = block_rows(m);

    for (size_t col = 0; col < n; col += SIMD_PANEL) {
        size_t n_cols = at_most(SIMD_PANEL, n - col);
        float start[SIMD_PANEL] = {0};

        memcpy(start, bias + col, n_cols * sizeof *start);
        for (size_t r = 0; r < m; r += step)
            panel_product(at_most(step, m - r), a + r * k, k, k, w_packed + col * k, start,
                          c + r * ldc + col, ldc, n_cols);
    }
}
