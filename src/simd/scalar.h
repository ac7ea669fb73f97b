/* scalar.h - the kernels in plain C: short, obviously right, the reference for every other level.
 *
 * What each does is said in simd.h, at the member of the same name.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* dot.c */
float dot_scalar(const float *a, const float *b, size_t n);
void dot_rows_scalar(const float *query, const float *rows, size_t n_rows, size_t dim, float *out);
void dot_rows_i8_scalar(const float *query, const int8_t *rows, size_t n_rows, size_t dim,
                        float scale, float *out);

/* gemm.c */
void gemm_scalar(const float *a, size_t m, size_t k, const float *w_packed, const float *bias,
                 size_t n, float *c, size_t ldc);

/* rows.c */
void add_scalar(float *sum, const float *x, size_t n);
void gelu_scalar(float *x, size_t n);
void add_norm_scalar(float *x, const float *residual, size_t n_rows, size_t dim, const float *gamma,
                     const float *beta, float epsilon);

/* attention.c */
void attention_scalar(const float *qkv, float *out, size_t t, size_t heads, size_t head_dim,
                      float *scratch);
