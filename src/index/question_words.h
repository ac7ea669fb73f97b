/* question_words.h - the words of a question, as one state of a collection knows them.
 *
 * Different words are numbered from 0 as they come. A word's rarity is its idf over the living
 * chunks of the whole state; its term is another in every segment. Behind them stand the words of
 * what the question's acronyms are short for (index/acronyms.h): searched for, but not part of the
 * question's order.
 *
 * Threads  free of state.
 */
#pragma once
#include "index/snapshot.h"

struct question_words {
    size_t n;              /* different words, those of acronyms too */
    size_t n_asked;        /* of them in the question itself; these come first */
    size_t n_known;        /* words that any chunk has */
    const uint32_t *order; /* [n_order] the words' numbers as they stand in the question */
    size_t n_order;
    const double *idf;     /* [n] 0: no chunk has it */
    const double *weights; /* [n] idf times how often it is asked for; by acronyms, less */
    const uint32_t *terms; /* [n_views, n] BM25_NONE: the segment does not have it */
};

/* Everything in `mem`. */
void question_words(const struct snapshot *snap, struct str text, struct arena *mem,
                    struct question_words *out);

/* An acronym and what the collection says it is short for, both as the index has them. */
struct question_acronym {
    struct str brief, full; /* "cet1", "common equiti tier 1" */
};

#define QUESTION_ACRONYMS_MAX 8

/* Those of a text that the collection defines.
 *   out      [QUESTION_ACRONYMS_MAX] in `mem`; further ones are left out
 *   returns  how many                                                                          */
size_t question_acronyms(const struct snapshot *snap, struct str text, struct arena *mem,
                         struct question_acronym *out);
