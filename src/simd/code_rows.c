#include "simd/scalar.h"

#include <math.h>

float largest_scalar(const float *x, size_t n)
{
    float largest = 0;

    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    return largest;
}

void to_codes_scalar(const float *x, size_t n, float scale, float most, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        float code = fmaf(x[i], scale, 128);

        out[i] = (uint8_t)rintf(fminf(fmaxf(code, 128 - most), 128 + most));
    }
}

void codes_rows_scalar(const int8_t *query, int32_t bias, const uint8_t *codes, size_t n_bytes,
                       size_t n, int32_t *out)
{
    for (size_t r = 0; r < n; r++) {
        int32_t sum = 0;

        for (size_t i = 0; i < n_bytes; i++)
            sum += codes[r * n_bytes + i] * query[i];
        out[r] = sum - bias;
    }
}

void codes_gather_scalar(const int8_t *query, int32_t bias, const uint8_t *codes, size_t stride,
                         size_t n_bytes, const uint32_t *at, size_t n, int32_t *out)
{
    for (size_t i = 0; i < n; i++)
        codes_rows_scalar(query, bias, codes + at[i] * stride, n_bytes, 1, out + i);
}

void dot_gather_scalar(const float *query, const float *rows, const uint32_t *at, size_t n,
                       size_t dim, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = dot_scalar(query, rows + at[i] * dim, dim);
}
