/* vec.h - a vector of floats, as wide as the instructions this file is compiled for.
 *
 * The whole vocabulary of the fast kernels: vec_*.h are written in it once, and each of the
 * files kernels_*.c builds them for its level. Without any of these instructions a
 * vector is one plain float, which lets the kernels' own logic be tested without them.
 *
 * VF_LANES    floats in a vector.
 * vf_fraction, vf_scale   a - floor(a), and a * 2^floor(power) for powers from -126 on (below that
 *             anything from 0 to a * 2^-126): one instruction each with AVX-512.
 * TILE_ROWS, TILE_VECS  shape of the product's innermost block, rows x vectors: as many sums as
 *             the registers hold beside the operands: 24 of 32 with AVX-512, 12 of 16 with
 *             AVX2, 20 of 32 with NEON, whose short vectors want four a row.
 */
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VEC_INLINE static inline __attribute__((always_inline))
#define UNROLL     _Pragma("GCC unroll 16")

#if defined(__AVX512F__)

#include <immintrin.h>

typedef __m512 vf;
#define VF_LANES  16
#define TILE_ROWS 12
#define TILE_VECS 2

VEC_INLINE vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

VEC_INLINE vf vf_load_i8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

VEC_INLINE void vf_store(float *p, vf a)
{
    _mm512_storeu_ps(p, a);
}

VEC_INLINE vf vf_all(float a)
{
    return _mm512_set1_ps(a);
}

VEC_INLINE vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

VEC_INLINE vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

VEC_INLINE vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

VEC_INLINE vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

VEC_INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

VEC_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

VEC_INLINE vf vf_abs(vf a)
{
    return _mm512_abs_ps(a);
}

VEC_INLINE vf vf_copysign(vf size, vf sign)
{
    __m512 bit = _mm512_set1_ps(-0.0f);

    return _mm512_or_ps(_mm512_andnot_ps(bit, size), _mm512_and_ps(bit, sign));
}

VEC_INLINE vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VEC_INLINE vf vf_pow2(vf whole)
{
    return _mm512_scalef_ps(_mm512_set1_ps(1), whole);
}

VEC_INLINE vf vf_fraction(vf a)
{
    return _mm512_reduce_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

VEC_INLINE vf vf_scale(vf a, vf power)
{
    return _mm512_scalef_ps(a, power);
}

VEC_INLINE float vf_sum(vf a)
{
    return _mm512_reduce_add_ps(a);
}

VEC_INLINE float vf_most(vf a)
{
    return _mm512_reduce_max_ps(a);
}

#elif defined(__AVX2__)

#include <immintrin.h>

typedef __m256 vf;
#define VF_LANES  8
#define TILE_ROWS 6
#define TILE_VECS 2

VEC_INLINE vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

VEC_INLINE vf vf_load_i8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

VEC_INLINE void vf_store(float *p, vf a)
{
    _mm256_storeu_ps(p, a);
}

VEC_INLINE vf vf_all(float a)
{
    return _mm256_set1_ps(a);
}

VEC_INLINE vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

VEC_INLINE vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

VEC_INLINE vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

VEC_INLINE vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

VEC_INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

VEC_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

VEC_INLINE vf vf_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

VEC_INLINE vf vf_copysign(vf size, vf sign)
{
    __m256 bit = _mm256_set1_ps(-0.0f);

    return _mm256_or_ps(_mm256_andnot_ps(bit, size), _mm256_and_ps(bit, sign));
}

VEC_INLINE vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VEC_INLINE vf vf_pow2(vf whole)
{
    __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));

    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

VEC_INLINE vf vf_fraction(vf a)
{
    return _mm256_sub_ps(a, _mm256_floor_ps(a));
}

VEC_INLINE vf vf_scale(vf a, vf power)
{
    power = _mm256_floor_ps(_mm256_max_ps(power, _mm256_set1_ps(-126)));
    return _mm256_mul_ps(a, vf_pow2(power));
}

