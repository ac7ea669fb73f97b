/* tune.h - from pairs of question and document to an adapter, and whether it is worth keeping.
 *
 *   pairs -> embed questions -> find passages -> fit five times, each without a fifth
 *         -> judge each question by the fit that has not seen it -> fit to all, if that helps
 *
 * Folds    documents are dealt into TUNE_FOLDS parts, and a question goes with its document, so a
 *          judged question's document is new to the fit: what is measured is not what a matrix can
 *          learn by heart. Every pair counts once in the figures and, at the end, in the adapter.
 *          A single held-out fifth of 326 questions has four times the variance, and could not tell
 *          a gain of 0.02 from chance.
 * Strength of the way from the identity to the matrix that was learnt only a part may be gone: of
 *          a quarter, a half, three quarters and all of it, that which gains most counts.
 * Verdict  worth it when the gain (of MRR@10, the mean of vector and hybrid mode) is more than
 *          TUNE_ERRORS standard errors of the questions' differences, and neither mode falls. Two
 *          and a half, not two, as there are four to choose from. Against the plain model, never
 *          against an earlier adapter, which may have seen these very pairs.
 * Threads  one run on threads of its own, of low priority, so that a server's questions do not
 *          wait; the caller's becomes one of them. Deterministic for a seed on one level of simd.
 * Memory   five matrices a thread, and the vectors of the questions and of their documents' chunks.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "embed/adapter.h"

struct engine;

#define TUNE_FOLDS         5
#define TUNE_ERRORS        2.5
#define TUNE_QUESTIONS_MIN 25
#define TUNE_DOCUMENTS_MIN 10
#define TUNE_PAIRS_MAX     200000

struct tune_pair { /* borrowed */
    const char *question, *document;
    const char *chunk; /* as replies name it; NULL: the document's nearest */
};

/* On the caller's thread; of each stage at least once, with nothing done. */
typedef void (*tune_progress_fn)(void *arg, size_t done, size_t total, const char *what);

struct tune_options {
    const char *tenant, *collection;
    uint64_t seed;
    const volatile bool *cancelled;
    tune_progress_fn progress; /* may be NULL */
    void *arg;
};

struct tune_result {
    size_t n_questions, n_documents, n_pairs;
    size_t n_unknown; /* pairs left out: the document or chunk is not there, or has no vector */
    int n_rounds;
    float strength; /* 0..1 */
    struct adapter_effect vector, hybrid;
    double gain, error; /* of MRR@10, mean of both modes, and its standard error */
    bool helps;
};

/* *adapter is the caller's, and NULL when it would not help. ERR_ARGUMENT when there are too few
 * pairs, ERR_NOT_FOUND for the collection, ERR_CANCELLED, ERR_GONE or ERR_BUSY when the embedding
 * model changes meanwhile; what embedding and searching give. */
int tune_run(struct engine *e, const struct tune_pair *pairs, size_t n_pairs,
             const struct tune_options *o, struct tune_result *result, struct adapter **adapter);
