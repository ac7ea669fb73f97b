/* scalar.h - the kernels in plain C: short, obviously right, the reference for every other level.
 *
 * What each does is said in simd.h, at the member of the same name.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "simd/simd.h"

/* dot.c */
float dot_scalar(const float *a, const float *b, size_t n);
void dot_rows_scalar(const float *query, const float *rows, size_t n_rows, size_t dim, float *out);
void dot_rows_i8_scalar(const float *query, const int8_t *rows, size_t n_rows, size_t dim,
                        float scale, float *out);

/* code_rows.c */
float largest_scalar(const float *x, size_t n);
void to_codes_scalar(const float *x, size_t n, float scale, float most, uint8_t *out);
void codes_rows_scalar(const int8_t *query, int32_t bias, const uint8_t *codes, size_t n_bytes,
                       size_t n, int32_t *out);
void codes_gather_scalar(const int8_t *query, int32_t bias, const uint8_t *codes, size_t stride,
                         size_t n_bytes, const uint32_t *at, size_t n, int32_t *out);
void dot_gather_scalar(const float *query, const float *rows, const uint32_t *at, size_t n,
                       size_t dim, float *out);

/* product.c */
void prepare_scalar(const float *x, size_t first, size_t m, const struct rows *out);
void product_scalar(const struct rows *x, size_t m, const struct matrix *w, size_t first,
                    size_t n_panels, enum after after, float *y, size_t ldy);

/* rows.c */
void add_scalar(float *sum, const float *x, size_t n);
void add_scaled_scalar(float *sum, const float *x, float a, size_t n);
void gather_scalar(const float *table, const uint32_t *at, const float *weights, size_t n,
                   float *sum);
void scatter_scalar(float *table, const uint32_t *at, const float *weights, size_t n,
                    const float *x);
void gelu_scalar(float *x, size_t n);
void add_norm_scalar(float *x, const float *residual, size_t n_rows, size_t dim, const float *gamma,
                     const float *beta, float epsilon);

/* sums.c */
size_t count_reaching_scalar(const int16_t *sums, size_t n, int16_t least);
size_t take_reaching_scalar(int16_t *sums, size_t n, int16_t least, uint32_t *out);
void count_each_scalar(const uint32_t *v, size_t n, const uint32_t *x, uint32_t *times);
void to_units_scalar(const float *x, float a, int16_t *out, size_t n);

/* attention.c */
void attention_scalar(const float *qkv, float *out, size_t t, const struct heads *heads,
                      float *scratch);
