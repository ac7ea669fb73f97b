/* words.h - the words of the word index: Unicode words, lower case, stemmed.
 *
 * Words    runs of letters and digits as utf8proc classes them; "3.20", "1,000" and "10-K" keep
 *          their inner signs out: each run is a word. NFKC, lower case.
 * Stemming Snowball (libstemmer), by language; stop words are the usual short English list.
 * Limits   WORD_MAX bytes a word; longer ones are cut.
 * Threads  immutable settings; the stemmer inside is confined, so take one analyzer per thread
 *          (word_analyzer_new is cheap).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define WORD_MAX 64

struct word_settings {
    char language[16]; /* Snowball's name, "english"; "" for no stemming */
    bool drop_stop_words;
};

struct word_analyzer;
int word_analyzer_new(struct word_analyzer **out, const struct word_settings *s);
void word_analyzer_free(struct word_analyzer *a);

/* Called for each word in order: the stemmed word (borrowed), the bytes it came from. */
typedef void (*word_fn)(void *arg, struct str word, uint32_t start, uint32_t end);
void words_each(struct word_analyzer *a, struct str text, word_fn fn, void *arg);

/* True for a word (lower case, unstemmed) of the stop list. */
bool word_is_stop(struct str word);
