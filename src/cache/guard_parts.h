/* guard_parts.h - what the parts of the guard share: a question as a line of words.
 *
 *   guard_read     bytes -> words as written, numbers, signs          (guard_read.c)
 *   guard_numbers  numbers with scale, unit; periods                  (guard_numbers.c)
 *   guard_acronyms words that an acronym stands for -> the acronym    (guard_acronyms.c)
 *   guard_classify function words, inflection                         (guard_words.c)
 *   guard_rephrase phrases and synonyms                               (guard_phrases.c)
 *   guard_arrange  order of words                                     (guard_order.c)
 *     guard_find_kind  kind, tense, person                            (guard_kind.c)
 *
 * Each takes the line of the one before and changes it in place.
 * Threads  free of state; the tables in struct guard are immutable.
 */
#pragma once
#include <stdint.h>

#include "cache/guard.h"

#define GUARD_TEXT 28

enum guard_class {
    G_WORD,
    G_NAME,    /* capitals inside the sentence: no inflection, no synonyms */
    G_ACRONYM, /* written in capitals */
    G_NUMBER,
    G_PERIOD, /* year, quarter, month, fiscal year */
    G_PREP,
    G_BOUND, /* above, below, at least, at most */
    G_NOT,
    G_MODAL, /* must, may, should */
    G_QUANTIFIER,
    G_TIME,
    G_BE,
    G_DO,
    G_HAVE,
    G_WILL,
    G_KIND,   /* question word; the text begins with "?" */
    G_PERSON, /* I, you */
    G_BREAK,  /* comma, colon */
    G_END,    /* between sentences */
    G_DROP,
};

enum {
    F_CAPITAL = 1,
    F_ED = 2,  /* past tense or participle */
    F_ING = 4, /* loaning, opening */
    F_PAST = 8,
    F_NOW = 16,
    F_FUTURE = 32,
    F_SIGN = 64,  /* a currency sign stands before the number */
    F_TIGHT = 128 /* written together with what is before: "5%", "50k" */
};

struct guard_word {
    char text[GUARD_TEXT]; /* NUL-terminated; long words are cut and told apart by a hash */
    uint8_t class;         /* enum guard_class */
    uint8_t flags;
    uint16_t defined; /* G_ACRONYM: the documents say what it is short for */
};

enum guard_kind {
    KIND_NONE, /* "Net income 2022" */
    KIND_WHAT,
    KIND_WHICH,
    KIND_DEFINE,
    KIND_AMOUNT,
    KIND_COUNT,
    KIND_LONG,
    KIND_OFTEN,
    KIND_WHO,
    KIND_WHEN,
    KIND_WHERE,
    KIND_WHY,
    KIND_HOW,
    KIND_YESNO,
    KIND_N
};

enum { PERSON_FIRST = 1, PERSON_SECOND = 2 };

struct guard_line {
    struct guard_word w[GUARD_WORDS_MAX];
    size_t n;
    bool too_long;
    uint8_t kind, tense, person; /* tense: F_PAST, F_NOW, F_FUTURE or 0 */
};

/* One block: n_read words as guard_numbers left them, then n_said in canonical order. */
struct guard_form {
    uint16_t n_read, n_said;
    uint8_t kind, tense, person, too_long;
    struct guard_word w[];
};

/* ---- tables (guard_tables.c) ---- */

struct guard_entry {
    uint8_t class, flags;
    const char *text, *words; /* the words that read as `text` */
};
extern const struct guard_entry guard_function_words[];
extern const size_t n_guard_function_words;

struct guard_phrase {
    const char *from, *to; /* words; "^" in front: only where the question begins */
};
extern const struct guard_phrase guard_phrases[];
extern const size_t n_guard_phrases;

extern const char *const guard_synonyms[]; /* sets; the first word stands for all */
extern const size_t n_guard_synonyms;
extern const char *const guard_irregular[]; /* "pay paid": base, then its past forms */
extern const size_t n_guard_irregular;
extern const char *const guard_opposites[]; /* pairs, to name the reason and to test the synonyms */
extern const size_t n_guard_opposites;
extern const char
    *const guard_attributes[]; /* nouns that are something of something: rate, limit */
extern const size_t n_guard_attributes;
extern const char *const guard_quantities[]; /* nouns that are so much: what they are is how much */
extern const size_t n_guard_quantities;
extern const char *const guard_durations[]; /* nouns that are so long */
extern const size_t n_guard_durations;
extern const char *const guard_acronyms_common[]; /* "brief full words" */
extern const size_t n_guard_acronyms_common;

struct guard {
    struct map *function_words; /* -> index in guard_function_words */
    struct map *irregular;      /* past form -> index in guard_irregular */
    struct map *synonyms;       /* -> index in guard_synonyms */
    struct map *attributes, *quantities, *durations;
    struct map *phrases; /* first word -> index of the first phrase of a chain */
    struct guard_rule *rules;
    struct guard_long_form *acronyms; /* [n_guard_acronyms_common] */
};

/* ---- a line ---- */

void guard_word_set(struct guard_word *w, struct str text);
bool guard_word_is(const struct guard_word *w, const char *text);
/* What word i is; false beyond the end. */
bool guard_has_class(const struct guard_line *l, size_t i, enum guard_class class);
bool guard_has_word(const struct guard_line *l, size_t i, const char *text);
/* Replaces n words at i by m; false, and nothing done, when there is no room. */
bool guard_splice(struct guard_line *l, size_t i, size_t n, const struct guard_word *with,
                  size_t m);
void guard_remove(struct guard_line *l, size_t i, size_t n);
/* Moves n words at i to the place `to` of the line without them. */
void guard_move(struct guard_line *l, size_t i, size_t n, size_t to);

/* ---- the steps ---- */

void guard_read(struct str question, struct guard_line *out);
void guard_numbers(struct guard_line *l);
void guard_acronyms(const struct guard *g, struct guard_line *l, const struct guard_acronym *known,
                    size_t n);
void guard_acronyms_ready(struct guard *g);
/* Acronyms that only `has` has and words of `l` spell: put in their place. True if any was. */
bool guard_acronyms_of(struct guard_line *l, const struct guard_word *has, size_t n);
void guard_classify(const struct guard *g, struct guard_line *l);
/* Without ending, in place: "rated" -> "rate". Returns F_ED, F_ING or 0. */
uint8_t guard_uninflect(struct guard_word *w);
void guard_rephrase(const struct guard *g, struct guard_line *l);
/* Of a line whose first word asks, as guard_arrange makes it. */
void guard_find_kind(struct guard_line *l);
void guard_arrange(const struct guard *g, struct guard_line *l);
