/* pooling.h - token outputs into unit vectors. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simd/simd.h"
#include "text/sentences.h"
#include "text/wordpiece.h"

/* The mean of rows [n, dim] scaled to length 1. False, and zeros, when it has no direction: n is 0,
 * or a value is not finite. */
bool pool_mean(const struct simd *k, const float *rows, size_t n, size_t dim, float *out);

/* The mean of rows [n, dim] as it is. False, and zeros, as above. */
bool pool_raw_mean(const struct simd *k, const float *rows, size_t n, size_t dim, float *out);

/* Tokens whose text begins inside the span: *first .. *first + count. [CLS] and [SEP] belong to
 * none.
 *   tokens   [n], in order of place, the first and last are the special ones
 *   shift    bytes before the text that the spans count from (a prefix)
 *   from     where to begin looking: the end of the span before, as spans are in order           */
size_t span_tokens(const struct token *tokens, size_t n, struct span span, size_t shift,
                   size_t from, size_t *first);
