/* vec_small.h - the vocabulary for small numbers: bytes and bfloat16 into sums of four or two
 * products a lane.
 *
 *   vquad   four bytes a lane:   sum += x0*w0 + x1*w1 + x2*w2 + x3*w3     sums are vi, exact
 *   vpair   two bf16 a lane:     sum += x0*w0 + x1*w1                     sums are vf
 *
 * x is the same in all lanes (inputs of a row), w differs (outputs of a panel). Inputs are unsigned
 * bytes; where the instruction wants signed ones QUAD_MIDDLE is taken from each.
 *
 * QUAD_ROWS, PAIR_ROWS  rows of the innermost block, TILE_VECS vectors wide: fewer where a
 *             product is made of several instructions with operands of their own.
 *
 * PAIRS_ARE_FAST  there is an instruction for pairs.
 *
 * gcc 12 moves accumulators to memory and back around its own builtins of the dot products (12
 * tokens took twice as long), so those three instructions are written out.
 */
#pragma once
#include "simd/bf16.h"
#include "simd/vec.h"

VEC_INLINE int32_t four_bytes(const uint8_t *p)
{
    int32_t four;

    memcpy(&four, p, sizeof four);
    return four;
}

VEC_INLINE int32_t two_bf16(const uint16_t *p)
{
    int32_t two;

    memcpy(&two, p, sizeof two);
    return two;
}

#if defined(__AVX512F__)

typedef __m512i vi;
#define QUAD_ROWS   12
#define PAIR_ROWS   12
#define QUAD_MIDDLE 0

VEC_INLINE vi vi_zero(void)
{
    return _mm512_setzero_si512();
}

VEC_INLINE vf vi_to_vf(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

VEC_INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

/* rounded to nearest even and held within 0..255 */
VEC_INLINE void vf_store_u8(uint8_t *p, vf a)
{
    __m512i rounded = _mm512_cvtps_epi32(_mm512_max_ps(a, _mm512_setzero_ps()));

    _mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(rounded));
}

VEC_INLINE void vf_store_bf16(uint16_t *p, vf a)
{
#if defined(__AVX512BF16__)
    _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh(a));
#else
    __m512i bits = _mm512_castps_si512(a);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));

    bits = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
#endif
}

#if defined(__AVX512VNNI__)

typedef __m512i vquad_x, vquad_w;

VEC_INLINE vquad_x vquad_all(const uint8_t *p)
{
    return _mm512_set1_epi32(four_bytes(p));
}

VEC_INLINE vquad_w vquad_load(const int8_t *p)
{
    return _mm512_loadu_si512(p);
}

VEC_INLINE vi vquad_dot(vi sum, vquad_x x, vquad_w w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
    return sum;
}

#else /* sixteen-bit halves: products of even and of odd bytes */

typedef struct {
    __m512i even, odd;
} vquad_x, vquad_w;

VEC_INLINE vquad_x vquad_all(const uint8_t *p)
{
    __m512i four = _mm512_set1_epi32(four_bytes(p));

    return (vquad_x){_mm512_and_si512(four, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(four, 8)};
}

VEC_INLINE vquad_w vquad_load(const int8_t *p)
{
    __m512i w = _mm512_loadu_si512(p);

    return (vquad_w){_mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8), _mm512_srai_epi16(w, 8)};
}

VEC_INLINE vi vquad_dot(vi sum, vquad_x x, vquad_w w)
{
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(x.even, w.even));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(x.odd, w.odd));
}

#endif

#if defined(__AVX512BF16__)

typedef __m512i vpair;
#define PAIRS_ARE_FAST true

VEC_INLINE vpair vpair_all(const uint16_t *p)
{
    return _mm512_set1_epi32(two_bf16(p));
}

VEC_INLINE vpair vpair_load(const uint16_t *p)
{
    return _mm512_loadu_si512(p);
}

VEC_INLINE vf vpair_dot(vf sum, vpair x, vpair w)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
    return sum;
}

#else

typedef struct {
    vf low, high;
} vpair;

VEC_INLINE vpair vpair_of(__m512i both)
{
    return (vpair){_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)),
                   _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(~0xffff)))};
}

