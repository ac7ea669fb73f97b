/* vec_dot.h - dot products over vec.h: one pair, and the exact scan. */
#pragma once
#include "simd/vec.h"

/* The scan reads every row once, so memory sets its speed: this many rows at a time keep as many
 * streams open, and their sums hide the latency of fma. */
#define SCAN_ROWS 4

/* Bytes ahead of the read at which a row is asked for: far enough to cover a miss to memory. */
#define SCAN_AHEAD 2048

VEC_INLINE float vec_dot(const float *a, const float *b, size_t n)
{
    vf sum[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    float total;
    size_t i = 0;

    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES) {
        UNROLL
        for (size_t j = 0; j < 4; j++) {
            size_t at = i + j * VF_LANES;

            sum[j] = vf_fma(vf_load(a + at), vf_load(b + at), sum[j]);
        }
    }
    for (; i + VF_LANES <= n; i += VF_LANES)
        sum[0] = vf_fma(vf_load(a + i), vf_load(b + i), sum[0]);
    total = vf_sum(vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3])));
    for (; i < n; i++)
        total += a[i] * b[i];
    return total;
}

/* out[0..n_rows) for n_rows known when compiled: one sum a row, so that a row's result is the same
 * whether it came in a full block or at the end. */
VEC_INLINE void scan_block(size_t n_rows, const float *query, const float *rows, size_t dim,
                           float *out)
{
    vf sum[SCAN_ROWS];
    size_t i = 0;

    UNROLL
    for (size_t r = 0; r < n_rows; r++)
        sum[r] = vf_zero();
    for (; i + VF_LANES <= dim; i += VF_LANES) {
        vf q = vf_load(query + i);

        UNROLL
        for (size_t r = 0; r < n_rows; r++) {
            __builtin_prefetch((const char *)(rows + r * dim + i) + SCAN_AHEAD);
            sum[r] = vf_fma(q, vf_load(rows + r * dim + i), sum[r]);
        }
    }
    UNROLL
    for (size_t r = 0; r < n_rows; r++) {
        out[r] = vf_sum(sum[r]);
        for (size_t j = i; j < dim; j++)
            out[r] += query[j] * rows[r * dim + j];
    }
}

VEC_INLINE void vec_dot_rows(const float *query, const float *rows, size_t n_rows, size_t dim,
                             float *out)
{
    size_t r = 0;

    for (; r + SCAN_ROWS <= n_rows; r += SCAN_ROWS)
        scan_block(SCAN_ROWS, query, rows + r * dim, dim, out + r);
    for (; r < n_rows; r++)
        scan_block(1, query, rows + r * dim, dim, out + r);
}

VEC_INLINE void scan_block_i8(size_t n_rows, const float *query, const int8_t *rows, size_t dim,
                              float scale, float *out)
{
    vf sum[SCAN_ROWS];
    size_t i = 0;

    UNROLL
    for (size_t r = 0; r < n_rows; r++)
        sum[r] = vf_zero();
    for (; i + VF_LANES <= dim; i += VF_LANES) {
        vf q = vf_load(query + i);

        UNROLL
        for (size_t r = 0; r < n_rows; r++)
            sum[r] = vf_fma(q, vf_load_i8(rows + r * dim + i), sum[r]);
    }
    UNROLL
    for (size_t r = 0; r < n_rows; r++) {
        float total = vf_sum(sum[r]);

        for (size_t j = i; j < dim; j++)
            total += query[j] * (float)rows[r * dim + j];
        out[r] = scale * total;
    }
}

VEC_INLINE void vec_dot_rows_i8(const float *query, const int8_t *rows, size_t n_rows, size_t dim,
                                float scale, float *out)
{
    size_t r = 0;

    for (; r + SCAN_ROWS <= n_rows; r += SCAN_ROWS)
        scan_block_i8(SCAN_ROWS, query, rows + r * dim, dim, scale, out + r);
    for (; r < n_rows; r++)
        scan_block_i8(1, query, rows + r * dim, dim, scale, out + r);
}
