/* ranking.h - from the candidates of a search to the k hits that are shown.
 *
 *   fused candidates -> the order of words -> near-duplicates once -> something new -> cut at k
 *                       (lexical.h)           (collapse.h)            (mmr.h)
 *
 * The last two look at max(FUSION_CANDIDATES, 4k) candidates in every mode, so what was hidden
 * leaves its place to the next; when neither is asked for, k are enough, or as many as lexical.h
 * looks at. A hit keeps its score, also where MMR shows it before one with a better score.
 *
 * The order of words is part of a hybrid search that mixes, and of any other that asks for it
 * (RERANK_LEXICAL). The bonus is added to the score: as it is to a mixed one, of which it is as
 * large a part; times the best score of the list to others. It goes to the first LEXICAL_CANDIDATES
 * whatever k is, so asking for more hits never reorders the first.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>

#include "index/fusion.h"
#include "index/question_words.h"
#include "index/snapshot.h"

/* The length of each list of a hybrid search. */
size_t ranking_depth(const struct search_spec *spec);

/* How many candidates a search of this kind ranks. */
size_t ranking_pool(const struct search_spec *spec);

/* Whether the order of words counts. */
bool ranking_is_lexical(const struct search_spec *spec);

/* Adds its bonus to the scores of the first candidates of v [n], best first, and sorts them. */
void ranking_lexical(const struct snapshot *snap, const struct search_spec *spec,
                     const struct question_words *q, struct fused *v, size_t n, struct arena *mem);

/* Reorders and cuts v [n], best first, in place; returns how many are left, at most k. */
size_t ranking_apply(const struct snapshot *snap, const struct search_spec *spec, struct fused *v,
                     size_t n, struct arena *mem);
