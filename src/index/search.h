/* search.h - one search over the chunks of one state; what search.c and summaries.c share.
 *
 * Threads  free of state.
 */
#pragma once
#include "index/ranking.h"

/* Candidates, best first, as many as are ranked. */
struct found {
    struct fused *v;
    size_t n;
    size_t n_allowed;
    struct search_plan plan;
};

/* spec is checked, its mode one of hybrid, vector, keyword. `within`: a bitmap of chunks for each
 * view that alone may answer, beside what the filter says; NULL: all. */
void search_candidates(const struct snapshot *snap, const struct search_spec *spec,
                       const uint64_t *const *within, struct arena *mem, struct found *out);

/* The same, ranked and cut at k. */
void search_hits(const struct snapshot *snap, const struct search_spec *spec,
                 const uint64_t *const *within, struct arena *mem, struct hits *out);
