/* sentences.h - where sentences begin and end.
 *
 * Rules, not a model: '.', '?', '!' (and their CJK forms) followed by white space and something
 * that can begin a sentence; not after initials, abbreviations ("U.S.C.", "No.", "e.g."), section
 * signs or inside numbers; a blank line, a list item or a table row always ends one. The same text
 * gives the same sentences for ever: vectors of sentences are stored by their number.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* A chunk's sentences beyond this many count as one; vectors are stored for so many at most. */
#define SENTENCES_PER_CHUNK_MAX 64

struct span {
    uint32_t start, end; /* bytes; white space at both ends left out; end > start */
};

/* Sentences of a text, in order, not overlapping. Writes at most cap, returns how many. Text that
 * is left when `out` is full belongs to the last one. */
size_t sentence_split(struct str text, struct span *out, size_t cap);
