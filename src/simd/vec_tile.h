/* vec_tile.h - the innermost blocks of the products over vec.h: sums that never leave the
 * registers.
 *
 *              panel p                  a tile: rows x TILE_COLS sums in registers;
 *            +---------+                a step down k is TILE_VECS loads of weights
 *        k   |  w      |                and one broadcast of x for each row
 *            +---------+
 *   rows x-> [ tile ]--> y
 *
 * A question reads all weights once, from the third-level cache or memory, in f32 and bf16 at about
 * the speed of computing with them; asking for the panel after this one while computing overlaps
 * the two (f32, 12 tokens: 2.1 to 1.9 ms). The last panel asks beyond its end, which costs nothing
 * and cannot fault. Bytes are a quarter as many, and asking only costs (0.67 to 0.69 ms).
 *
 * Every element is summed over k in order: the result does not depend on the blocking.
 */
#pragma once
#include "simd/matrix.h"
#include "simd/vec.h"
#include "simd/vec_small.h"

#define TILE_COLS  (VF_LANES * TILE_VECS)
#define LINE_BYTES 64

/* Checked loads would make the tile twenty times slower in the tests' build, so the sanitizers
 * leave it out; what it may touch is tested with memory that ends at a forbidden page (compare.h).
 */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

/* Asks for what the next panel has at this place: TILE_COLS columns of `unit` bytes. */
VEC_INLINE void prefetch_panel(const char *w, size_t panel_bytes, size_t unit)
{
    UNROLL
    for (size_t b = 0; b < TILE_COLS * unit; b += LINE_BYTES)
        __builtin_prefetch(w + panel_bytes + b, 0, 2);
}

/* y[rows, TILE_COLS] = start + x[rows, k] w[k, TILE_COLS]; `rows` known when compiled. Element i of
 * row r of x is at x[r * ldx + i * step]. */
UNCHECKED VEC_INLINE void tile_f32(size_t rows, const float *x, size_t ldx, size_t step, size_t k,
                                   const float *w, const float *start, float *y, size_t ldy)
{
    vf sum[TILE_ROWS][TILE_VECS];

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            sum[r][v] = vf_load(start + v * VF_LANES);
    }

    for (size_t i = 0; i < k; i++, w += MATRIX_PANEL) {
        vf weight[TILE_VECS];

        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            weight[v] = vf_load(w + v * VF_LANES);
        prefetch_panel((const char *)w, k * MATRIX_PANEL * sizeof *w, sizeof *w);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            vf one = vf_all(x[r * ldx + i * step]);

            UNROLL
            for (size_t v = 0; v < TILE_VECS; v++)
                sum[r][v] = vf_fma(one, weight[v], sum[r][v]);
        }
    }

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            vf_store(y + r * ldy + v * VF_LANES, sum[r][v]);
    }
}

/* The same over pairs of bf16: pair i of row r is at x[r * ldx + i * step]. */
UNCHECKED VEC_INLINE void tile_bf16(size_t rows, const uint16_t *x, size_t ldx, size_t step,
                                    size_t n_pairs, const uint16_t *w, const float *start, float *y,
                                    size_t ldy)
{
    vf sum[PAIR_ROWS][TILE_VECS];

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            sum[r][v] = vf_load(start + v * VF_LANES);
    }

    for (size_t i = 0; i < n_pairs; i++, w += 2 * MATRIX_PANEL) {
        vpair weight[TILE_VECS];

        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            weight[v] = vpair_load(w + 2 * v * VF_LANES);
        prefetch_panel((const char *)w, n_pairs * 2 * MATRIX_PANEL * sizeof *w, 2 * sizeof *w);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            vpair two = vpair_all(x + r * ldx + i * step);

            UNROLL
            for (size_t v = 0; v < TILE_VECS; v++)
                sum[r][v] = vpair_dot(sum[r][v], two, weight[v]);
        }
    }

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            vf_store(y + r * ldy + v * VF_LANES, sum[r][v]);
    }
}

/* What turns sums of bytes into outputs, at the tile's first row and column. */
struct byte_ends {
    const float *row_scale, *row_zero;
    const float *bias, *scale, *sum;
};

/* The same over quads of bytes; n_quads steps. With x = a (q - z) and w = s p:
 *   y = bias + a s (sum of q p - z (sum of p))                                                   */
