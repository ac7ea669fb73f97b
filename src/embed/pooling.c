#include "embed/pooling.h"

#include <math.h>
#include <string.h>

/* The sum of the rows and its squared length; false, and zeros, without a direction. */
static bool sum_rows(const struct simd *k, const float *rows, size_t n, size_t dim, float *out,
                     float *squares)
{
    memset(out, 0, dim * sizeof *out);
    for (size_t i = 0; i < n; i++)
        k->add(out, rows + i * dim, dim);
    *squares = k->dot(out, out, dim);
    if (isfinite(*squares) && *squares > 0)
        return true;
    memset(out, 0, dim * sizeof *out);
    return false;
}

static void scale(float *v, size_t dim, float factor)
{
    for (size_t i = 0; i < dim; i++)
        v[i] *= factor;
}

bool pool_mean(const struct simd *k, const float *rows, size_t n, size_t dim, float *out)
{
    float squares;

    if (!sum_rows(k, rows, n, dim, out, &squares))
        return false;
    scale(out, dim, 1 / sqrtf(squares)); /* the mean's own 1/n falls out of it */
    return true;
}

bool pool_raw_mean(const struct simd *k, const float *rows, size_t n, size_t dim, float *out)
{
    float squares;

    if (!sum_rows(k, rows, n, dim, out, &squares))
        return false;
    scale(out, dim, 1 / (float)n);
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
