/* simd.h - one table of kernels, filled at start for this processor.
 *
 * The plain C versions (dot.c, gemm.c, rows.c) are the reference for ever; *_avx2.c, *_avx512.c
 * and *_neon.c are faster copies and the only files built with those instructions. Kernels take
 * pointers and sizes, no structs. Levels agree to rounding: each sums in its own order.
 *
 * Threads  immutable after the first simd_get.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* Weights are packed in panels of SIMD_PANEL output columns: panel p holds [k][SIMD_PANEL] floats
 * for columns p*32 .. p*32+31, 64-byte aligned; missing columns are zero. */
#define SIMD_PANEL 32

struct simd {
    enum simd_level level;

    /* sum of a[i]*b[i] */
    float (*dot)(const float *a, const float *b, size_t n);

    /* out[i] = dot(query, rows + i*dim): the exact scan. */
    void (*dot_rows)(const float *query, const float *rows, size_t n_rows, size_t dim, float *out);

    /* out[i] = scale * dot(query, rows + i*dim), rows of signed bytes (sentence vectors). */
    void (*dot_rows_i8)(const float *query, const int8_t *rows, size_t n_rows, size_t dim,
                        float scale, float *out);

    /* c[m, n] = a[m, k] x w + bias, w packed in panels; ldc is c's row length. */
    void (*gemm)(const float *a, size_t m, size_t k, const float *w_packed, const float *bias,
                 size_t n, float *c, size_t ldc);

    /* x = 0.5 x (1 + erf(x / sqrt 2)), in place */
    void (*gelu)(float *x, size_t n);

    /* x[r] = norm(x[r] + residual[r]) * gamma + beta for rows of length dim */
    void (*add_norm)(float *x, const float *residual, size_t n_rows, size_t dim, const float *gamma,
                     const float *beta, float epsilon);

    /* Multi-head attention of one sequence: qkv [t, 3*heads*head_dim] (q already scaled), out
     * [t, heads*head_dim]; scratch as simd_attention_scratch says. */
    void (*attention)(const float *qkv, float *out, size_t t, size_t heads, size_t head_dim,
                      float *scratch);
};

/* The table of the chosen level (RAGD_SIMD, else the best); never NULL. A forced level that this
 * processor lacks stops the process with a message: main checks cpu_chosen_level first. */
const struct simd *simd_get(void);

/* The table of one level, or NULL where it is not compiled in or the processor lacks it. */
const struct simd *simd_level(enum simd_level level);

/* Floats of scratch that attention needs for sequences up to t. */
size_t simd_attention_scratch(size_t t, size_t head_dim);

/* Packs w [n, k] (row per output, as checkpoints have it) into panels. */
size_t simd_packed_floats(size_t n, size_t k);
void simd_pack(const float *w, size_t n, size_t k, float *packed);
