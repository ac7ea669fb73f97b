/* ranking.h - from the candidates of a search to the k hits that are shown.
 *
 *   fused candidates -> near-duplicates shown once -> the next one says something new -> cut at k
 *                       (collapse.h)                  (mmr.h)
 *
 * Both look at max(FUSION_CANDIDATES, 4k) candidates in every mode, so what was hidden leaves its
 * place to the next; when neither is asked for, k are enough. A hit keeps its score, also where
 * MMR shows it before one with a better score.
 *
 * Threads  free of state.
 */
#pragma once
#include "index/fusion.h"
#include "index/snapshot.h"

/* The length of each list of a hybrid search. */
size_t ranking_depth(const struct search_spec *spec);

/* How many candidates a search of this kind ranks. */
size_t ranking_pool(const struct search_spec *spec);

/* Reorders and cuts v [n], best first, in place; returns how many are left, at most k. */
size_t ranking_apply(const struct snapshot *snap, const struct search_spec *spec, struct fused *v,
                     size_t n, struct arena *mem);
