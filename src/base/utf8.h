/* utf8.h - UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xFFFDu

/* Length of the well-formed character at p (1..4), or 0. */
size_t utf8_valid_at(const char *p, size_t n);

/* Offset of the first byte that is not well-formed, or n. */
size_t utf8_valid_prefix(const char *p, size_t n);
static inline bool utf8_valid(const char *p, size_t n)
{
    return utf8_valid_prefix(p, n) == n;
}

/* Decodes the character at p into *cp and returns its length. Ill-formed bytes give
 * UTF8_REPLACEMENT and length 1. n must be at least 1. */
size_t utf8_decode(const char *p, size_t n, uint32_t *cp);

/* Writes cp as 1..4 bytes and returns how many. */
size_t utf8_encode(uint32_t cp, char out[4]);

/* The largest offset <= at that does not lie inside a character of valid text. */
size_t utf8_floor(const char *p, size_t n, size_t at);
