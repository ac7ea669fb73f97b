/* vec_codes.h - rows of byte codes against a query of small signed bytes, one after the other or
 * gathered, and gathered rows of floats.
 *
 *   vcode       CODE_BYTES signed bytes of the query
 *   vcode_dot   sum += codes * query, four neighbours a lane, exact
 *
 * Codes are bytes around 128. Where the instruction wants signed ones 128 is taken from each and
 * the sum is the centred one at once; elsewhere vcode_bias takes the same from the sum.
 *
 * With AVX2 alone vpmaddubsw adds two products into 16 bits: a query within +-64 (simd.h) cannot
 * overflow them. Four instructions for 32 bytes; widening to 16 bits first takes seven.
 */
#pragma once
#include "simd/scalar.h"
#include "simd/vec_dot.h"
#include "simd/vec_small.h"

/* Rows at a time: their sums are added up together. */
#define CODE_ROWS 4

/* Rows ahead of the read at which a gathered one is asked for. */
#define CODE_AHEAD 12

/* The commonest length is known when compiled: a third fewer instructions. */
#define CODE_BYTES_USUAL 384

#if defined(__AVX512F__)

typedef __m512i vcode;
#define CODE_BYTES 64

VEC_INLINE vcode vcode_load(const int8_t *query)
{
    return _mm512_loadu_si512(query);
}

VEC_INLINE vi vcode_dot(vi sum, const uint8_t *codes, vcode query)
{
    __m512i c = _mm512_loadu_si512(codes);

#if defined(__AVX512VNNI__)
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(c), "v"(query));
    return sum;
#else
    __m512i pairs = _mm512_maddubs_epi16(c, query);

    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
}

VEC_INLINE __m128i vi_half_sum(__m512i a)
{
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));

    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

#elif defined(__AVX2__)

typedef __m256i vcode;
#define CODE_BYTES 32

VEC_INLINE vcode vcode_load(const int8_t *query)
{
    return _mm256_loadu_si256((const __m256i *)query);
}

VEC_INLINE vi vcode_dot(vi sum, const uint8_t *codes, vcode query)
{
    __m256i c = _mm256_loadu_si256((const __m256i *)codes);

#if defined(__AVXVNNI__)
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(c), "x"(query));
    return sum;
#else
    __m256i pairs = _mm256_maddubs_epi16(c, query);

    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}

VEC_INLINE __m128i vi_half_sum(__m256i a)
{
    return _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
}

#elif defined(__ARM_NEON)

typedef int8x16_t vcode;
#define CODE_BYTES 16

VEC_INLINE vcode vcode_load(const int8_t *query)
{
    return vld1q_s8(query);
}

VEC_INLINE vi vcode_dot(vi sum, const uint8_t *codes, vcode query)
{
    int8x16_t c = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes), vdupq_n_u8(128)));

#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, c, query);
#else
    int16x8_t pairs = vmull_s8(vget_low_s8(c), vget_low_s8(query));

    return vpadalq_s16(sum, vmlal_s8(pairs, vget_high_s8(c), vget_high_s8(query)));
#endif
}

#else /* one byte */

typedef int8_t vcode;
#define CODE_BYTES 1

VEC_INLINE vcode vcode_load(const int8_t *query)
{
    return *query;
}

VEC_INLINE vi vcode_dot(vi sum, const uint8_t *codes, vcode query)
{
    return sum + *codes * query;
}

#endif

/* out[r] = the sum of the lanes of sum[r], centred. */
#if defined(__AVX2__)

VEC_INLINE void vcode_sums(const vi sum[CODE_ROWS], int32_t bias, int32_t *out)
{
    __m128i low = _mm_hadd_epi32(vi_half_sum(sum[0]), vi_half_sum(sum[1]));
    __m128i high = _mm_hadd_epi32(vi_half_sum(sum[2]), vi_half_sum(sum[3]));
    __m128i all = _mm_sub_epi32(_mm_hadd_epi32(low, high), _mm_set1_epi32(bias));

    _mm_storeu_si128((__m128i *)out, all);
}

#elif defined(__ARM_NEON)

VEC_INLINE void vcode_sums(const vi sum[CODE_ROWS], int32_t bias, int32_t *out)
{
    (void)bias; /* not in the sum */
    vst1q_s32(out, vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3])));
}

#else

VEC_INLINE void vcode_sums(const vi sum[CODE_ROWS], int32_t bias, int32_t *out)
{
    for (size_t r = 0; r < CODE_ROWS; r++)
        out[r] = sum[r] - bias;
}

#endif

VEC_INLINE void code_block(const int8_t *query, int32_t bias, const uint8_t *const row[CODE_ROWS],
                           size_t n_bytes, int32_t *out)
{
    vi sum[CODE_ROWS];

    UNROLL
    for (size_t r = 0; r < CODE_ROWS; r++)
        sum[r] = vi_zero();
    for (size_t i = 0; i < n_bytes; i += CODE_BYTES) {
        vcode q = vcode_load(query + i);

        UNROLL
        for (size_t r = 0; r < CODE_ROWS; r++)
            sum[r] = vcode_dot(sum[r], row[r] + i, q);
    }
    vcode_sums(sum, bias, out);
}

/* Fewer rows than a block: the last one stands for those that are not there. */
VEC_INLINE void code_rest(const int8_t *query, int32_t bias, const uint8_t *row[CODE_ROWS],
                          size_t n, size_t n_bytes, int32_t *out)
{
    int32_t sums[CODE_ROWS];

    for (size_t r = n; r < CODE_ROWS; r++)
        row[r] = row[n - 1];
    code_block(query, bias, row, n_bytes, sums);
    memcpy(out, sums, n * sizeof *out);
}

