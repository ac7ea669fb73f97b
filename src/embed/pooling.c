#include "embed/pooling.h"

#include <math.h>
#include <string.h>

bool pool_mean(const struct simd *k, const float *rows, size_t n, size_t dim, float *out)
{
    float squares, factor;

    memset(out, 0, dim * sizeof *out);
    for (size_t i = 0; i < n; i++)
        k->add(out, rows + i * dim, dim);
    squares = k->dot(out, out, dim);
    if (!isfinite(squares) || squares == 0) {
        memset(out, 0, dim * sizeof *out);
        return false;
    }
    factor = 1 / sqrtf(squares); /* the mean's own 1/n falls out of it */
    for (size_t i = 0; i < dim; i++)
        out[i] *= factor;
    return true;
}

size_t span_tokens(const struct token *tokens, size_t n, struct span span, size_t shift,
                   size_t from, size_t *first)
{
    size_t i = from ? from : 1, end = n ? n - 1 : 0, count = 0;

    while (i < end && tokens[i].start < span.start + shift)
        i++;
    *first = i;
    for (; i < end && tokens[i].start < span.end + shift; i++)
        count++;
    return count;
}
