/* word_rows.h - the vectors of the vocabulary, a row a token, in the precision of the model.
 *
 *   f32   float     [n, dim]
 *   bf16  uint16_t  [n, dim]   rounded to nearest
 *   int8  int8_t    [n, dim]   value = scale[row] * q, q in -127..127
 *
 * Memory   rows, then scale, each from a 64-byte line on.
 * Threads  immutable once packed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "simd/matrix.h"

struct word_rows {
    enum precision precision;
    size_t n, dim;
    const void *rows;
    const float *scale; /* int8: [n] */
};

/* A multiple of 64. */
size_t word_rows_bytes(enum precision p, size_t n, size_t dim);

/* Rows that lie in `memory` (64-byte aligned, borrowed), packed already or about to be. */
struct word_rows word_rows_at(enum precision p, size_t n, size_t dim, const void *memory);

/* Packs v [n, dim] into the memory of word_rows_at, which must be writable. False when a value is
 * not finite. */
bool word_rows_pack(const struct word_rows *w, const float *v);

/* Row i as floats [dim]. */
void word_rows_get(const struct word_rows *w, size_t i, float *out);
