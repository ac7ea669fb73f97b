/* claims.h - whether each sentence of a generated answer is what the passages say.
 *
 * Rules, no model. A sentence is compared with the passages that it cites, [n], or with all of them
 * when it cites none; the place that it is compared with is the window of one to three sentences
 * that holds most of its words. It is unsupported when
 *   words     the window lacks too many of its content words, or it has over CLAIM_MARKS_MAX
 *   number    a number is in none of these passages, or where the window says the same, another
 *             stands in its place (numbers.h: two ways to write one are one)
 *   name      the same of a capitalised word or an acronym; "OPEC" and what its letters stand for
 *             are one
 *   negation  it says "not" and the window does not, or the other way round
 * The rules read surfaces: a sentence that swaps who did what to whom passes, and one that says the
 * same in quite other words may not. docs/answers.md has how often. The text is never changed.
 *
 * Not checked, and so supported: questions, sentences without content words, and what is said of
 * the passages themselves ("The passages do not say ...").
 *
 * Threads  free of state; the analyzer is confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "text/sentences.h"
#include "text/words.h"

#define CLAIMS_MAX 512 /* sentences; what is left belongs to the last one */
/* Words, numbers and negations of a sentence. What has more is none that a passage could bear out;
 * each is looked for in every window. */
#define CLAIM_MARKS_MAX 400

enum claim_verdict {
    CLAIM_SUPPORTED,
    CLAIM_UNCHECKED,
    /* unsupported from here on */
    CLAIM_NUMBER,
    CLAIM_NAME,
    CLAIM_NEGATION,
    CLAIM_WORDS,
};
const char *claim_verdict_name(enum claim_verdict v); /* "supported", ..., "number" */

static inline bool claim_is_supported(enum claim_verdict v)
{
    return v < CLAIM_NUMBER;
}

struct claim_source {
    uint32_t n;      /* what cites it: [n]; several texts may have the same (neighbours) */
    struct str head; /* title and heading, one after the other */
    struct str text;
};

struct claim {
    struct span span; /* bytes of the answer, citations included */
    enum claim_verdict verdict;
    const char
        *reason; /* in `mem` or static; NULL when supported: "number 12 not in the sources" */
    bool cites_another; /* supported, but not by the passages it cites */
};

/* Claims in `mem`, in order. Answer and sources are UTF-8; the analyzer is the collection's. */
void claims_check(struct word_analyzer *words, struct str answer,
                  const struct claim_source *sources, size_t n_sources, struct arena *mem,
                  struct claim **out, size_t *n_out);
