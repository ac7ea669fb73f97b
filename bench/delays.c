#include "delays.h"

#include <math.h>

#define UNIT_BITS 6 /* 64 ns */
#define STEP_BITS 7 /* 128 steps to an octave */

static size_t bucket_of(uint64_t ns)
{
    uint64_t v = ns >> UNIT_BITS;
    int octave = v < 2u << STEP_BITS ? 0 : 63 - __builtin_clzll(v) - STEP_BITS;
    size_t i = ((size_t)octave << STEP_BITS) + (size_t)(v >> octave);

    return i < DELAYS_BUCKETS ? i : DELAYS_BUCKETS - 1;
}

/* The first time that is too long for bucket i. */
static uint64_t end_of(size_t i)
{
    size_t octave = i < 2u << STEP_BITS ? 0 : (i >> STEP_BITS) - 1;

    return (uint64_t)(i - (octave << STEP_BITS) + 1) << octave << UNIT_BITS;
}

void delays_add(struct delays *d, uint64_t ns)
{
    d->n++;
    d->sum_ns += ns;
    d->buckets[bucket_of(ns)]++;
    if (ns > d->max_ns)
        d->max_ns = ns;
}

uint64_t delays_at(const struct delays *d, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)d->n), seen = 0;

    for (size_t i = 0; i < DELAYS_BUCKETS; i++) {
        seen += d->buckets[i];
        if (seen > 0 && seen >= wanted)
            return end_of(i) < d->max_ns ? end_of(i) : d->max_ns;
    }
    return d->max_ns;
}

uint64_t delays_above(const struct delays *d, uint64_t ns)
{
    uint64_t n = 0;

    for (size_t i = bucket_of(ns) + 1; i < DELAYS_BUCKETS; i++)
        n += d->buckets[i];
    return n;
}