VEC_INLINE vpair vpair_all(const uint16_t *p)
{
    return vpair_of(_mm512_set1_epi32(two_bf16(p)));
}

VEC_INLINE vpair vpair_load(const uint16_t *p)
{
    return vpair_of(_mm512_loadu_si512(p));
}

VEC_INLINE vf vpair_dot(vf sum, vpair x, vpair w)
{
    return vf_fma(x.high, w.high, vf_fma(x.low, w.low, sum));
}

#endif

#elif defined(__AVX2__)

typedef __m256i vi;
#define PAIR_ROWS   4
#define QUAD_MIDDLE 0

VEC_INLINE vi vi_zero(void)
{
    return _mm256_setzero_si256();
}

VEC_INLINE vf vi_to_vf(vi a)
{
    return _mm256_cvtepi32_ps(a);
}

VEC_INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

VEC_INLINE void vf_store_u8(uint8_t *p, vf a)
{
    __m256i rounded = _mm256_cvtps_epi32(a);
    __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));

    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}

VEC_INLINE void vf_store_bf16(uint16_t *p, vf a)
{
    __m256i bits = _mm256_castps_si256(a);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));

    bits = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    bits = _mm256_srli_epi32(bits, 16);
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(_mm256_castsi256_si128(bits),
                                                    _mm256_extracti128_si256(bits, 1)));
}

#if defined(__AVXVNNI__)

typedef __m256i vquad_x, vquad_w;
#define QUAD_ROWS 6

VEC_INLINE vquad_x vquad_all(const uint8_t *p)
{
    return _mm256_set1_epi32(four_bytes(p));
}

VEC_INLINE vquad_w vquad_load(const int8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

VEC_INLINE vi vquad_dot(vi sum, vquad_x x, vquad_w w)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
    return sum;
}

#else

typedef struct {
    __m256i even, odd;
} vquad_x, vquad_w;
#define QUAD_ROWS 4

VEC_INLINE vquad_x vquad_all(const uint8_t *p)
{
    __m256i four = _mm256_set1_epi32(four_bytes(p));

    return (vquad_x){_mm256_and_si256(four, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(four, 8)};
}

VEC_INLINE vquad_w vquad_load(const int8_t *p)
{
    __m256i w = _mm256_loadu_si256((const __m256i *)p);

    return (vquad_w){_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)};
}

VEC_INLINE vi vquad_dot(vi sum, vquad_x x, vquad_w w)
{
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x.even, w.even));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x.odd, w.odd));
}

#endif

typedef struct {
    vf low, high;
} vpair;

VEC_INLINE vpair vpair_of(__m256i both)
{
    return (vpair){_mm256_castsi256_ps(_mm256_slli_epi32(both, 16)),
                   _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32(~0xffff)))};
}

VEC_INLINE vpair vpair_all(const uint16_t *p)
{
    return vpair_of(_mm256_set1_epi32(two_bf16(p)));
}

VEC_INLINE vpair vpair_load(const uint16_t *p)
{
    return vpair_of(_mm256_loadu_si256((const __m256i *)p));
}

VEC_INLINE vf vpair_dot(vf sum, vpair x, vpair w)
{
    return vf_fma(x.high, w.high, vf_fma(x.low, w.low, sum));
}

#elif defined(__ARM_NEON)

typedef int32x4_t vi;
#define QUAD_ROWS   5
#define PAIR_ROWS   4
#define QUAD_MIDDLE 128

VEC_INLINE vi vi_zero(void)
{
    return vdupq_n_s32(0);
}

VEC_INLINE vf vi_to_vf(vi a)
{
    return vcvtq_f32_s32(a);
}

VEC_INLINE vf vf_min(vf a, vf b)
{
    return vminq_f32(a, b);
}

VEC_INLINE void vf_store_u8(uint8_t *p, vf a)
{
    uint16x4_t words = vqmovun_s32(vcvtnq_s32_f32(a));
    uint8x8_t bytes = vqmovn_u16(vcombine_u16(words, words));

    vst1_lane_u32((uint32_t *)(void *)p, vreinterpret_u32_u8(bytes), 0);
}

