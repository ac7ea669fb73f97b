/* marks.h - what a text claims with, in order: its content words, numbers, names and negations.
 *
 *   "Amcor's sales did not reach $15 billion in 2022."
 *    amcor* sale NO reach 15e9 2022                     (* a name)
 *
 * Words are stemmed by the analyzer, stop words left out. A name is a word with a capital that does
 * not begin the sentence, or stands before such a name ("Northern Bank"), or has two capitals
 * ("OPEC"), or letters and digits ("CET1"). A negation is
 * "not", "no", "never", "n't", "without", "unable", "failed to" and the like; "not only" is none,
 * "not more than" one of a limit.
 *
 * Threads  free of state; the analyzer is confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "generate/numbers.h"
#include "text/words.h"

enum mark_kind { MARK_WORD, MARK_NUMBER, MARK_NO };

struct mark {
    enum mark_kind kind;
    uint64_t key;    /* of a word's stem; 0 for the others */
    bool bound;      /* a negation that sets a limit: "not more than", "never fall below" */
    bool name;       /* a word that names one thing */
    bool capital;    /* a word that begins with a capital, wherever it stands */
    struct str word; /* as it is written */
    struct number number;
    uint32_t at;         /* byte where it begins */
    uint32_t i_sentence; /* of the text */
};

struct marks {
    struct mark *v; /* in order */
    size_t n;
    size_t n_sentences;
};

/* All of a text; views look into it. */
struct marks marks_of(struct word_analyzer *words, struct str text, struct arena *mem);

/* Whether two marks say the same: words by stem, numbers by value, negations always. */
bool mark_same(const struct mark *said, const struct mark *in,
               const struct number_setting *setting);
