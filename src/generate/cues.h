/* cues.h - what the surface of a question and a sentence tells: names, numbers, negation, kind.
 *
 * Cheap rules over bytes, English first; each is one signal among several, none decides alone.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* "when", "how many": 1 if the sentence has a digit; "who": 1 if it has a name; else 0.5. */
double cue_kind_matches(struct str question, struct str sentence);

/* The share of the question's names and numbers that none of the texts has: whoever asks for
 * Credit Suisse in 2019 is not answered by a sentence about another bank. */
double cue_names_missing(struct str question, const struct str *texts, size_t n);

/* "What is not deducted?" is not answered by a sentence that says what is. */
bool cue_negates(struct str s);

/* "What is X?", "Explain X" and a sentence that begins with X and goes on "is", "means", ... */
bool cue_defines(struct str question, struct str sentence);
