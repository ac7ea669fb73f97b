/* tune_measure.h - where a question's documents come in a search, without and with an adapter.
 *
 * Measures as in `ragd eval`: a document's rank is that of its best chunk, ranks past ten count
 * nothing.
 *
 * Threads  tune_rank: any number at once; the rest confined.
 */
#pragma once
#include "index/retriever.h"
#include "query/tune_pairs.h"

struct snapshot;

struct tune_rank {
    float reciprocal; /* 1 / rank of its first document, 0 past ten */
    float recall;     /* share of its documents among ten */
};

/* A question's ranks under a vector [dim], which may be another than its own. */
int tune_rank(struct snapshot *snap, const struct tune_question *q, const float *vector,
              enum search_mode mode, struct tune_rank *out);

/* A question in both modes. */
struct tune_ranks {
    struct tune_rank vector, hybrid;
};

/* Fills the result's effects, gain, error and helps from n questions, at least 2. */
void tune_judge(const struct tune_ranks *before, const struct tune_ranks *after, size_t n,
                struct tune_result *result);
