/* vec_rows.h - what happens to rows between the products, over vec.h.
 *
 * exp   2^round(x log2 e) times a polynomial of degree 6 on the rest; relative error 2e-7.
 * erf   Abramowitz & Stegun, "Handbook of Mathematical Functions", 7.1.26; error 1.5e-7 by the
 *       formula, about twice that with float arithmetic.
 * Rows of bytes and of bf16 lose far more when they are rounded, so their GELU has a polynomial for
 * the whole distribution function: error 1.8e-4, a third of the time.
 */
#pragma once
#include <stdbool.h>

#include "simd/matrix.h"
#include "simd/simd.h"
#include "simd/vec.h"
#include "simd/vec_small.h"

/* e^x for x <= 0 (clamped at -87, where floats end). */
VEC_INLINE vf vec_exp(vf x)
{
    static const float taylor[] = {1 / 120.0f, 1 / 24.0f, 1 / 6.0f, 0.5f, 1, 1};
    vf whole, rest, p = vf_all(1 / 720.0f);

    x = vf_max(x, vf_all(-87));
    whole = vf_round(vf_mul(x, vf_all((float)M_LOG2E)));
    /* ln 2 in two parts, so that x - whole*ln 2 keeps its last bits */
    rest = vf_fma(whole, vf_all(-0.693145751953125f), x);
    rest = vf_fma(whole, vf_all(-1.42860677e-6f), rest);
    UNROLL
    for (size_t i = 0; i < sizeof taylor / sizeof *taylor; i++)
        p = vf_fma(p, rest, vf_all(taylor[i]));
    return vf_mul(p, vf_pow2(whole));
}

/* 2^power for powers of at most 0, to 1e-4: for what is rounded to bf16 next. The polynomial is
 * minimax for the relative error of 2^x on 0 .. 1. */
VEC_INLINE vf exp2_near(vf power)
{
    static const float cubic[] = {0.0780245215f, 0.226067185f, 0.695833504f, 0.999925196f};
    vf x = vf_fraction(power), p = vf_all(cubic[0]);

    UNROLL
    for (size_t i = 1; i < 4; i++)
        p = vf_fma(p, x, vf_all(cubic[i]));
    return vf_scale(p, power);
}

VEC_INLINE vf gelu_of(vf x)
{
    static const float erf_7_1_26[] = {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f};
    vf z = vf_mul(x, vf_all((float)M_SQRT1_2));
    vf size = vf_abs(z);
    vf t = vf_div(vf_all(1), vf_fma(size, vf_all(0.3275911f), vf_all(1)));
    vf p = vf_all(1.061405429f), erf;

    UNROLL
    for (size_t i = 0; i < sizeof erf_7_1_26 / sizeof *erf_7_1_26; i++)
        p = vf_fma(p, t, vf_all(erf_7_1_26[i]));
    p = vf_mul(p, t);
    erf = vf_sub(vf_all(1), vf_mul(p, vec_exp(vf_sub(vf_zero(), vf_mul(size, size)))));
    erf = vf_copysign(erf, z);
    return vf_mul(vf_mul(x, vf_all(0.5f)), vf_add(erf, vf_all(1)));
}

VEC_INLINE void vec_gelu(float *x, size_t n)
{
    float last[VF_LANES] = {0};
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(x + i, gelu_of(vf_load(x + i)));
    if (i == n)
        return;
    memcpy(last, x + i, (n - i) * sizeof *x);
    vf_store(last, gelu_of(vf_load(last)));
    memcpy(x + i, last, (n - i) * sizeof *x);
}

/* x P(X < x), with P - 1/2 as an odd polynomial, minimax for the whole up to 3.95, where it reaches
 * 1/2 and from where it only grows, so that holding P within 0 .. 1 is all that is needed beyond
 * (tests/golden/make_gelu.py). */
VEC_INLINE vf gelu_near(vf x)
{
    static const float odd[] = {0.39798668f,     -0.0647227392f,   0.00884291437f, -0.000829038676f,
                                4.95518725e-05f, -1.68114923e-06f, 2.44357174e-08f};
    size_t n = sizeof odd / sizeof *odd;
    vf square = vf_mul(x, x), p = vf_all(odd[n - 1]);

    UNROLL
    for (size_t i = n - 1; i > 0; i--)
        p = vf_fma(p, square, vf_all(odd[i - 1]));
    p = vf_fma(x, p, vf_all(0.5f));
    return vf_mul(x, vf_min(vf_max(p, vf_zero()), vf_all(1)));
}

