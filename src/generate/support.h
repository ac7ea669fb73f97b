/* support.h - how sure the quoting answerer is that the passages answer a question.
 *
 * Logistic regression on a few signals, fitted by tests/quality/fit_support.py on one half of
 * squad-dev's answerable and unanswerable questions; docs/results.md has what it does on the other.
 *
 * Threads  free of state.
 */
#pragma once

/* Why we believe it or do not; all 0..1 but the cosines. */
struct extract_signals {
    double passage_cosine;   /* question and the best sentence's passage */
    double sentence_cosine;  /* the best of all sentences */
    double sentence_words;   /* weighted share of the question's words in the best sentence */
    double passage_words;    /* the same for its passage, title and heading */
    double names_missing;    /* share of the question's names and numbers not in the passage */
    double negation_differs; /* 1: the question says "not", the sentence does not */
    double kind_matches;     /* "when": a date; "how many": a number; "who": a name; else 0.5 */
};

/* Below this the answer is refused: about one answerable question in eleven falls under it. */
#define SUPPORT_REFUSE_BELOW 0.3532

/* 0..1: the probability that the passages answer it. */
double support_of(const struct extract_signals *s);
