/* guard.h - whether the answer to one question is also the answer to another.
 *
 * Two questions may be close as vectors and ask the opposite: "above" and "below" are neighbours.
 * So this looks at the words, and says yes only when nothing is left unexplained on either side.
 * Each question is brought into a canonical form: numbers with scale and unit, periods, acronyms,
 * words without inflection, phrases and synonyms of a table, the kind of question, tense, duty or
 * permission, and then the order of the words with what is in front, possessive or passive put
 * where a plain sentence has it. The same form, the same question; all else is refused. What the
 * tables do not know is never taken for a synonym. English only; other languages match when
 * they are nearly the same words. The rules one by one: docs/answers.md, "Reuse by meaning".
 *
 * Memory   a form is one block without pointers: keep it with a copy of guard_form_bytes bytes.
 * Limits   GUARD_WORDS_MAX words a question; a longer one is never the same as another.
 * Threads  immutable once made; any number may prepare and compare with it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct arena;
struct guard;
struct guard_form;

#define GUARD_WORDS_MAX 64

/* Questions with different form keys are the same only by an acronym that one spells out, and the
 * encoder does not know what is short for what: with all-MiniLM-L6-v2, one of eight such pairs has
 * a cosine of 0.80, four 0.60, seven this. It decides nothing: of the pairs that must be refused
 * the median is 0.89. */
#define GUARD_COSINE_MIN 0.50

/* What the documents say an acronym is short for: "CET1", "common equity tier 1". */
struct guard_acronym {
    struct str brief, full;
};

struct guard_verdict {
    bool same;
    const char *reason; /* why not, "number 2022 / 2023"; "" when same. Static, or in mem */
};

struct guard *guard_new(void);
void guard_free(struct guard *g);

/* The form of a question.
 *   known    [n]  borrowed; read for this question only
 *   returns  in mem, never NULL                                                              */
struct guard_form *guard_prepare(const struct guard *g, struct str question,
                                 const struct guard_acronym *known, size_t n, struct arena *mem);
size_t guard_form_bytes(const struct guard_form *f);

/* A hash for a table of this process: equal for forms that are the same without an acronym which
 * only one of them spells out. What it brings together the guard still compares. */
uint64_t guard_form_key(const struct guard_form *f);

/* An acronym of three letters or more that one question has is also taken for words of the other
 * whose first letters spell it. */
struct guard_verdict guard_compare(const struct guard *g, const struct guard_form *a,
                                   const struct guard_form *b, struct arena *mem);