/* GELU of a block of a product, [n_rows, n_cols] with n_cols a multiple of VF_LANES. */
VEC_INLINE void vec_gelu_block(float *x, size_t n_rows, size_t n_cols, size_t ldx, bool exact)
{
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < n_cols; i += VF_LANES) {
            float *at = x + r * ldx + i;

            vf_store(at, exact ? gelu_of(vf_load(at)) : gelu_near(vf_load(at)));
        }
    }
}

VEC_INLINE void vec_add(float *sum, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(sum + i, vf_add(vf_load(sum + i), vf_load(x + i)));
    for (; i < n; i++)
        sum[i] += x[i];
}

VEC_INLINE void vec_add_scaled(float *sum, const float *x, float a, size_t n)
{
    vf all = vf_all(a);
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(sum + i, vf_fma(all, vf_load(x + i), vf_load(sum + i)));
    for (; i < n; i++)
        sum[i] += a * x[i];
}

/* Rows of the table are two lines of the cache each and lie anywhere: asked for this many ahead. */
#define TABLE_AHEAD 8
#define TABLE_VECS  (SIMD_COLUMNS / VF_LANES)

VEC_INLINE void ask_for_row(const float *table, const uint32_t *at, size_t i, size_t n)
{
    const float *row =
        table + (size_t)at[i + TABLE_AHEAD < n ? i + TABLE_AHEAD : n - 1] * SIMD_COLUMNS;

    __builtin_prefetch(row);
    __builtin_prefetch(row + 16);
}

VEC_INLINE void vec_gather(const float *table, const uint32_t *at, const float *weights, size_t n,
                           float *sum)
{
    vf s[TABLE_VECS];

    UNROLL
    for (size_t j = 0; j < TABLE_VECS; j++)
        s[j] = vf_zero();
    for (size_t i = 0; i < n; i++) {
        const float *row = table + (size_t)at[i] * SIMD_COLUMNS;
        vf w = vf_all(weights[i]);

        ask_for_row(table, at, i, n);
        UNROLL
        for (size_t j = 0; j < TABLE_VECS; j++)
            s[j] = vf_fma(w, vf_load(row + j * VF_LANES), s[j]);
    }
    UNROLL
    for (size_t j = 0; j < TABLE_VECS; j++)
        vf_store(sum + j * VF_LANES, s[j]);
}

VEC_INLINE void vec_scatter(float *table, const uint32_t *at, const float *weights, size_t n,
                            const float *x)
{
    vf v[TABLE_VECS];

    UNROLL
    for (size_t j = 0; j < TABLE_VECS; j++)
        v[j] = vf_load(x + j * VF_LANES);
    for (size_t i = 0; i < n; i++) {
        float *row = table + (size_t)at[i] * SIMD_COLUMNS;
        vf w = vf_all(weights[i]);

        ask_for_row(table, at, i, n);
        UNROLL
        for (size_t j = 0; j < TABLE_VECS; j++)
            vf_store(row + j * VF_LANES, vf_fma(w, v[j], vf_load(row + j * VF_LANES)));
    }
}

/* x += residual; returns the mean of the row */
VEC_INLINE float add_and_mean(float *x, const float *residual, size_t dim)
{
    vf sum = vf_zero();
    float total;
    size_t i = 0;

    for (; i + VF_LANES <= dim; i += VF_LANES) {
        vf both = vf_add(vf_load(x + i), vf_load(residual + i));

        vf_store(x + i, both);
        sum = vf_add(sum, both);
    }
    total = vf_sum(sum);
    for (; i < dim; i++) {
        x[i] += residual[i];
        total += x[i];
    }
    return total / (float)dim;
}

