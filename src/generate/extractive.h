/* extractive.h - the quoting answerer: the best sentences of the passages, cited.
 *
 * Sentences are scored by meaning (the vectors made at ingest) and by the question's rare words;
 * the best few that say different things are quoted with their exact place. When nothing supports
 * an answer it says so. No language model, no encoder call: well under a millisecond.
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
#include "index/retriever.h"

#define EXTRACTIVE_SENTENCES_MAX 3

struct citation {
    uint32_t i_passage;  /* into context->passages */
    uint32_t start, end; /* bytes in the document's stored text */
    struct str text;     /* exactly those bytes */
};

struct extract_result {
    bool answered;
    double support;  /* 0..1: how sure we are that the passages answer it */
    struct str text; /* "Sentence [1]. Sentence [2]." or an honest refusal */
    struct citation *citations;
    size_t n_citations;
};

/* question: as asked; vector: its embedding [dim] or NULL (keyword mode: words alone decide).
 * Every citation is checked against its passage before it is returned (CHECK). */
int extractive_answer(struct snapshot *snap, struct str question, const float *vector, size_t dim,
                      const struct context *ctx, struct arena *mem, struct extract_result *out);
