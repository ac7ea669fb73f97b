/* acronyms.h - what an acronym of the question stands for, as the collection itself defines it.
 *
 * "Common Equity Tier 1 (CET1)" leaves "common equiti tier 1 cet1" in the sequence of terms
 * (index/bm25.h): the words before the acronym, whose first letters are the acronym's. So nothing
 * is learnt or kept beside the index, and what is not in it any more defines nothing. Stop words
 * are not in sequences and may not be in the acronym either ("bureau of industry and security",
 * BIS). Of several long forms the most frequent counts, and of equally frequent ones the first in
 * order of bytes, whatever segments there are.
 *
 * Cost     reading the sequences of the chunks that have the acronym; not measured by itself.
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>

#include "index/snapshot.h"

#define ACRONYM_LETTERS_MIN 3 /* two letters come together by chance */
#define ACRONYM_LETTERS_MAX 8
#define ACRONYM_CHUNKS_MAX  1000 /* what more chunks have needs no explanation */

/* Whether the word as it stands in the question looks like one: letters, digits and "&", at least
 * two capitals, an "s" at the end aside ("SARs"). */
bool acronym_is(struct str written);

/* The words of the long form, as the index has them; none when the collection does not define it.
 *   acronym  as the index has it: lower case, stemmed
 *   terms    its term in each view, n_views of them, `stride` apart
 *   df       in how many living chunks it is
 *   out      [ACRONYM_LETTERS_MAX] in `mem`
 *   returns  how many                                                                          */
size_t acronym_words(const struct snapshot *snap, struct str acronym, const uint32_t *terms,
                     size_t stride, uint64_t df, struct arena *mem, struct str *out);
