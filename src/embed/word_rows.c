#include "embed/word_rows.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "simd/bf16.h"

static size_t lines(size_t n_bytes)
{
    return (n_bytes + 63) & ~(size_t)63;
}

static size_t value_bytes(enum precision p)
{
    return p == PRECISION_INT8   ? sizeof(int8_t)
           : p == PRECISION_BF16 ? sizeof(uint16_t)
                                 : sizeof(float);
}

size_t word_rows_bytes(enum precision p, size_t n, size_t dim)
{
    size_t scales = p == PRECISION_INT8 ? lines(n * sizeof(float)) : 0;

    return lines(n * dim * value_bytes(p)) + scales;
}

struct word_rows word_rows_at(enum precision p, size_t n, size_t dim, const void *memory)
{
    struct word_rows w = {.precision = p, .n = n, .dim = dim, .rows = memory};

    if (p == PRECISION_INT8)
        w.scale = (const float *)((const char *)memory + lines(n * dim * value_bytes(p)));
    return w;
}

/* ---- packing ---- */

static bool all_finite(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

/* Symmetric, a scale a row: the largest value becomes 127. */
static void pack_int8(const float *v, size_t dim, int8_t *q, float *scale)
{
    float most = 0, inverse;

    for (size_t i = 0; i < dim; i++)
        most = fmaxf(most, fabsf(v[i]));
    inverse = most > 0 ? 127 / most : 0;
    inverse = isfinite(inverse) ? inverse : 0; /* denormal values are zero */
    *scale = inverse > 0 ? most / 127 : 0;
    for (size_t i = 0; i < dim; i++)
        q[i] = (int8_t)lrintf(inverse * v[i]);
}

bool word_rows_pack(const struct word_rows *w, const float *v)
{
    size_t n = w->n * w->dim;
    void *rows = (void *)(uintptr_t)w->rows;
    float *scale = (float *)(uintptr_t)w->scale;
    uint16_t *halves = rows;
    int8_t *bytes = rows;

    if (!all_finite(v, n))
        return false;
    switch (w->precision) {
    case PRECISION_BF16:
        for (size_t i = 0; i < n; i++)
            halves[i] = bf16_of(v[i]);
        break;
    case PRECISION_INT8:
        for (size_t i = 0; i < w->n; i++)
            pack_int8(v + i * w->dim, w->dim, bytes + i * w->dim, scale + i);
        break;
    default: memcpy(rows, v, n * sizeof *v);
    }
    return true;
}

/* ---- reading ---- */

void word_rows_get(const struct word_rows *w, size_t i, float *out)
{
    const uint16_t *halves = w->rows;
    const int8_t *bytes = w->rows;
    const float *floats = w->rows;

    CHECK(i < w->n);
    switch (w->precision) {
    case PRECISION_BF16:
        for (size_t j = 0; j < w->dim; j++)
            out[j] = bf16_to_float(halves[i * w->dim + j]);
        break;
    case PRECISION_INT8:
        for (size_t j = 0; j < w->dim; j++)
            out[j] = w->scale[i] * bytes[i * w->dim + j];
        break;
    default: memcpy(out, floats + i * w->dim, w->dim * sizeof *out);
    }
}
