#include <math.h>
#include <string.h>

#include "simd/scalar.h"

/* scores[0..t) become exp(score - max) / sum */
static void softmax(float *scores, size_t t)
{
    float max = scores[0], sum = 0;

    for (size_t i = 1; i < t; i++)
        max = fmaxf(max, scores[i]);
    for (size_t i = 0; i < t; i++) {
        scores[i] = expf(scores[i] - max);
        sum += scores[i];
    }
    for (size_t i = 0; i < t; i++)
        scores[i] /= sum;
}

void attention_scalar(const float *qkv, float *out, size_t t, const struct heads *heads,
                      float *scratch)
{
    size_t head_dim = heads->dim, width = heads->n * head_dim, stride = 3 * width;
    float *scores = scratch;

    for (size_t h = heads->first; h < heads->first + heads->count; h++) {
        const float *q = qkv + h * head_dim;
        const float *k = q + width;
        const float *v = k + width;

        for (size_t r = 0; r < t; r++) {
            float *to = out + r * width + h * head_dim;

            for (size_t j = 0; j < t; j++)
                scores[j] = dot_scalar(q + r * stride, k + j * stride, head_dim);
            softmax(scores, t);
            memset(to, 0, head_dim * sizeof *to);
            for (size_t j = 0; j < t; j++)
                for (size_t d = 0; d < head_dim; d++)
                    to[d] += scores[j] * v[j * stride + d];
        }
    }
}
