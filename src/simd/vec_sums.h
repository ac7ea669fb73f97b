/* vec_sums.h - sums of 16 bits beside a limit: what the word index looks at, block by block.
 *
 * vs_reach(p, least)  bit i: p[i] >= least, for VS_LANES sums from p on.
 * vs_any(p, least)    is one of VS_GROUP sums at least that?
 * vs_clear(p)         VS_GROUP sums are zero; written out, since memset calls or repeats. */
#pragma once
#include <stdbool.h>

#include "simd/simd.h"
#include "simd/vec.h"

#if defined(__AVX512BW__)

#define VS_LANES 32
#define VS_GROUP 32

VEC_INLINE uint32_t vs_reach(const int16_t *p, int16_t least)
{
    return _mm512_cmpge_epi16_mask(_mm512_loadu_si512(p), _mm512_set1_epi16(least));
}

VEC_INLINE bool vs_any(const int16_t *p, int16_t least)
{
    return vs_reach(p, least) != 0;
}

VEC_INLINE void vs_clear(int16_t *p)
{
    _mm512_storeu_si512(p, _mm512_setzero_si512());
}

#elif defined(__AVX2__)

#define VS_LANES 32
#define VS_GROUP 64

/* Packing bytes goes by halves of a register, so they are put in order before. */
VEC_INLINE uint32_t vs_reach(const int16_t *p, int16_t least)
{
    __m256i below = _mm256_set1_epi16((int16_t)(least - 1));
    __m256i a = _mm256_cmpgt_epi16(_mm256_loadu_si256((const __m256i *)p), below);
    __m256i b = _mm256_cmpgt_epi16(_mm256_loadu_si256((const __m256i *)(p + 16)), below);
    __m256i both = _mm256_packs_epi16(a, b);

    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(both, 0xd8));
}

VEC_INLINE bool vs_any(const int16_t *p, int16_t least)
{
    const __m256i *v = (const __m256i *)p;
    __m256i a = _mm256_max_epi16(_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1));
    __m256i b = _mm256_max_epi16(_mm256_loadu_si256(v + 2), _mm256_loadu_si256(v + 3));
    __m256i below = _mm256_set1_epi16((int16_t)(least - 1));

    return _mm256_movemask_epi8(_mm256_cmpgt_epi16(_mm256_max_epi16(a, b), below)) != 0;
}

VEC_INLINE void vs_clear(int16_t *p)
{
    for (size_t i = 0; i < VS_GROUP / 16; i++)
        _mm256_storeu_si256((__m256i *)p + i, _mm256_setzero_si256());
}

#elif defined(__ARM_NEON)

#define VS_LANES 8
#define VS_GROUP 32

VEC_INLINE uint32_t vs_reach(const int16_t *p, int16_t least)
{
    static const uint16_t bits[] = {1, 2, 4, 8, 16, 32, 64, 128};

    return vaddvq_u16(vandq_u16(vcgeq_s16(vld1q_s16(p), vdupq_n_s16(least)), vld1q_u16(bits)));
}

VEC_INLINE bool vs_any(const int16_t *p, int16_t least)
{
    int16x8_t a = vmaxq_s16(vld1q_s16(p), vld1q_s16(p + 8));
    int16x8_t b = vmaxq_s16(vld1q_s16(p + 16), vld1q_s16(p + 24));

    return vmaxvq_s16(vmaxq_s16(a, b)) >= least;
}

VEC_INLINE void vs_clear(int16_t *p)
{
    for (size_t i = 0; i < VS_GROUP; i += 8)
        vst1q_s16(p + i, vdupq_n_s16(0));
}

#else

#define VS_LANES 1
#define VS_GROUP 1

VEC_INLINE uint32_t vs_reach(const int16_t *p, int16_t least)
{
    return *p >= least;
}

VEC_INLINE bool vs_any(const int16_t *p, int16_t least)
{
    return *p >= least;
}

VEC_INLINE void vs_clear(int16_t *p)
{
    *p = 0;
}

#endif

/* Counted in the sums' own width, which the compiler does a register at a time. */
VEC_INLINE size_t vec_count_reaching(const int16_t *sums, size_t n, int16_t least)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i += SIMD_SUMS) {
        int16_t here = 0;

        for (size_t j = 0; j < SIMD_SUMS; j++)
            here = (int16_t)(here + (sums[i + j] >= least));
        found += (size_t)here;
    }
    return found;
}

/* Few groups have one. */
VEC_INLINE size_t vec_take_reaching(int16_t *sums, size_t n, int16_t least, uint32_t *out)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i += VS_GROUP) {
        for (size_t j = i; vs_any(sums + i, least) && j < i + VS_GROUP; j += VS_LANES)
            for (uint32_t reach = vs_reach(sums + j, least); reach; reach &= reach - 1) {
                size_t at = j + (size_t)__builtin_ctz(reach);

                out[found++] = (uint32_t)sums[at] << 16 | (uint32_t)at;
            }
        vs_clear(sums + i);
    }
    return found;
}

VEC_INLINE void vec_to_units(const float *x, float a, int16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int16_t)((int32_t)(x[i] * a) + 1);
}

VEC_INLINE void vec_count_each(const uint32_t *v, size_t n, const uint32_t *x, uint32_t *times)
{
    uint32_t sum[SIMD_EACH] = {0};

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < SIMD_EACH; j++)
            sum[j] += v[i] == x[j];
    memcpy(times, sum, sizeof sum);
}
