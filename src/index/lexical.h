/* lexical.h - what the order of the words says of a passage that has them.
 *
 * BM25 and the vectors do not see whether "net sales" stands there or "sales" here and "net" there.
 * This looks at the few best of a search, in the sequences of their terms (index/bm25.h), and reads
 * no text:
 *
 *   adjacent  two neighbouring words of the question stand next to each other, in this order
 *   near      they are at most LEXICAL_NEAR words apart, whichever comes first
 *   skip      a word and the next but one of the question, at most LEXICAL_SKIP words apart
 *   names     a word of the question stands in the document's title or metadata
 *   heading   it stands in the heading
 *
 * A pair weighs what the commoner of its words does (idf), once however often it stands there. Each
 * kind counts as its share of all the question's pairs of that kind (names and heading: of all its
 * words), times its weight below, and the sum is the bonus. Stop words have been dropped on both
 * sides, so "revenue in 2019" has two neighbours.
 *
 * After   Metzler & Croft 2005, "A Markov Random Field Model for Term Dependencies".
 * Figures MRR@10 of squad-dev, tatqa-dev and cfr-dev 0.879, 0.648, 0.712 without and 0.894, 0.695,
 *         0.726 with it (docs/quality.md, where is also what was tried and left out).
 * Cost    one look-up a word of a passage: 12 us for 50 passages of 180 words, each tenth of them a
 *         word of the question (Zen 3).
 * Threads an object is confined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define LEXICAL_WORDS_MAX  32 /* of a question; further ones are not looked at */
#define LEXICAL_CANDIDATES 50 /* so many of a search's best are looked at */
#define LEXICAL_NEAR       8
#define LEXICAL_SKIP       3
#define LEXICAL_W_ADJACENT 0.2
#define LEXICAL_W_NEAR     0.1
#define LEXICAL_W_SKIP     0.1
#define LEXICAL_W_NAMES    0.1
#define LEXICAL_W_HEADING  0.1

/* Different words are numbered from 0. */
struct lexical_question {
    const uint32_t *order; /* [n] the numbers of the question's words as they stand there */
    size_t n;
    const double *idf; /* [n_words] by number; 0 for a word that no chunk has */
    size_t n_words;
};

struct lexical;

/* In `mem`; the question is not needed afterwards. */
struct lexical *lexical_new(const struct lexical_question *q, struct arena *mem);

/* From now on the passages are of a segment that has these terms for the words.
 *   terms  [n_words] BM25_NONE for a word that the segment does not have; borrowed for the call */
void lexical_terms(struct lexical *l, const uint32_t *terms);

/* 0 to the sum of the weights.
 *   sequence  [n] of a passage, fields and breaks as in index/fields.h                          */
double lexical_bonus(const struct lexical *l, const uint32_t *sequence, size_t n);
