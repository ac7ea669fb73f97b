/* question_alike.h - the question that may be asked in this one's place ("semantic":"strict").
 *
 * Of the questions of the same scope that were answered lately (cache/alike.h) the first one that
 * the guard takes for the same:
 *
 *   by form    before anything is embedded: what comes to the same words in the same order. That is
 *              what the guard asks for, so most are found here, and the encoder is spared too
 *   by vector  the nearest, best first: acronyms that one of the two spells out
 *
 * What acronyms are short for the guard learns from the collection as it is now (index/acronyms.h).
 *
 * A question with turns before it takes no part: they are half of what it means.
 *
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>

#include "cache/alike.h"

struct adapter;
struct engine;
struct query;

bool question_alike_wanted(const struct query *q);

/* What questions must have in common to be compared: all of the key but the text. */
struct digest question_alike_scope(const struct engine *e, const struct query *q,
                                   const struct digest *model, const struct adapter *adapter,
                                   struct arena *mem);

/* By vector, or without one (NULL) by form. False: there is none. Never the question itself. */
bool question_alike_find(struct engine *e, const struct query *q, const struct digest *scope,
                         const float *vector, size_t dim, struct arena *mem,
                         struct alike_question *out);
