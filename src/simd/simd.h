/* simd.h - one table of kernels, filled at start for this processor.
 *
 * The plain C versions (dot.c, gemm.c, rows.c, attention.c) are the reference for ever. The faster
 * ones are written once, over the small vector vocabulary of vec.h, in vec_dot.h, vec_gemm.h,
 * vec_rows.h and vec_attention.h; kernels_avx2.c, kernels_avx512.c and kernels_neon.c build them
 * and are the only files with those instructions. Kernels take pointers and sizes, no structs.
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

    /* sum[i] += x[i] */
    void (*add)(float *sum, const float *x, size_t n);

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

/* Floats of scratch that attention needs for sequences up to t: grows with t, not with t*t. */
size_t simd_attention_scratch(size_t t, size_t head_dim);

/* Floats of the panels for n outputs of k inputs. */
size_t simd_packed_floats(size_t n, size_t k);

/* Packs scale * w, w [n, k] (row per output, as checkpoints have it), as the columns first_col ..
 * first_col+n-1 of `packed`, so that several matrices become one product. `packed` starts zeroed.
 */
void simd_pack(const float *w, size_t n, size_t k, float scale, size_t first_col, float *packed);
