/* inputs.h - numbers and memory for the kernels' tests. */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "simd/simd.h"

/* The same numbers everywhere, -1..1. */
static inline float next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state / 2147483648.0f;
}

static inline void fill_random(float *p, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = next_random(&seed);
}

static inline float *random_floats(size_t n, uint32_t seed)
{
    float *p = mem_alloc((n ? n : 1) * sizeof *p);

    fill_random(p, n, seed);
    return p;
}

static inline double largest_gap(const float *a, const float *b, size_t n)
{
    double gap = 0;

    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);

        if (isnan(d))
            return HUGE_VAL;
        gap = d > gap ? d : gap;
    }
    return gap;
}

static const size_t odd_lengths[] = {0,  1,  2,  3,  4,   5,   7,   8,   15,  16,  17,  31,
                                     32, 33, 63, 64, 100, 127, 129, 383, 384, 385, 1000};
#define N_LENGTHS (sizeof odd_lengths / sizeof *odd_lengths)

/* Bytes between two pages that may not be touched: against the one behind, or the one before. */
struct fenced {
    void *v;
    char *map;
    size_t n_bytes;
};

static inline struct fenced fenced_bytes(size_t n, bool at_start)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (n + page - 1) / page * page;
    struct fenced f = {.n_bytes = bytes + 2 * page};

    f.map = mmap(NULL, f.n_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f.map == MAP_FAILED)
        abort();
    if (bytes && mprotect(f.map + page, bytes, PROT_READ | PROT_WRITE) < 0)
        abort();
    f.v = at_start ? f.map + page : f.map + page + bytes - n;
    return f;
}

static inline void unfence(struct fenced *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        munmap(f[i].map, f[i].n_bytes);
}
