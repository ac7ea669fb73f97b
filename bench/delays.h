/* delays.h - how long very many requests took, each to within one part in a hundred.
 *
 * Buckets are 64 ns wide below 16 us and, from there on, one 128th to one 256th of their value, so
 * the tail of a million requests is as exact as their middle and memory does not grow.
 *
 * Memory   13 KiB, in the struct; all zero is empty.
 * Threads  confined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define DELAYS_BUCKETS 3328 /* up to 2^38 ns, 4.6 minutes; what is longer counts in the last */

struct delays {
    uint64_t n, max_ns, sum_ns;
    uint32_t buckets[DELAYS_BUCKETS];
};

void delays_add(struct delays *d, uint64_t ns);
/* That much or less took `share` (0..1) of them, never more than max_ns; 0 of none. */
uint64_t delays_at(const struct delays *d, double share);
uint64_t delays_above(const struct delays *d, uint64_t ns); /* how many took longer */
