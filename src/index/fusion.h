/* fusion.h - one list out of two: what the vectors say and what the words say.
 *
 * MIX  each score as a share of its list's best, then a weighted sum: FUSION_KEYWORD_WEIGHT of the
 *      words and the rest of the vectors. A chunk that is not in the words' list has 0 of them; the
 *      cosine of one that is not in the vectors' list is looked up (`complete`), since where that
 *      list ends is chance: without it, 100 candidates a list were clearly better than 64, with it
 *      40, 64 and 100 are the same, and better than either (docs/quality.md). A question of three
 * words or fewer says less by its words than by its meaning ("What is tier 2 capital?" stands in
 * every chunk of the subject), so each word short of four moves FUSION_WEIGHT_A_WORD to the
 * vectors. The scale does not depend on k, so asking for more hits never reorders the first.
 *      Against an earlier min-max scale with a fixed 0.6: gold in the first 5 for 26 of 33
 *      questions of the compliance library instead of 24, pages of filings found 0.41 instead of
 *      0.32; squad-dev, tatqa-dev and cfr-dev within 0.005. Half and half since the order of words
 *      is looked at as well (lexical.h): without that, 0.55 was better.
 * RRF  1 / (60 + rank) from each list that has the chunk (Cormack et al. 2009).
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "index/retriever.h"
#include "index/topk.h"

/* A chunk of one of the lists or of both. */
struct fused {
    struct candidate at;                /* score: the fused one */
    float vector_score, keyword_score;  /* NAN: not in that list */
    uint32_t vector_rank, keyword_rank; /* 1.., 0: not in that list */
    uint32_t duplicates;                /* near-duplicates that it stands for (ranking.h) */
};

/* The words' part of a mixed score for a question of so many different words. */
double fusion_keyword_weight(size_t n_words);

/* Fills in the scores that are NAN, where they can be known. */
typedef void (*fusion_complete_fn)(void *arg, struct fused *v, size_t n);

struct fusion_lists {
    const struct topk *vectors, *words; /* best first, distinct chunks */
    size_t n_words;                     /* of the question */
    fusion_complete_fn complete;        /* for MIX; NULL: what is not in a list counts nothing */
    void *arg;
};

/* The best k chunks of both lists, best first, ties by chunk id. Returns how many. */
size_t fusion(enum search_fusion how, const struct fusion_lists *lists, size_t k, struct arena *mem,
              struct fused **out);
