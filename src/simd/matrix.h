/* matrix.h - the weights of one product y = x w + bias, packed as the kernels read them, and the
 * rows x it is given.
 *
 * Panels   of MATRIX_PANEL outputs side by side; inputs of one output that are multiplied together
 *          lie together. Missing outputs and inputs are zero.
 *            f32   float    [k][32]
 *            bf16  uint16_t [k/2][32][2]
 *            int8  int8_t   [k/4][32][4]
 * int8     weight = scale[output] * q with q in -127..127, symmetric per output; an input is
 *          scale[row] * (q - zero[row]) with q in 0..255, so that GELU's lopsided rows use the
 *          whole range: half the error of symmetric ones. Sums are exact in 32 bits up to
 *          MATRIX_INPUTS_MAX inputs, so every level gives the same ones.
 * Memory   panels, then bias, scale and sum, each from a 64-byte line on.
 * Threads  immutable once packed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MATRIX_PANEL      32
#define MATRIX_INPUTS_MAX 65536 /* 255 * 127 * 65536 < 2^31 */

/* Inputs of a row, or weights of an output, that lie closer than this are zero as bytes: beside
 * them 255 / range is no number. */
#define RANGE_MIN 1e-36f

enum precision { PRECISION_F32, PRECISION_BF16, PRECISION_INT8 };
#define N_PRECISIONS 3

const char *precision_name(enum precision p);

struct matrix {
    enum precision precision;
    size_t n, k;        /* outputs, inputs */
    const void *panels; /* of all outputs, one after another */
    const float *bias;  /* [n], rounded up to whole panels, as the two below */
    const float *scale; /* int8: of an output's weights */
    const float *sum;   /* int8: sum of an output's q */
};

/* Bytes of a matrix, a multiple of 64. */
size_t matrix_bytes(enum precision p, size_t n, size_t k);

/* Bytes of one panel of k inputs. */
size_t matrix_panel_bytes(enum precision p, size_t k);

/* A matrix that lies in `memory` (64-byte aligned, borrowed), packed already or about to be. */
struct matrix matrix_at(enum precision p, size_t n, size_t k, const void *memory);

/* Packs factor * w and factor * bias as the outputs first .. first+n-1, so that several matrices
 * become one product.
 *   w       [n, k] row per output, as checkpoints have it
 *   memory  that of matrix_at, writable, zeroed before the first call
 * False when a value is not finite. */
bool matrix_pack(const struct matrix *m, const float *w, const float *bias, size_t n, float factor,
                 size_t first, void *memory);

/* Rows of inputs as the product of a precision reads them. */
struct rows {
    enum precision precision;
    size_t k;
    const float *x; /* f32: [m, k], as they are */
    void *v;        /* bf16, int8: [m, rows_stride(k)] of uint16_t, uint8_t */
    float *scale;   /* int8: [m] */
    float *zero;    /* int8: [m], a whole number */
};

/* Inputs of a prepared row, with zeros at its end. */
static inline size_t rows_stride(size_t k)
{
    return (k + 3) & ~(size_t)3;
}

/* Bytes that prepared rows need, a multiple of 64, in any precision. */
size_t rows_bytes(size_t m, size_t k);

/* Rows that will lie in `memory` (rows_bytes, 64-byte aligned, the caller's). */
struct rows rows_at(enum precision p, size_t m, size_t k, void *memory);

/* The rows from `first` on. */
static inline struct rows rows_from(const struct rows *r, size_t first)
{
    size_t unit = r->precision == PRECISION_BF16 ? sizeof(uint16_t) : sizeof(uint8_t);
    struct rows out = *r;

    out.x = r->x ? r->x + first * r->k : NULL;
    out.v = (char *)r->v + first * rows_stride(r->k) * unit;
    out.scale += first;
    out.zero += first;
    return out;
}