VEC_INLINE float vf_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

VEC_INLINE float vf_most(vf a)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

#elif defined(__ARM_NEON)

#include <arm_neon.h>

typedef float32x4_t vf;
#define VF_LANES  4
#define TILE_ROWS 5 /* with 6 gcc 12 keeps one of the 24 sums in memory */
#define TILE_VECS 4

VEC_INLINE vf vf_load(const float *p)
{
    return vld1q_f32(p);
}

VEC_INLINE vf vf_load_i8(const int8_t *p)
{
    int32_t four;

    memcpy(&four, p, sizeof four);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four))))));
}

VEC_INLINE void vf_store(float *p, vf a)
{
    vst1q_f32(p, a);
}

VEC_INLINE vf vf_all(float a)
{
    return vdupq_n_f32(a);
}

VEC_INLINE vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}

VEC_INLINE vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}

VEC_INLINE vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}

VEC_INLINE vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}

VEC_INLINE vf vf_max(vf a, vf b)
{
    return vmaxq_f32(a, b);
}

VEC_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}

VEC_INLINE vf vf_abs(vf a)
{
    return vabsq_f32(a);
}

VEC_INLINE vf vf_copysign(vf size, vf sign)
{
    return vbslq_f32(vdupq_n_u32(0x80000000u), sign, size);
}

VEC_INLINE vf vf_round(vf a)
{
    return vrndnq_f32(a);
}

VEC_INLINE vf vf_pow2(vf whole)
{
    int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(whole), vdupq_n_s32(127));

    return vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23));
}

VEC_INLINE vf vf_fraction(vf a)
{
    return vsubq_f32(a, vrndmq_f32(a));
}

VEC_INLINE vf vf_scale(vf a, vf power)
{
    return vmulq_f32(a, vf_pow2(vrndmq_f32(vmaxq_f32(power, vdupq_n_f32(-126)))));
}

VEC_INLINE float vf_sum(vf a)
{
    return vaddvq_f32(a);
}

VEC_INLINE float vf_most(vf a)
{
    return vmaxvq_f32(a);
}

#else /* one float: for compilers and tests without the above */

typedef float vf;
#define VF_LANES  1
#define TILE_ROWS 3
#define TILE_VECS 2

VEC_INLINE vf vf_load(const float *p)
{
    return *p;
}

VEC_INLINE vf vf_load_i8(const int8_t *p)
{
    return *p;
}

VEC_INLINE void vf_store(float *p, vf a)
{
    *p = a;
}

VEC_INLINE vf vf_all(float a)
{
    return a;
}

VEC_INLINE vf vf_add(vf a, vf b)
{
    return a + b;
}

VEC_INLINE vf vf_sub(vf a, vf b)
{
    return a - b;
}

VEC_INLINE vf vf_mul(vf a, vf b)
{
    return a * b;
}

VEC_INLINE vf vf_div(vf a, vf b)
{
    return a / b;
}

VEC_INLINE vf vf_max(vf a, vf b)
{
    return a > b ? a : b;
}

VEC_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return fmaf(a, b, c); /* rounded once, like the others */
}

VEC_INLINE vf vf_abs(vf a)
{
    return fabsf(a);
}

VEC_INLINE vf vf_copysign(vf size, vf sign)
{
    return copysignf(size, sign);
}

VEC_INLINE vf vf_round(vf a)
{
    return rintf(a);
}

VEC_INLINE vf vf_pow2(vf whole)
{
    return ldexpf(1, (int)whole);
}

VEC_INLINE vf vf_fraction(vf a)
{
    return a - floorf(a);
}

VEC_INLINE vf vf_scale(vf a, vf power)
{
    return ldexpf(a, (int)floorf(power < -126 ? -126 : power));
}

VEC_INLINE float vf_sum(vf a)
{
    return a;
}

VEC_INLINE float vf_most(vf a)
{
    return a;
}

#endif

VEC_INLINE vf vf_zero(void)
{
    return vf_all(0);
}