VEC_INLINE void codes_rows_of(const int8_t *query, int32_t bias, const uint8_t *codes,
                              size_t n_bytes, size_t n, int32_t *out)
{
    const uint8_t *row[CODE_ROWS];

    for (size_t i = 0; i < n; i += CODE_ROWS) {
        size_t m = n - i < CODE_ROWS ? n - i : CODE_ROWS;

        for (size_t r = 0; r < m; r++)
            row[r] = codes + (i + r) * n_bytes;
        if (m == CODE_ROWS)
            code_block(query, bias, row, n_bytes, out + i);
        else
            code_rest(query, bias, row, m, n_bytes, out + i);
    }
}

VEC_INLINE void ask_for(const void *p, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64)
        __builtin_prefetch((const char *)p + i);
}

VEC_INLINE void codes_gather_of(const int8_t *query, int32_t bias, const uint8_t *codes,
                                size_t stride, size_t n_bytes, const uint32_t *at, size_t n,
                                int32_t *out)
{
    const uint8_t *row[CODE_ROWS];

    for (size_t i = 0; i < n && i < CODE_AHEAD; i++)
        ask_for(codes + at[i] * stride, n_bytes);
    for (size_t i = 0; i < n; i += CODE_ROWS) {
        size_t m = n - i < CODE_ROWS ? n - i : CODE_ROWS;

        for (size_t r = 0; r < m; r++) {
            row[r] = codes + at[i + r] * stride;
            if (i + r + CODE_AHEAD < n)
                ask_for(codes + at[i + r + CODE_AHEAD] * stride, n_bytes);
        }
        if (m == CODE_ROWS)
            code_block(query, bias, row, n_bytes, out + i);
        else
            code_rest(query, bias, row, m, n_bytes, out + i);
    }
}

VEC_INLINE void vec_codes_rows(const int8_t *query, int32_t bias, const uint8_t *codes,
                               size_t n_bytes, size_t n, int32_t *out)
{
    if (n_bytes == CODE_BYTES_USUAL)
        codes_rows_of(query, bias, codes, CODE_BYTES_USUAL, n, out);
    else
        codes_rows_of(query, bias, codes, n_bytes, n, out);
}

VEC_INLINE void vec_codes_gather(const int8_t *query, int32_t bias, const uint8_t *codes,
                                 size_t stride, size_t n_bytes, const uint32_t *at, size_t n,
                                 int32_t *out)
{
    switch (n_bytes) {
    case CODE_BYTES_USUAL:
        codes_gather_of(query, bias, codes, stride, CODE_BYTES_USUAL, at, n, out);
        break;
    case CODE_BYTES_USUAL / 3: /* index/hnsw_scan.c */
        codes_gather_of(query, bias, codes, stride, CODE_BYTES_USUAL / 3, at, n, out);
        break;
    case CODE_BYTES_USUAL / 2:
        codes_gather_of(query, bias, codes, stride, CODE_BYTES_USUAL / 2, at, n, out);
        break;
    default: codes_gather_of(query, bias, codes, stride, n_bytes, at, n, out);
    }
}

VEC_INLINE float vec_largest(const float *x, size_t n)
{
    vf most[2] = {vf_zero(), vf_zero()};
    float largest;
    size_t i = 0;

    for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES) {
        most[0] = vf_max(most[0], vf_abs(vf_load(x + i)));
        most[1] = vf_max(most[1], vf_abs(vf_load(x + i + VF_LANES)));
    }
    largest = vf_most(vf_max(most[0], most[1]));
    for (; i < n; i++)
        largest = fmaxf(largest, fabsf(x[i]));
    return largest;
}

VEC_INLINE void vec_to_codes(const float *x, size_t n, float scale, float most, uint8_t *out)
{
    vf middle = vf_all(128), low = vf_all(128 - most), high = vf_all(128 + most);
    size_t i = 0;

    for (; i + VF_LANES <= n; i += VF_LANES) {
        vf code = vf_fma(vf_load(x + i), vf_all(scale), middle);

        vf_store_u8(out + i, vf_min(vf_max(code, low), high));
    }
    to_codes_scalar(x + i, n - i, scale, most, out + i);
}

/* Rows of floats, summed in the order of scan_block: the same bits. */
VEC_INLINE void gather_block(size_t n_rows, const float *query, const float *rows,
                             const uint32_t *at, size_t dim, float *out)
{
    vf sum[SCAN_ROWS];
    size_t i = 0;

    UNROLL
    for (size_t r = 0; r < n_rows; r++)
        sum[r] = vf_zero();
    for (; i + VF_LANES <= dim; i += VF_LANES) {
        vf q = vf_load(query + i);

        UNROLL
        for (size_t r = 0; r < n_rows; r++)
            sum[r] = vf_fma(q, vf_load(rows + at[r] * dim + i), sum[r]);
    }
    UNROLL
    for (size_t r = 0; r < n_rows; r++) {
        out[r] = vf_sum(sum[r]);
        for (size_t j = i; j < dim; j++)
            out[r] += query[j] * rows[at[r] * dim + j];
    }
}

VEC_INLINE void vec_dot_gather(const float *query, const float *rows, const uint32_t *at, size_t n,
                               size_t dim, float *out)
{
    size_t r = 0;

    for (; r + SCAN_ROWS <= n; r += SCAN_ROWS)
        gather_block(SCAN_ROWS, query, rows, at + r, dim, out + r);
    for (; r < n; r++)
        gather_block(1, query, rows, at + r, dim, out + r);
}
