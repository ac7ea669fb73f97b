/* vec_rows.h - what happens to rows between the products, over vec.h.
 *
 * exp   2^round(x log2 e) times a polynomial of degree 6 on the rest; relative error 2e-7.
 * erf   Abramowitz & Stegun, "Handbook of Mathematical Functions", 7.1.26; error 1.5e-7 by the
 *       formula, about twice that with float arithmetic.
 */
#pragma once
#include "simd/vec.h"

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

VEC_INLINE void vec_add(float *sum, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(sum + i, vf_add(vf_load(sum + i), vf_load(x + i)));
    for (; i < n; i++)
        sum[i] += x[i];
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
