#include "simd/scalar.h"

#include <math.h>
#include <string.h>

#include "simd/bf16.h"

static void prepare_int8_row(const float *x, size_t k, uint8_t *q, float *scale, float *zero)
{
    float low = 0, high = 0, inverse;

    for (size_t i = 0; i < k; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    inverse = high - low > RANGE_MIN ? 255 / (high - low) : 0;
    *scale = (high - low) / 255;
    *zero = rintf(-low * inverse);
    memset(q, 0, rows_stride(k));
    for (size_t i = 0; i < k; i++)
        q[i] = (uint8_t)rintf(fminf(255, fmaxf(0, fmaf(x[i], inverse, *zero))));
}

static void prepare_bf16_row(const float *x, size_t k, uint16_t *to)
{
    memset(to, 0, rows_stride(k) * sizeof *to);
    for (size_t i = 0; i < k; i++)
        to[i] = bf16_of(x[i]);
}

void prepare_scalar(const float *x, size_t first, size_t m, const struct rows *out)
{
    size_t k = out->k, stride = rows_stride(k);

    for (size_t r = first; r < first + m; r++) {
        if (out->precision == PRECISION_BF16)
            prepare_bf16_row(x + r * k, k, (uint16_t *)out->v + r * stride);
        else if (out->precision == PRECISION_INT8)
            prepare_int8_row(x + r * k, k, (uint8_t *)out->v + r * stride, &out->scale[r],
                             &out->zero[r]);
    }
}

/* Row r times column col of a panel, less the bias. */
static float element_f32(const struct rows *x, size_t r, const void *panel, size_t col)
{
    const float *w = panel;
    float sum = 0;

    for (size_t i = 0; i < x->k; i++)
        sum += x->x[r * x->k + i] * w[i * MATRIX_PANEL + col];
    return sum;
}

static float element_bf16(const struct rows *x, size_t r, const void *panel, size_t col)
{
    const uint16_t *v = (const uint16_t *)x->v + r * rows_stride(x->k), *w = panel;
    float sum = 0;

    for (size_t i = 0; i < x->k; i++)
        sum += bf16_to_float(v[i]) * bf16_to_float(w[i / 2 * 2 * MATRIX_PANEL + 2 * col + i % 2]);
    return sum;
}

static float element_int8(const struct rows *x, size_t r, const void *panel, size_t col,
                          float scale, float sum_w)
{
    const uint8_t *q = (const uint8_t *)x->v + r * rows_stride(x->k);
    const int8_t *w = panel;
    int32_t sum = 0;

    for (size_t i = 0; i < x->k; i++)
        sum += q[i] * w[i / 4 * 4 * MATRIX_PANEL + 4 * col + i % 4];
    return x->scale[r] * scale * ((float)sum - x->zero[r] * sum_w);
}

static float element(const struct rows *x, size_t r, const struct matrix *w, size_t n)
{
    const char *panel =
        (const char *)w->panels + n / MATRIX_PANEL * matrix_panel_bytes(w->precision, w->k);
    size_t col = n % MATRIX_PANEL;

    switch (w->precision) {
    case PRECISION_BF16: return element_bf16(x, r, panel, col);
    case PRECISION_INT8: return element_int8(x, r, panel, col, w->scale[n], w->sum[n]);
    default: return element_f32(x, r, panel, col);
    }
}

void product_scalar(const struct rows *x, size_t m, const struct matrix *w, size_t first,
                    size_t n_panels, enum after after, float *y, size_t ldy)
{
    size_t end = (first + n_panels) * MATRIX_PANEL;

    for (size_t r = 0; r < m; r++) {
        for (size_t n = first * MATRIX_PANEL; n < end && n < w->n; n++) {
            float *at = y + r * ldy + n;

            *at = w->bias[n] + element(x, r, w, n);
            if (after == AFTER_GELU)
                gelu_scalar(at, 1);
        }
    }
}
