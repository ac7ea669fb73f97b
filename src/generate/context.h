/* context.h - the passages an answer may use, in a form that is always the same for the same hits.
 *
 * Passages are put in stable order (document key, ordinal), so a swap of two ranks changes
 * nothing; overlapping neighbours lose what they repeat; whole sentences are kept within the
 * budget, best hits first. The prompt hash covers everything the answer is a function of.
 *
 * Threads  free of state.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "index/retriever.h"

#define CONTEXT_CHARS     4000
#define CONTEXT_CHARS_MAX 200000

struct context {
    struct passage *passages; /* [n] by rank, as fetched */
    size_t n;
    uint32_t *order; /* [n_used] indexes into passages, in stable order */
    size_t n_used;
    struct str text; /* rendered; what a language model would read */
};

/* passages are borrowed for as long as the context lives. budget_chars 1..CONTEXT_CHARS_MAX. */
int context_build(struct passage *passages, size_t n, size_t budget_chars, struct arena *mem,
                  struct context *out);

/* Question, context, every passage a reply would show (in stable order, whatever their rank),
 * generator and its settings. `mem` is scratch. */
struct digest context_prompt_hash(const struct context *c, struct str question,
                                  const char *generator, const char *settings, struct arena *mem);
