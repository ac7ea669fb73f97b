#include "simd/scalar.h"

#include <math.h>
#include <string.h>

#include "simd/simd.h"

void add_scalar(float *sum, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

void add_scaled_scalar(float *sum, const float *x, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += a * x[i];
}

void gather_scalar(const float *table, const uint32_t *at, const float *weights, size_t n,
                   float *sum)
{
    memset(sum, 0, SIMD_COLUMNS * sizeof *sum);
    for (size_t i = 0; i < n; i++)
        add_scaled_scalar(sum, table + (size_t)at[i] * SIMD_COLUMNS, weights[i], SIMD_COLUMNS);
}

void scatter_scalar(float *table, const uint32_t *at, const float *weights, size_t n,
                    const float *x)
{
    for (size_t i = 0; i < n; i++)
        add_scaled_scalar(table + (size_t)at[i] * SIMD_COLUMNS, x, weights[i], SIMD_COLUMNS);
}

void gelu_scalar(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 0.5f * x[i] * (1 + erff(x[i] * (float)M_SQRT1_2));
}

static void add_norm_row(float *x, const float *residual, size_t dim, const float *gamma,
                         const float *beta, float epsilon)
{
    float mean = 0, variance = 0, inverse;

    for (size_t i = 0; i < dim; i++) {
        x[i] += residual[i];
        mean += x[i];
    }
    mean /= (float)dim;
    for (size_t i = 0; i < dim; i++)
        variance += (x[i] - mean) * (x[i] - mean);
    variance /= (float)dim;
    inverse = 1 / sqrtf(variance + epsilon);
    for (size_t i = 0; i < dim; i++)
        x[i] = (x[i] - mean) * inverse * gamma[i] + beta[i];
}

void add_norm_scalar(float *x, const float *residual, size_t n_rows, size_t dim, const float *gamma,
                     const float *beta, float epsilon)
{
    for (size_t r = 0; r < n_rows; r++)
        add_norm_row(x + r * dim, residual + r * dim, dim, gamma, beta, epsilon);
}
