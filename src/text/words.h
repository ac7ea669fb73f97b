/* words.h - the words of the word index: Unicode words, lower case, stemmed.
 *
 * Words    runs of letters, marks and digits as utf8proc classes them, NFKC, case folded.
 *          Inside a word these signs count, all others separate:
 *            3.20    "." between digits stays            -> 3.20
 *            1,000   "," before three digits falls away  -> 1000
 *            AT&T    "&" between letters stays           -> at&t
 *            10-K -> 10, k    don't -> don, t    U.S. -> u, s   ("s" and "t" are stop words)
 *          Chosen by measuring (BM25 alone, MRR@10; all sets get better or stay): numbers kept
 *          whole give tatqa-dev +0.005; joining "don't", dropping "'s" or reading "U.S." as "us"
 *          gives nothing. Scripts without spaces (Han, Hiragana, Thai, Lao, Khmer, Burmese) give a
 *          word per character; soft hyphens vanish; in English accents do too ("cafe", "café").
 * Stemming Snowball (libstemmer), by language.
 * Stops    word_is_stop: Lucene's 33 English words, what is left of "'s" and "'t", and what makes a
 *          sentence a question: question words, auxiliaries, pronouns. Against the 33 alone, MRR@10
 *          of BM25 on squad-dev 0.840 -> 0.847, tatqa-dev 0.639 -> 0.658, cfr-dev 0.651 -> 0.657.
 *          "may", "us" and "about" are not in it: they are a month, a country, and no loss.
 * Limits   WORD_MAX bytes a word before it is stemmed; longer ones are cut. A stem may have up to
 *          WORD_STEM_MORE bytes more: Turkish puts a vowel behind some.
 * Threads  immutable settings; the stemmer inside is confined, so take one analyzer per thread
 *          (text/analyzers.h lends them).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define WORD_MAX       64
#define WORD_STEM_MORE 4

struct word_settings {
    char language[16]; /* Snowball's name, "english"; "" for no stemming */
    bool drop_stop_words;
};

/* ERR_ARGUMENT, naming all that there are, when there is no stemmer of that name. */
int word_language_check(const char *language);
bool word_settings_eq(const struct word_settings *a, const struct word_settings *b);

struct word_analyzer;
int word_analyzer_new(struct word_analyzer **out, const struct word_settings *s);
void word_analyzer_free(struct word_analyzer *a);

/* Called for each word in order: the stemmed word (borrowed), the bytes it came from. */
typedef void (*word_fn)(void *arg, struct str word, uint32_t start, uint32_t end);
void words_each(struct word_analyzer *a, struct str text, word_fn fn, void *arg);

/* True for a word (lower case, unstemmed) of the stop list. */
bool word_is_stop(struct str word);
