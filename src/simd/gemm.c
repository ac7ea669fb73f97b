#include "simd/scalar.h"
#include "simd/simd.h"

void gemm_scalar(const float *a, size_t m, size_t k, const float *w_packed, const float *bias,
                 size_t n, float *c, size_t ldc)
{
    for (size_t r = 0; r < m; r++) {
        for (size_t col = 0; col < n; col++) {
            const float *w = w_packed + col / SIMD_PANEL * SIMD_PANEL * k + col % SIMD_PANEL;
            float sum = bias[col];

            for (size_t i = 0; i < k; i++)
                sum += a[r * k + i] * w[i * SIMD_PANEL];
            c[r * ldc + col] = sum;
        }
    }
}
