/* bitmap.h - one bit a slot, in words of 64. NULL stands for "none set" or "all set"; the user
 * of a bitmap says which.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t bitmap_words(size_t n_bits)
{
    return (n_bits + 63) / 64;
}

static inline bool bitmap_get(const uint64_t *b, size_t i)
{
    return (b[i / 64] >> (i % 64)) & 1;
}

static inline void bitmap_set(uint64_t *b, size_t i)
{
    b[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Sets bits from..to-1. */
static inline void bitmap_set_range(uint64_t *b, size_t from, size_t to)
{
    for (; from < to && from % 64; from++)
        bitmap_set(b, from);
    for (; from + 64 <= to; from += 64)
        b[from / 64] = ~(uint64_t)0;
    for (; from < to; from++)
        bitmap_set(b, from);
}

static inline size_t bitmap_count(const uint64_t *b, size_t n_bits)
{
    size_t n = 0;

    for (size_t i = 0; i < bitmap_words(n_bits); i++)
        n += (size_t)__builtin_popcountll(b[i]);
    return n;
}

/* Clears the bits past n_bits in the last word, which `not` sets. */
static inline void bitmap_trim(uint64_t *b, size_t n_bits)
{
    if (n_bits % 64)
        b[n_bits / 64] &= ~(uint64_t)0 >> (64 - n_bits % 64);
}
