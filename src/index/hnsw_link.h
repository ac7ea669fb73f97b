/* hnsw_link.h - choosing a node's neighbours, and a new node's way into the graph. */
#pragma once
#include "index/hnsw_build.h"

/* Candidates chosen from at once. */
#define LINK_CANDIDATES_MAX 1024

/* Of n candidates, best first, at most `degree` of which none hides another: c is hidden by s when
 * alpha times their distance is no more than the owner's to c (heuristic of the paper's algorithm
 * 4). Leaves them in front, best first; returns how many. */
size_t link_choose(const struct builder *b, struct build_work *w, struct walk_entry *candidates,
                   size_t n, size_t degree);

/* Replaces a list; the caller holds the lock or nobody else is there. */
void link_set(struct build_level *level, uint32_t node, const struct walk_entry *links, size_t n);

/* A list with scores, best first. */
size_t link_get(const struct build_level *level, uint32_t node, struct walk_entry *out);

/* Adds a link, cutting the list back when it is full. */
void link_add(struct builder *b, struct build_work *w, size_t level, uint32_t node, uint32_t to,
              int32_t score);

/* Links a node with its nearest on every level it is on. */
void link_insert(struct builder *b, struct build_work *w, uint32_t node);

/* Cuts a list back to its level's degree. */
void link_trim(struct builder *b, struct build_work *w, size_t level, uint32_t node);

void link_sort(struct walk_entry *v, size_t n); /* best first, equal scores by node */
