#include "simd/scalar.h"

#include <string.h>

#include "simd/simd.h"

/* sum[0..31] += x[k] x one panel [k][32] */
static void add_panel(const float *x, size_t k, const float *panel, float *sum)
{
    for (size_t i = 0; i < k; i++)
        for (size_t col = 0; col < SIMD_PANEL; col++)
            sum[col] += x[i] * panel[i * SIMD_PANEL + col];
}

void gemm_scalar(const float *a, size_t m, size_t k, const float *w_packed, const float *bias,
                 size_t n, float *c, size_t ldc)
{
    for (size_t r = 0; r < m; r++) {
        for (size_t col = 0; col < n; col += SIMD_PANEL) {
            size_t n_cols = n - col < SIMD_PANEL ? n - col : SIMD_PANEL;
            float sum[SIMD_PANEL] = {0};

            memcpy(sum, bias + col, n_cols * sizeof *sum);
            add_panel(a + r * k, k, w_packed + col * k, sum);
            memcpy(c + r * ldc + col, sum, n_cols * sizeof *sum);
        }
    }
}
