/* hnsw_build.h - a graph that is being made: its parts in memory that may change.
 *
 * Nodes are numbered as in hnsw_parts.h, by level, those of the older graph first in each. All
 * codes are there before the first link is, so a link may be followed as soon as it is seen.
 *
 * Lists have room for more links than the graph keeps (half as many again): when one is full it is
 * cut back to `degree`, so that a node is not weighed anew for each link it gets.
 *
 * Threads  a list is written under its node's lock and read without (hnsw_walk.h).
 */
#pragma once
#include <stdbool.h>

#include "index/hnsw_parts.h"

struct build_level {
    size_t n, degree, room; /* nodes; links kept in the end; links a list can hold */
    uint32_t *links;        /* [n, room], the rest HNSW_NONE */
    int32_t *scores;        /* [n, room] of the link, as codes_query_of has it */
    uint8_t *n_links;       /* [n] */
};

struct builder {
    const struct hnsw_input *in;
    const struct hnsw_growth *grown; /* or NULL */
    struct hnsw_params p;
    size_t n, n_slots, dim, n_bytes;
    size_t n_levels;
    struct build_level level[HNSW_LEVELS];
    struct pages memory;
    uint8_t *codes;       /* [n, n_bytes] in memory */
    uint32_t *slot_of;    /* [n] */
    uint32_t *from;       /* [n] its node in the older graph, or HNSW_NONE */
    uint32_t *now;        /* [nodes of the older graph] its node here, or HNSW_NONE */
    uint8_t *locks;       /* [n] */
    int32_t one;          /* the sum that stands for a cosine of 1 */
    _Atomic uint32_t cut; /* the bits of the largest codes_encode; of floats that are not negative
                             those of the larger are larger */

    uint32_t entry;     /* where walks begin, HNSW_NONE before the first node; */
    size_t entry_level; /* both change only while one thread inserts */
};

/* What a thread of the build has for itself. */
struct build_work {
    struct walk *walk;
    int8_t *room, *room_of_other; /* [n_bytes] */
};

/* fn(b, work, i) for i in 0..n-1 on the build's threads; false when it was stopped. */
typedef void (*build_fn)(struct builder *b, struct build_work *w, size_t i);
bool builder_each(struct builder *b, size_t from, size_t n, build_fn fn);

static inline struct walk_graph builder_graph(const struct builder *b, size_t level)
{
    return (struct walk_graph){b->codes, b->level[level].links, b->level[level].room, b->n_bytes,
                               b->n};
}

static inline const uint8_t *builder_code(const struct builder *b, uint32_t node)
{
    return b->codes + node * b->n_bytes;
}

/* The highest level that a node is on. */
static inline size_t builder_level_of(const struct builder *b, uint32_t node)
{
    size_t level = b->n_levels - 1;

    while (node >= b->level[level].n)
        level--;
    return level;
}
