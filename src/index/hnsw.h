/* hnsw.h - nearest-neighbour graph over unit vectors: walked by byte codes, exact at the end.
 *
 * Paper    Malkov & Yashunin 2016, "Efficient and robust approximate nearest neighbor search using
 *          Hierarchical Navigable Small World graphs"; lists are pruned with a slack alpha as in
 *          Subramanya et al. 2019 (DiskANN).
 * Shapes   a vector is float[dim] with length 1; score is the cosine, bigger is better. A slot is
 *          the caller's number of a vector; inside, nodes have an order of their own.
 * Memory   stride + 4*degree + 8 bytes a vector and the upper levels: 525 at 384 dimensions. The
 *          f32 vectors are the caller's and are read for the best candidates only.
 * Threads  immutable once built or mapped: any number of threads search. Each search takes scratch
 *          from a list that the graph keeps under a lock.
 * Limits   HNSW_MAX_DIM, HNSW_MAX_EF, HNSW_MAX_VECTORS; beyond them ERR_LIMIT.
 *
 *   hnsw_walk.[ch]    the walk over one level, by codes
 *   hnsw_link.[ch]    choosing neighbours, inserting a node
 *   hnsw_build.[ch]   levels, threads, from nothing or from an older graph
 *   hnsw_repair.[ch]  neighbours of the deleted, nodes that cannot be reached
 *   hnsw_order.[ch]   nodes that are walked together lie together
 *   hnsw_search.c     walk, filtered walk, scan, rescoring
 *   hnsw_curve.c      which ef gives which recall
 *   hnsw_file.c       sections of a file
 *   hnsw_check.c      is it a graph as it should be
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/rescore.h"

#define HNSW_MAX_DIM     4096
#define HNSW_MAX_EF      4096
#define HNSW_MAX_VECTORS ((size_t)1 << 30)
#define HNSW_GONE        UINT32_MAX

struct hnsw;

/* ---- building ---- */

struct hnsw_params {
    unsigned degree;          /* neighbours of a node; half of it on upper levels */
    unsigned ef_construction; /* candidates from which they are chosen */
    float alpha;              /* 1: the paper's rule; more keeps more long links */
    uint64_t seed;
    int n_threads;           /* made for the build; with 1 the same input gives the same graph */
    const atomic_bool *stop; /* NULL, or ends the build with ERR_CANCELLED once true */
};
struct hnsw_params hnsw_defaults(void);

/* The vectors to build from. */
struct hnsw_input {
    const float *vectors;   /* [n, dim] by slot */
    const uint64_t *absent; /* bitmap of slots without a vector, or NULL */
    size_t n, dim;
};

/* An older graph whose links are kept; it may be searched meanwhile. */
struct hnsw_growth {
    const struct hnsw *old;
    const uint32_t *moved; /* [slots of old] its slot in the new one, or HNSW_GONE */
};

/* grown NULL: from nothing. p NULL: the defaults. */
int hnsw_build(struct hnsw **out, const struct hnsw_input *in, const struct hnsw_growth *grown,
               const struct hnsw_params *p);
void hnsw_free(struct hnsw *h); /* NULL is fine; no search may be running */

/* ---- files ---- */

struct sections;
struct sections_writer;

void hnsw_save(const struct hnsw *h, struct sections_writer *w, const char *prefix);

/* Points into the mapping, which must stay; takes the same time whatever the size. Checks sizes
 * and header; that links are in range is for hnsw_check, or follows from sections_verify.
 * ERR_FORMAT. */
int hnsw_map(struct hnsw **out, const struct sections *s, const char *prefix);

/* The same graph in memory of its own, on large pages where the system gives them: a scan of 10 %
 * of 40,000 was 20 to 40 % faster than in a mapped file (bench_graph copy=1), a walk not clearly.
 */
struct hnsw *hnsw_copy(const struct hnsw *h);

/* ---- searching ---- */

struct hnsw_query {
    const float *vector;     /* [dim], length 1 */
    const float *vectors;    /* [slots, dim], those it was built from */
    size_t k;                /* at least 1 */
    size_t ef;               /* candidates kept in the walk; at least k is used */
    const uint64_t *allowed; /* bitmap of slots; NULL: all */
    size_t n_allowed;        /* how many bits are set; used with `allowed` only */
    const uint64_t *ids;     /* [slots] of equal scores the smaller id comes first; NULL: by slot */
    bool exact;              /* a scan reads every code to its end */
};

struct hnsw_stats {
    size_t visited;  /* codes compared */
    size_t hops;     /* nodes whose neighbours were read */
    size_t rescored; /* vectors read */
};

/* The k nearest that the walk finds, best first. With a filter the walk goes
 * through nodes that are not allowed, until ef allowed ones are kept; when they are not to be found
 * near the query, or cost as many codes as a scan of the allowed, it scans those. out [k]; stats
 * may be NULL; returns how many were found. */
size_t hnsw_search(const struct hnsw *h, const struct hnsw_query *q, struct vector_hit *out,
                   struct hnsw_stats *stats);

/* The k nearest of the allowed ones, by a scan of their codes (index/code_scan.h): for narrow
 * filters. ef is not used. Of many allowed only those with a promising beginning are read to the
 * end (index/hnsw_scan.c), unless it is to be exact. */
size_t hnsw_scan(const struct hnsw *h, const struct hnsw_query *q, struct vector_hit *out,
                 struct hnsw_stats *stats);

/* The ef that had this recall of the ten nearest when the graph was made, on vectors near its own;
 * HNSW_MAX_EF at most. */
size_t hnsw_ef_for(const struct hnsw *h, float recall_target);

/* ---- about it ---- */

size_t hnsw_vectors(const struct hnsw *h); /* nodes */
size_t hnsw_slots(const struct hnsw *h);   /* the n it was built with */
size_t hnsw_dim(const struct hnsw *h);
size_t hnsw_bytes(const struct hnsw *h); /* codes, links and maps */

/* Reads all of it: ids in range, no node its own neighbour, maps that agree, every node reachable.
 * ERR_FORMAT says what is wrong. */
int hnsw_check(const struct hnsw *h);
