/* hnsw_parts.h - what the files of hnsw share.
 *
 * Nodes are numbered so that those of upper levels come first: a level's nodes are 0..n-1 for a
 * smaller n, so that its lists need no map. Node 0 is the entry.
 *
 *   node     0 1 2 | 3 4 ... 40 | 41 ................ n-1
 *   level 2  [   ]
 *   level 1  [                ]
 *   level 0  [                                          ]
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>

#include "base/pages.h"
#include "index/hnsw.h"
#include "index/hnsw_walk.h"

#define HNSW_NONE   UINT32_MAX
#define HNSW_LEVELS 10 /* of a sixteenth each: enough for HNSW_MAX_VECTORS */
#define HNSW_CURVE  12

#define HNSW_DEGREE_MAX 64 /* of what is kept; a build's lists hold half as many again */

struct hnsw_curve_point {
    uint32_t ef;
    float recall;
};

struct hnsw_level {
    const uint32_t *links; /* [n, degree], the rest of a list is HNSW_NONE */
    size_t n, degree;
};

struct hnsw {
    size_t n, n_slots, dim, n_bytes; /* n_bytes of a code */
    size_t n_levels;                 /* at least 1 */
    struct hnsw_level level[HNSW_LEVELS];
    const uint8_t *codes;    /* [n, n_bytes] */
    const uint32_t *slot_of; /* [n] */
    const uint32_t *node_of; /* [n_slots] or HNSW_NONE */
    float cut;               /* the largest of codes_encode */
    struct hnsw_curve_point curve[HNSW_CURVE];
    struct pages memory; /* what the pointers above point into, unless mapped */

    pthread_mutex_t mu; /* guards the list of scratch */
    struct walk *idle;
};

static inline struct walk_graph hnsw_level_graph(const struct hnsw *h, size_t level)
{
    return (struct walk_graph){h->codes, h->level[level].links, h->level[level].degree, h->n_bytes,
                               h->n};
}

/* Scratch for one search; give it back. */
struct walk *hnsw_walk_take(const struct hnsw *h);
void hnsw_walk_give(const struct hnsw *h, struct walk *w);

/* hnsw_scan for who has the query's codes already; adds to stats (NULL: nobody counts). */
size_t hnsw_scan_codes(const struct hnsw *h, const struct hnsw_query *q,
                       const struct codes_query *codes, struct vector_hit *out,
                       struct hnsw_stats *stats);

/* An empty graph with its lock; the rest is the caller's to fill. */
struct hnsw *hnsw_new(void);

/* Where each part lies in a graph's memory. */
struct hnsw_sizes {
    size_t n, n_slots, n_bytes, n_levels;
    size_t count[HNSW_LEVELS], degree[HNSW_LEVELS];
};
/* Takes the memory and points the parts into it; all bytes are zero. */
void hnsw_allocate(struct hnsw *h, const struct hnsw_sizes *sizes);

/* Fills h->curve by questions near the graph's own vectors. */
void hnsw_curve_measure(struct hnsw *h, const float *vectors, uint64_t seed);

static inline uint64_t hnsw_random(uint64_t x) /* splitmix64's finish: a number from a number */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
