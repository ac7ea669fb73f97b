#include "embed/precision.h"

#include <string.h>

#include "base/err.h"

/* Mean and smallest cosine to f32 below which a precision is not taken unasked. */
static const struct {
    float mean, smallest;
} bars[N_PRECISIONS] = {
    [PRECISION_BF16] = {0.9999f, 0.9997f},
    [PRECISION_INT8] = {0.9985f, 0.996f},
};

/* Without an instruction for it, a product of bytes or bf16 is made of several. With AVX2 bytes win
 * all the same, being a quarter as many to read: on one core of Zen 3 a question of 12 tokens takes
 * 2.7 ms against 4.5 in f32, a passage of 128 tokens 28 ms against 40. */
static bool has_fast_bytes(enum simd_level level)
{
    return level == SIMD_NEONDOT || level == SIMD_AVX2 || level == SIMD_AVXVNNI ||
           level >= SIMD_AVX512VNNI;
}

static bool has_fast_bf16(enum simd_level level)
{
    return level >= SIMD_AVX512BF16;
}

int precision_candidates(const char *wish, enum simd_level level, enum precision out[N_PRECISIONS])
{
    int n = 0;

    if (!wish || strcmp(wish, "auto") == 0) {
        if (has_fast_bytes(level))
            out[n++] = PRECISION_INT8;
        if (has_fast_bf16(level))
            out[n++] = PRECISION_BF16;
        out[n++] = PRECISION_F32;
        return n;
    }
    for (int p = 0; p < N_PRECISIONS; p++) {
        if (strcmp(wish, precision_name((enum precision)p)) != 0)
            continue;
        out[0] = (enum precision)p;
        return 1;
    }
    return FAIL(ERR_ARGUMENT, "precision '%s' must be auto, f32, bf16 or int8", wish);
}

bool precision_is_good(enum precision p, const struct quality *q)
{
    if (p == PRECISION_F32)
        return true;
    return q->n_texts > 0 && q->mean >= bars[p].mean && q->smallest >= bars[p].smallest;
}
