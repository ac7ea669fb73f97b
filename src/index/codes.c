#include "index/codes.h"

#include <math.h>
#include <string.h>

#include "simd/simd.h"

#define CLIP_SIGMAS 4.5f
#define CODE_MOST   127
#define QUERY_MOST  64
#define MIDDLE      128

/* Sixteen bytes at a time, in whatever registers every processor of its kind has. */
typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef int16_t shorts16 __attribute__((vector_size(32)));

size_t codes_stride(size_t dim)
{
    return (dim + 63) / 64 * 64;
}

static float clip_of(size_t dim)
{
    return CLIP_SIGMAS / sqrtf((float)dim);
}

static float cut_off(const float *v, size_t dim, float clip)
{
    float sum = 0;

    for (size_t i = 0; i < dim; i++) {
        float over = fmaxf(fabsf(v[i]) - clip, 0);

        sum += over * over;
    }
    return sqrtf(sum);
}

float codes_encode(const float *v, size_t dim, uint8_t *out)
{
    float clip = clip_of(dim);

    simd_get()->to_codes(v, dim, CODE_MOST / clip, CODE_MOST, out);
    memset(out + dim, MIDDLE, codes_stride(dim) - dim);
    return simd_get()->largest(v, dim) > clip ? cut_off(v, dim, clip) : 0;
}

static int32_t bias_of(const int8_t *bytes, size_t n)
{
    shorts16 sums = {0}; /* of n/16 times 64 at most: no overflow below 8,192 bytes */
    int32_t sum = 0;

    for (size_t i = 0; i < n; i += 16) {
        bytes16 b;

        memcpy(&b, bytes + i, 16);
        sums += __builtin_convertvector(b, shorts16);
    }
    for (size_t i = 0; i < 16; i++)
        sum += sums[i];
    return sum * MIDDLE;
}

static float error_of(float code_step, float query_step)
{
    return sqrtf((code_step * code_step + query_step * query_step) / 12);
}

struct codes_query codes_query(const float *v, size_t dim, int8_t *room)
{
    float largest = fmaxf(simd_get()->largest(v, dim), 1e-30f);
    float query_step = largest / QUERY_MOST, code_step = clip_of(dim) / CODE_MOST;
    size_t n = codes_stride(dim);

    simd_get()->to_codes(v, dim, 1 / query_step, QUERY_MOST, (uint8_t *)room);
    memset(room + dim, MIDDLE, n - dim);
    for (size_t i = 0; i < n; i += 16) { /* the middle is 0 from here on */
        bytes16 b;

        memcpy(&b, room + i, 16);
        b ^= (int8_t)MIDDLE;
        memcpy(room + i, &b, 16);
    }
    return (struct codes_query){room, bias_of(room, n), query_step * code_step,
                                error_of(code_step, query_step), largest};
}

float codes_unit(size_t dim)
{
    float step = clip_of(dim) / CODE_MOST;

    return 2 * step * step;
}

/* Half of each code, rounded away from zero so that the halves lean to no side. */
struct codes_query codes_query_of(const uint8_t *code, size_t dim, int8_t *room)
{
    float step = clip_of(dim) / CODE_MOST;
    size_t n = codes_stride(dim);

    for (size_t i = 0; i < n; i += 16) {
        bytes16 b;

        memcpy(&b, code + i, 16);
        b ^= (int8_t)MIDDLE;
        b = (b >> 1) + ((b > 0) & b & 1);
        memcpy(room + i, &b, 16);
    }
    return (struct codes_query){room, bias_of(room, n), codes_unit(dim), error_of(step, 2 * step),
                                clip_of(dim)};
}