VEC_INLINE void vf_store_bf16(uint16_t *p, vf a)
{
    uint32x4_t bits = vreinterpretq_u32_f32(a);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));

    bits = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    vst1_u16(p, vshrn_n_u32(bits, 16));
}

typedef int8x16_t vquad_x, vquad_w;

VEC_INLINE vquad_x vquad_all(const uint8_t *p)
{
    int8x16_t four = vreinterpretq_s8_s32(vdupq_n_s32(four_bytes(p)));

    return veorq_s8(four, vdupq_n_s8(-128));
}

VEC_INLINE vquad_w vquad_load(const int8_t *p)
{
    return vld1q_s8(p);
}

VEC_INLINE vi vquad_dot(vi sum, vquad_x x, vquad_w w)
{
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, x, w);
#else
    int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(w)));
    int32x4_t high = vpaddlq_s16(vmull_high_s8(x, w));

    return vaddq_s32(sum, vpaddq_s32(low, high));
#endif
}

typedef struct {
    vf low, high;
} vpair;

VEC_INLINE vpair vpair_of(uint32x4_t both)
{
    return (vpair){vreinterpretq_f32_u32(vshlq_n_u32(both, 16)),
                   vreinterpretq_f32_u32(vandq_u32(both, vdupq_n_u32(0xffff0000u)))};
}

VEC_INLINE vpair vpair_all(const uint16_t *p)
{
    return vpair_of(vdupq_n_u32((uint32_t)two_bf16(p)));
}

VEC_INLINE vpair vpair_load(const uint16_t *p)
{
    return vpair_of(vreinterpretq_u32_u16(vld1q_u16(p)));
}

VEC_INLINE vf vpair_dot(vf sum, vpair x, vpair w)
{
    return vf_fma(x.high, w.high, vf_fma(x.low, w.low, sum));
}

#else /* one lane */

typedef int32_t vi;
#define QUAD_ROWS   3
#define PAIR_ROWS   3
#define QUAD_MIDDLE 0

VEC_INLINE vi vi_zero(void)
{
    return 0;
}

VEC_INLINE vf vi_to_vf(vi a)
{
    return (float)a;
}

VEC_INLINE vf vf_min(vf a, vf b)
{
    return a < b ? a : b;
}

VEC_INLINE void vf_store_u8(uint8_t *p, vf a)
{
    *p = (uint8_t)rintf(a < 0 ? 0 : a > 255 ? 255 : a);
}

VEC_INLINE void vf_store_bf16(uint16_t *p, vf a)
{
    *p = bf16_of(a);
}

typedef const uint8_t *vquad_x;
typedef const int8_t *vquad_w;

VEC_INLINE vquad_x vquad_all(const uint8_t *p)
{
    return p;
}

VEC_INLINE vquad_w vquad_load(const int8_t *p)
{
    return p;
}

VEC_INLINE vi vquad_dot(vi sum, vquad_x x, vquad_w w)
{
    return sum + x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
}

typedef const uint16_t *vpair;

VEC_INLINE vpair vpair_all(const uint16_t *p)
{
    return p;
}

VEC_INLINE vpair vpair_load(const uint16_t *p)
{
    return p;
}

VEC_INLINE vf vpair_dot(vf sum, vpair x, vpair w)
{
    return sum + bf16_to_float(x[0]) * bf16_to_float(w[0]) +
           bf16_to_float(x[1]) * bf16_to_float(w[1]);
}

#endif

#ifndef PAIRS_ARE_FAST
#define PAIRS_ARE_FAST false
#endif

/* VF_LANES pairs of low[i], high[i] */
VEC_INLINE void vf_store_pairs(uint16_t *p, vf low, vf high)
{
#if defined(__AVX512BF16__)
    __m512i l = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low));
    __m512i h = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high));

    _mm512_storeu_si512(p, _mm512_or_si512(l, _mm512_slli_epi32(h, 16)));
#else
    uint16_t halves[2][VF_LANES];

    vf_store_bf16(halves[0], low);
    vf_store_bf16(halves[1], high);
    for (size_t i = 0; i < VF_LANES; i++) {
        p[2 * i] = halves[0][i];
        p[2 * i + 1] = halves[1][i];
    }
#endif
}
