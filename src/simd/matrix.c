#include "simd/matrix.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "simd/bf16.h"

/* So many inputs of a panel are moved at a time that both sides stay in the first-level cache:
 * a line of every source row, and 2 KiB of panel. */
#define BLOCK 16

static size_t lines(size_t n_bytes)
{
    return (n_bytes + 63) & ~(size_t)63;
}

static size_t padded(size_t n)
{
    return (n + MATRIX_PANEL - 1) / MATRIX_PANEL * MATRIX_PANEL;
}

const char *precision_name(enum precision p)
{
    static const char *const names[] = {"f32", "bf16", "int8"};

    return names[p];
}

size_t matrix_panel_bytes(enum precision p, size_t k)
{
    switch (p) {
    case PRECISION_BF16: return (k + 1) / 2 * 2 * MATRIX_PANEL * sizeof(uint16_t);
    case PRECISION_INT8: return (k + 3) / 4 * 4 * MATRIX_PANEL;
    default: return k * MATRIX_PANEL * sizeof(float);
    }
}

static size_t panels_bytes(enum precision p, size_t n, size_t k)
{
    return padded(n) / MATRIX_PANEL * matrix_panel_bytes(p, k);
}

size_t matrix_bytes(enum precision p, size_t n, size_t k)
{
    size_t n_vectors = p == PRECISION_INT8 ? 3 : 1;

    return panels_bytes(p, n, k) + n_vectors * padded(n) * sizeof(float);
}

struct matrix matrix_at(enum precision p, size_t n, size_t k, const void *memory)
{
    struct matrix m = {.precision = p, .n = n, .k = k, .panels = memory};

    CHECK(k <= MATRIX_INPUTS_MAX);
    m.bias = (const float *)((const char *)memory + panels_bytes(p, n, k));
    if (p == PRECISION_INT8) {
        m.scale = m.bias + padded(n);
        m.sum = m.scale + padded(n);
    }
    return m;
}

/* ---- packing ---- */

static void pack_f32(const float *w, size_t k, size_t n_inputs, float factor, size_t n_rows,
                     float *panel)
{
    for (size_t row = 0; row < n_rows; row++)
        for (size_t i = 0; i < n_inputs; i++)
            panel[i * MATRIX_PANEL + row] = factor * w[row * k + i];
}

static void pack_bf16(const float *w, size_t k, size_t n_inputs, float factor, size_t n_rows,
                      uint16_t *panel)
{
    for (size_t row = 0; row < n_rows; row++)
        for (size_t i = 0; i < n_inputs; i++)
            panel[(i / 2 * MATRIX_PANEL + row) * 2 + i % 2] = bf16_of(factor * w[row * k + i]);
}

/* `factor` [n_rows]: q = factor * w, within -127..127 */
static void pack_int8(const float *w, size_t k, size_t n_inputs, const float *factor, size_t n_rows,
                      int8_t *panel, float *sum)
{
    for (size_t row = 0; row < n_rows; row++)
        for (size_t i = 0; i < n_inputs; i++) {
            int8_t q = (int8_t)lrintf(factor[row] * w[row * k + i]);

            panel[(i / 4 * MATRIX_PANEL + row) * 4 + i % 4] = q;
            sum[row] += q;
        }
}

/* The largest size in a row; not finite when one of its values is not. */
static float largest(const float *w, size_t k)
{
    float most = 0;

    for (size_t i = 0; i < k; i++) {
        if (!isfinite(w[i]))
            return INFINITY;
        most = fmaxf(most, fabsf(w[i]));
    }
    return most;
}

/* Outputs col .. col+n_rows-1, all of one panel. */
static bool pack_rows(const struct matrix *m, const float *w, size_t n_rows, float factor,
                      size_t col, char *memory)
{
    size_t in_panel = col % MATRIX_PANEL, k = m->k;
    char *panel = memory + col / MATRIX_PANEL * matrix_panel_bytes(m->precision, k);
    float *bias = (float *)(memory + panels_bytes(m->precision, m->n, k));
    float *scale = bias + padded(m->n) + col, *sum = scale + padded(m->n);
    float inverse[MATRIX_PANEL];

    for (size_t row = 0; row < n_rows; row++) {
        float most = largest(w + row * k, k);

        if (!isfinite(most))
            return false;
        inverse[row] = most > RANGE_MIN ? 127 / most : 0;
        if (m->precision == PRECISION_INT8)
            scale[row] = factor * most / 127;
    }
    for (size_t i = 0; i < k; i += BLOCK) {
        size_t n_inputs = k - i < BLOCK ? k - i : BLOCK;

        if (m->precision == PRECISION_F32)
            pack_f32(w + i, k, n_inputs, factor, n_rows,
                     (float *)panel + i * MATRIX_PANEL + in_panel);
        else if (m->precision == PRECISION_BF16)
            pack_bf16(w + i, k, n_inputs, factor, n_rows,
                      (uint16_t *)panel + i * MATRIX_PANEL + in_panel * 2);
        else
            pack_int8(w + i, k, n_inputs, inverse, n_rows,
                      (int8_t *)panel + i * MATRIX_PANEL + in_panel * 4, sum);
    }
    return true;
}

bool matrix_pack(const struct matrix *m, const float *w, const float *bias, size_t n, float factor,
                 size_t first, void *memory)
{
    float *to = (float *)((char *)memory + panels_bytes(m->precision, m->n, m->k)) + first;

    CHECK(first + n <= m->n);
    for (size_t row = 0; row < n;) {
        size_t col = first + row, n_rows = MATRIX_PANEL - col % MATRIX_PANEL;

        n_rows = n_rows < n - row ? n_rows : n - row;
        if (!pack_rows(m, w + row * m->k, n_rows, factor, col, memory))
            return false;
        row += n_rows;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = factor * bias[i];
    return isfinite(largest(bias, n));
}

/* ---- rows ---- */

size_t rows_bytes(size_t m, size_t k)
{
    return lines(m * rows_stride(k) * sizeof(uint16_t)) + 2 * lines(m * sizeof(float));
}

struct rows rows_at(enum precision p, size_t m, size_t k, void *memory)
{
    char *end = (char *)memory + lines(m * rows_stride(k) * sizeof(uint16_t));

    return (struct rows){
        .precision = p,
        .k = k,
        .v = memory,
        .scale = (float *)end,
        .zero = (float *)(end + lines(m * sizeof(float))),
    };
}