VEC_INLINE float variance_about(const float *x, size_t dim, float mean)
{
    vf sum = vf_zero(), centre = vf_all(mean);
    float total;
    size_t i = 0;

    for (; i + VF_LANES <= dim; i += VF_LANES) {
        vf off = vf_sub(vf_load(x + i), centre);

        sum = vf_fma(off, off, sum);
    }
    total = vf_sum(sum);
    for (; i < dim; i++)
        total += (x[i] - mean) * (x[i] - mean);
    return total / (float)dim;
}

VEC_INLINE void vec_add_norm_row(float *x, const float *residual, size_t dim, const float *gamma,
                                 const float *beta, float epsilon)
{
    float mean = add_and_mean(x, residual, dim);
    float inverse = 1 / sqrtf(variance_about(x, dim, mean) + epsilon);
    vf centre = vf_all(mean), factor = vf_all(inverse);
    size_t i = 0;

    for (; i + VF_LANES <= dim; i += VF_LANES) {
        vf unit = vf_mul(vf_sub(vf_load(x + i), centre), factor);

        vf_store(x + i, vf_fma(unit, vf_load(gamma + i), vf_load(beta + i)));
    }
    for (; i < dim; i++)
        x[i] = (x[i] - mean) * inverse * gamma[i] + beta[i];
}

VEC_INLINE void vec_add_norm(float *x, const float *residual, size_t n_rows, size_t dim,
                             const float *gamma, const float *beta, float epsilon)
{
    for (size_t r = 0; r < n_rows; r++)
        vec_add_norm_row(x + r * dim, residual + r * dim, dim, gamma, beta, epsilon);
}

/* ---- rows for a product ---- */

/* Two at a time, as each minimum waits for the one before. */
VEC_INLINE void range_of(const float *x, size_t k, float *lowest, float *highest)
{
    vf low = vf_zero(), high = vf_zero(), low_too = low, high_too = high;
    size_t i = 0;

    for (; i + 2 * VF_LANES <= k; i += 2 * VF_LANES) {
        vf one = vf_load(x + i), other = vf_load(x + i + VF_LANES);

        low = vf_min(low, one);
        high = vf_max(high, one);
        low_too = vf_min(low_too, other);
        high_too = vf_max(high_too, other);
    }
    low = vf_min(low, low_too);
    high = vf_max(high, high_too);
    *lowest = -vf_most(vf_sub(vf_zero(), low));
    *highest = vf_most(high);
    for (; i < k; i++) {
        *lowest = fminf(*lowest, x[i]);
        *highest = fmaxf(*highest, x[i]);
    }
}

/* x = scale (q - zero): 0 is always in the range, so it is exact. */
VEC_INLINE void prepare_int8(const float *x, size_t k, uint8_t *q, float *scale, float *zero)
{
    float low, high, inverse, middle;
    size_t i = 0;

    range_of(x, k, &low, &high);
    inverse = high - low > RANGE_MIN ? 255 / (high - low) : 0;
    middle = rintf(-low * inverse);
    for (; i + VF_LANES <= k; i += VF_LANES)
        vf_store_u8(q + i, vf_fma(vf_load(x + i), vf_all(inverse), vf_all(middle)));
    for (; i < k; i++)
        q[i] = (uint8_t)rintf(fminf(255, fmaxf(0, fmaf(x[i], inverse, middle))));
    for (; i < rows_stride(k); i++)
        q[i] = 0;
    *scale = (high - low) / 255;
    *zero = middle;
}

VEC_INLINE void prepare_bf16(const float *x, size_t k, uint16_t *to)
{
    size_t i = 0;

    for (; i + VF_LANES <= k; i += VF_LANES)
        vf_store_bf16(to + i, vf_load(x + i));
    for (; i < k; i++)
        to[i] = bf16_of(x[i]);
    for (; i < rows_stride(k); i++)
        to[i] = 0;
}

VEC_INLINE void vec_prepare(const float *x, size_t first, size_t m, const struct rows *out)
{
    size_t k = out->k, stride = rows_stride(k);

    for (size_t r = first; r < first + m; r++) {
        if (out->precision == PRECISION_BF16)
            prepare_bf16(x + r * k, k, (uint16_t *)out->v + r * stride);
        else if (out->precision == PRECISION_INT8)
            prepare_int8(x + r * k, k, (uint8_t *)out->v + r * stride, &out->scale[r],
                         &out->zero[r]);
    }
}
