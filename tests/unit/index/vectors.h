/* vectors.h - unit vectors in clusters, for the tests of the vector index: the same every time. */
#pragma once
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "index/bitmap.h"
#include "index/hnsw.h"
#include "simd/simd.h"

static inline float test_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (float)(*state >> 40) / (float)(1 << 23) - 1;
}

static inline void make_unit(float *v, size_t dim)
{
    float length = 0;

    for (size_t i = 0; i < dim; i++)
        length += v[i] * v[i];
    for (size_t i = 0; i < dim; i++)
        v[i] /= sqrtf(length);
}

/* Vector i: one of 40 centres and something of its own. */
static inline void vector_of(uint64_t i, size_t dim, float *out)
{
    uint64_t centre = i * 2654435761u % 40 + 1, own = i * 0x9e3779b97f4a7c15u + 7;

    for (int j = 0; j < 4; j++) {
        test_random(&centre);
        test_random(&own);
    }
    for (size_t j = 0; j < dim; j++)
        out[j] = test_random(&centre) + 0.9f * test_random(&own);
    make_unit(out, dim);
}

static inline float *vectors_of(size_t first, size_t n, size_t dim)
{
    float *v = mem_alloc_aligned((n + 1) * dim * sizeof *v);

    for (size_t i = 0; i < n; i++)
        vector_of(first + i, dim, v + i * dim);
    return v;
}

static inline bool is_in(const uint64_t *bitmap, size_t i)
{
    return !bitmap || bitmap_get(bitmap, i);
}

/* How many of the allowed are nearer than `score`. */
static inline size_t n_nearer(const struct hnsw_input *in, const float *query,
                              const uint64_t *allowed, float score)
{
    size_t n = 0;

    for (size_t i = 0; i < in->n; i++) {
        float s;

        if (!is_in(allowed, i) || (in->absent && bitmap_get(in->absent, i)))
            continue;
        simd_get()->dot_rows(query, in->vectors + i * in->dim, 1, in->dim, &s);
        n += s > score;
    }
    return n;
}

/* The part of the ten nearest that are found, over `n` questions near the vectors. */
static inline double recall_of(const struct hnsw *h, const struct hnsw_input *in,
                               const uint64_t *allowed, size_t n_allowed, size_t ef, size_t n)
{
    float *query = mem_alloc(in->dim * sizeof *query);
    size_t found = 0, wanted = 0;

    for (size_t i = 0; i < n; i++) {
        struct hnsw_query q = {query, in->vectors, 10, ef, allowed, n_allowed, NULL, false};
        struct vector_hit got[10];
        size_t n_got;

        vector_of(1000000 + i, in->dim, query);
        n_got = hnsw_search(h, &q, got, NULL);
        for (size_t j = 0; j < n_got; j++)
            found += n_nearer(in, query, allowed, got[j].score) < 10;
        wanted += allowed && n_allowed < 10 ? n_allowed : 10;
    }
    mem_free(query);
    return (double)found / (double)wanted;
}

static inline struct hnsw *build_of(const struct hnsw_input *in, int n_threads)
{
    struct hnsw_params p = hnsw_defaults();
    struct hnsw *h = NULL;

    p.degree = 16;
    p.ef_construction = 48;
    p.n_threads = n_threads;
    return hnsw_build(&h, in, NULL, &p) < 0 ? NULL : h;
}
