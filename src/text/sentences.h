/* sentences.h - where sentences begin and end.
 *
 * Rules, not a model: '.', '?', '!' (and their CJK forms) followed by white space and something
 * that can begin a sentence; not after initials, abbreviations ("U.S.C.", "No.", "e.g."), section
 * signs or inside numbers; a blank line, a list item or a table row always ends one. The same text
 * gives the same sentences for ever: vectors of sentences are stored by their number. Letters are
 * therefore classed by ranges written down here, not by a library that moves with Unicode.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A chunk's sentences beyond this many count as one; vectors are stored for so many at most. */
#define SENTENCES_PER_CHUNK_MAX 64

struct span {
    uint32_t start, end; /* bytes; white space at both ends left out; end > start */
};

/* Sentences one after another. Each byte of the text is looked at a bounded number of times. */
struct sentence_walk {
    struct str text; /* borrowed; valid UTF-8, under 4 GiB */
    size_t at;       /* end of the sentence before */
    size_t line_end; /* of the line that `at` lies in, so that long lines are measured once */
    bool in_list;    /* the sentence before began with "(a)", "1." or the like */
};

static inline struct sentence_walk sentences_of(struct str text)
{
    return (struct sentence_walk){.text = text};
}

/* False after the last one. */
bool sentence_next(struct sentence_walk *w, struct span *out);

/* Sentences of a text, in order, not overlapping. Writes at most cap, returns how many. Text that
 * is left when `out` is full belongs to the last one. */
size_t sentence_split(struct str text, struct span *out, size_t cap);

/* Length of the white-space character at p (0: none); ASCII, no-break, ideographic and the other
 * Unicode spaces. n at least 1. */
size_t white_at(const char *p, size_t n);

/* Without such characters at either end. */
struct span span_trim(struct str text, size_t start, size_t end);
