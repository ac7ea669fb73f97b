/* hnsw_walk.h - the walk over one level of a graph, best first, by codes.
 *
 * The beam holds the ef best nodes seen, best first; the walk expands the best that was not
 * expanded yet and ends when there is none. Lists may be written meanwhile by a build: entries are
 * read one by one, each a node or HNSW_NONE, and a list that is half new is a list all the same.
 *
 * Threads  a walk is confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/rescore.h"

struct walk_graph {
    const uint8_t *codes;  /* [n, n_bytes] */
    const uint32_t *links; /* [.., degree] */
    size_t degree, n_bytes, n;
};

struct walk_entry {
    int32_t score;
    uint32_t node; /* the top bit: expanded */
};
#define WALK_EXPANDED ((uint32_t)1 << 31)
#define WALK_NODE     (WALK_EXPANDED - 1)

struct walk {
    struct walk_entry *beam; /* [cap + 1] */
    size_t n, cap;
    struct walk_entry *kept; /* [cap + 1] the allowed ones of a filtered walk */
    size_t n_kept;
    struct code_candidate *slots; /* [cap + 1] for whoever turns nodes into slots */
    uint8_t *seen;                /* [n_nodes] == epoch: met in this walk */
    size_t n_nodes;
    uint8_t epoch;
    size_t visited, hops; /* since walk_start */
    struct walk *next;    /* in a list of idle ones */
};

struct walk *walk_new(size_t n_nodes);
void walk_free(struct walk *w);

/* Empties the beam, forgets what was met, makes room for ef. */
void walk_start(struct walk *w, size_t ef);

/* Climbs from *node to the best neighbour until none is better. */
void walk_climb(struct walk *w, const struct walk_graph *g, const struct codes_query *q,
                uint32_t *node, int32_t *score);

int32_t walk_score(const struct walk_graph *g, const struct codes_query *q, uint32_t node);

/* Puts a node into the beam to start from. */
void walk_seed(struct walk *w, uint32_t node, int32_t score);

/* Leaves the beam's nodes expanded, best first. */
void walk_run(struct walk *w, const struct walk_graph *g, const struct codes_query *q, size_t ef);

/* The same through all nodes, keeping in `kept` the ef best that are allowed; the beam is wide_ef
 * wide. false: the allowed ones may lie beyond the beam, far from the query, or it gave up after
 * max_visited codes. */
struct walk_filter {
    const uint64_t *allowed;
    const uint32_t *slot_of;
    size_t wide_ef, max_visited;
};
bool walk_run_filtered(struct walk *w, const struct walk_graph *g, const struct codes_query *q,
                       size_t ef, const struct walk_filter *f);
