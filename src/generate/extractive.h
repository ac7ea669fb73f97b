/* extractive.h - the quoting answerer: the best sentences of the passages, cited.
 *
 * A sentence is scored by meaning (the vectors made at ingest) and by how many of the question's
 * rare words it holds; the best few that say different things are quoted with their exact place.
 * A sentence that ends with ':' takes its list along. When nothing supports an answer it says so.
 * No language model, no encoder call: well under a millisecond.
 *
 * What an answer is a function of: question, context, and the rarity of the question's words,
 * rounded. All of it goes into the prompt hash (extractive_settings), so a cached answer is the
 * answer that a fresh run would give.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "generate/context.h"
#include "generate/support.h"
#include "index/retriever.h"
#include "text/analyzers.h"

#define EXTRACTIVE_SENTENCES_MAX 3
#define EXTRACTIVE_TERMS_MAX     64

/* A question, taken apart once. */
struct extract_question {
    struct str text;
    const float *vector; /* [dim], or NULL: words alone decide */
    size_t dim;
    struct analyzers *analyzers; /* the snapshot's, so that words are cut as they were indexed */
    struct extract_term {
        struct str stem;
        double weight; /* idf, rounded to quarters; a word that no chunk has counts as the rarest */
    } * terms;
    size_t n_terms;
    double weight_sum;
};

struct citation {
    uint32_t i_passage;  /* into context->passages */
    uint32_t start, end; /* bytes in the document's stored text; 0 and 0 in a summary */
    struct str text;     /* exactly those bytes */
};

struct extract_result {
    bool answered;
    double support; /* 0..1: the probability that the passages answer it */
    struct extract_signals signals;
    struct str text; /* "Sentence [1] Sentence [2]", by source, or an honest refusal */
    struct citation *citations;
    size_t n_citations;
};

/* Words and their rarity in this snapshot. text and vector are borrowed. */
void extractive_prepare(struct snapshot *snap, struct str text, const float *vector, size_t dim,
                        struct arena *mem, struct extract_question *out);

/* The part of the prompt hash that is ours. */
const char *extractive_settings(const struct extract_question *q, struct arena *mem);

/* Every citation is checked against its passage before it is returned (CHECK). */
void extractive_answer(const struct extract_question *q, const struct context *ctx,
                       struct arena *mem, struct extract_result *out);
