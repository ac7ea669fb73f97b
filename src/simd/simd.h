/* simd.h - one table of kernels, filled at start for this processor.
 *
 * The plain C versions (dot.c, code_rows.c, product.c, rows.c, sums.c, attention.c) are the
 * reference for ever. The faster ones are written once, over the small vector vocabulary of vec.h
 * and vec_small.h, in vec_dot.h, vec_codes.h, vec_product.h, vec_rows.h, vec_sums.h and
 * vec_attention.h; the files kernels_*.c build them, one a level, and are the only ones with those
 * instructions. Kernels take pointers and sizes; what has a shape of its own, packed weights and
 * prepared rows, comes as the structs of matrix.h.
 *
 * Levels agree to rounding: each sums in its own order. Within a level a row's result does not
 * depend on the rows beside it, bit for bit: a text has one vector, whatever batch it came in.
 *
 * Threads  immutable after the first simd_get.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "simd/matrix.h"

/* Rows of the largest innermost block of any level. */
#define TILE_ROWS_MAX 12

enum after { AFTER_NOTHING, AFTER_GELU };

/* Heads first .. first+count-1 of n, each dim wide. */
struct heads {
    size_t n, dim;
    size_t first, count;
    bool exact; /* f32 products; else a level may use bf16 for them */
};

/* Columns of the narrow tables of gather and scatter. */
#define SIMD_COLUMNS 32

#define SIMD_SUMS 256
#define SIMD_EACH 8

struct simd {
    enum simd_level level;

    /* sum of a[i]*b[i] */
    float (*dot)(const float *a, const float *b, size_t n);

    /* out[i] = dot(query, rows + i*dim): the exact scan. */
    void (*dot_rows)(const float *query, const float *rows, size_t n_rows, size_t dim, float *out);

    /* out[i] = scale * dot(query, rows + i*dim), rows of signed bytes (sentence vectors). */
    void (*dot_rows_i8)(const float *query, const int8_t *rows, size_t n_rows, size_t dim,
                        float scale, float *out);

    /* out[i] = dot(query, rows + at[i]*dim), bit for bit as dot_rows has it. */
    void (*dot_gather)(const float *query, const float *rows, const uint32_t *at, size_t n,
                       size_t dim, float *out);

    /* the largest |x[i]|, 0 of none */
    float (*largest)(const float *x, size_t n);

    /* out[i] = x[i]*scale + 128, held within 128-most..128+most and rounded to nearest even; the
     * same at every level. most is whole, at most 127. */
    void (*to_codes)(const float *x, size_t n, float scale, float most, uint8_t *out);

    /* Byte codes against a query, the same integers at every level:
     *   out[i] = the sum of (row i's codes - 128) * query
     * n_bytes is a multiple of 64, the query within -64..64, bias 128 times its sum.
     *   codes_rows     rows one after the other
     *   codes_gather   row i at codes + at[i]*stride, asked for ahead of the read */
    void (*codes_rows)(const int8_t *query, int32_t bias, const uint8_t *codes, size_t n_bytes,
                       size_t n, int32_t *out);
    void (*codes_gather)(const int8_t *query, int32_t bias, const uint8_t *codes, size_t stride,
                         size_t n_bytes, const uint32_t *at, size_t n, int32_t *out);

    /* sum[i] += x[i] */
    void (*add)(float *sum, const float *x, size_t n);

    /* sum[i] += a * x[i] */
    void (*add_scaled)(float *sum, const float *x, float a, size_t n);

    /* Sparse rows times a narrow table [.., SIMD_COLUMNS] of floats, and its transpose:
     *   gather   sum = the sum of weights[i] * table[at[i]]
     *   scatter  table[at[i]] += weights[i] * x, one after the other */
    void (*gather)(const float *table, const uint32_t *at, const float *weights, size_t n,
                   float *sum);
    void (*scatter)(float *table, const uint32_t *at, const float *weights, size_t n,
                    const float *x);

    /* Rows first .. first+m-1 of x [.., k] as rows of `out`, in its precision (f32: nothing to do).
     * Every level gives the same, but in bf16 numbers below 1.2e-38 may be zero (vcvtneps2bf16).
     */
    void (*prepare)(const float *x, size_t first, size_t m, const struct rows *out);

    /* y[m, ldy] = x w + bias, then perhaps GELU, for the outputs of panels first ..
     * first+n_panels-1 only; y points at output 0. x is prepared in the matrix's precision, its
     * rows from 0 on. f32 is exact to rounding, GELU too; bf16 and int8 use a GELU that is off by
     * 1.8e-4 at most. */
    void (*product)(const struct rows *x, size_t m, const struct matrix *w, size_t first,
                    size_t n_panels, enum after after, float *y, size_t ldy);

    /* x = 0.5 x (1 + erf(x / sqrt 2)), in place */
    void (*gelu)(float *x, size_t n);

    /* x[r] = norm(x[r] + residual[r]) * gamma + beta for rows of length dim */
    void (*add_norm)(float *x, const float *residual, size_t n_rows, size_t dim, const float *gamma,
                     const float *beta, float epsilon);

    /* For the word index; every level gives the same. Sums [n], n a multiple of SIMD_SUMS and at
     * most 65536, `least` at least 1:
     *   count_reaching  how many are at least `least`
     *   take_reaching   the same, and out [n] has them in order as sum << 16 | place; sums are zero
     *                   afterwards
     *   count_each      times[j] = how often x[j] stands in v; x and times are [SIMD_EACH]
     *   to_units        out[i] = a * x[i] without its fraction, plus 1; both at least 0, and what
     *                   comes out at most INT16_MAX */
    size_t (*count_reaching)(const int16_t *sums, size_t n, int16_t least);
    size_t (*take_reaching)(int16_t *sums, size_t n, int16_t least, uint32_t *out);
    void (*count_each)(const uint32_t *v, size_t n, const uint32_t *x, uint32_t *times);
    void (*to_units)(const float *x, float a, int16_t *out, size_t n);

    /* Attention of one sequence for some of its heads: qkv [t, 3*n*dim] (q already scaled), out
     * [t, n*dim]; scratch as simd_attention_scratch says. */
    void (*attention)(const float *qkv, float *out, size_t t, const struct heads *heads,
                      float *scratch);
};

/* The table of the chosen level (RAGD_SIMD, else the best); never NULL. A forced level that this
 * processor lacks stops the process with a message: main checks cpu_chosen_level first. */
const struct simd *simd_get(void);

/* The table of one level, or NULL where it is not compiled in or the processor lacks it. */
const struct simd *simd_level(enum simd_level level);

/* Floats of scratch that attention needs for sequences up to t: grows with t, not with t*t. */
size_t simd_attention_scratch(size_t t, size_t head_dim);