UNCHECKED VEC_INLINE void tile_int8(size_t rows, const uint8_t *x, size_t ldx, size_t n_quads,
                                    const int8_t *w, const struct byte_ends *ends, float *y,
                                    size_t ldy)
{
    vi sum[QUAD_ROWS][TILE_VECS];

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            sum[r][v] = vi_zero();
    }

    for (size_t i = 0; i < n_quads; i++, w += 4 * MATRIX_PANEL) {
        vquad_w weight[TILE_VECS];

        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++)
            weight[v] = vquad_load(w + 4 * v * VF_LANES);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            vquad_x four = vquad_all(x + r * ldx + 4 * i);

            UNROLL
            for (size_t v = 0; v < TILE_VECS; v++)
                sum[r][v] = vquad_dot(sum[r][v], four, weight[v]);
        }
    }

    UNROLL
    for (size_t r = 0; r < rows; r++) {
        vf scale = vf_all(ends->row_scale[r]), less = vf_all(QUAD_MIDDLE - ends->row_zero[r]);

        UNROLL
        for (size_t v = 0; v < TILE_VECS; v++) {
            size_t col = v * VF_LANES;
            vf exact = vf_fma(less, vf_load(ends->sum + col), vi_to_vf(sum[r][v]));

            vf_store(y + r * ldy + col, vf_fma(exact, vf_mul(scale, vf_load(ends->scale + col)),
                                               vf_load(ends->bias + col)));
        }
    }
}

/* The tiles for 1 .. most rows, not inlined: their twelve loops are the bulk of the code. */
#define TILE_CASE(n, most, tile, ...)                                                              \
    case n:                                                                                        \
        if (n <= most)                                                                             \
            tile(n <= most ? n : 1, __VA_ARGS__);                                                  \
        break
#define TILE_SWITCH(rows, ...)                                                                     \
    switch (rows) {                                                                                \
        TILE_CASE(1, __VA_ARGS__);                                                                 \
        TILE_CASE(2, __VA_ARGS__);                                                                 \
        TILE_CASE(3, __VA_ARGS__);                                                                 \
        TILE_CASE(4, __VA_ARGS__);                                                                 \
        TILE_CASE(5, __VA_ARGS__);                                                                 \
        TILE_CASE(6, __VA_ARGS__);                                                                 \
        TILE_CASE(7, __VA_ARGS__);                                                                 \
        TILE_CASE(8, __VA_ARGS__);                                                                 \
        TILE_CASE(9, __VA_ARGS__);                                                                 \
        TILE_CASE(10, __VA_ARGS__);                                                                \
        TILE_CASE(11, __VA_ARGS__);                                                                \
        TILE_CASE(12, __VA_ARGS__);                                                                \
    }
#define TILE_FUNCTION UNCHECKED static __attribute__((noinline)) void

TILE_FUNCTION tile_rows_f32(size_t rows, const float *x, size_t ldx, size_t step, size_t k,
                            const float *w, const float *start, float *y, size_t ldy)
{
    TILE_SWITCH(rows, TILE_ROWS, tile_f32, x, ldx, step, k, w, start, y, ldy);
}

TILE_FUNCTION tile_rows_bf16(size_t rows, const uint16_t *x, size_t ldx, size_t step,
                             size_t n_pairs, const uint16_t *w, const float *start, float *y,
                             size_t ldy)
{
    TILE_SWITCH(rows, PAIR_ROWS, tile_bf16, x, ldx, step, n_pairs, w, start, y, ldy);
}

TILE_FUNCTION tile_rows_int8(size_t rows, const uint8_t *x, size_t ldx, size_t n_quads,
                             const int8_t *w, const struct byte_ends *ends, float *y, size_t ldy)
{
    TILE_SWITCH(rows, QUAD_ROWS, tile_int8, x, ldx, n_quads, w, ends, y, ldy);
}

VEC_INLINE size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows of a block when m rows are split evenly into blocks of at most `most`: 13 become 7 and 6,
 * not 12 and 1, because a tile of few rows waits for its weights. */
VEC_INLINE size_t block_rows(size_t m, size_t most)
{
    size_t n_blocks = (m + most - 1) / most;

    return n_blocks ? (m + n_blocks - 1) / n_blocks : 1;
}
