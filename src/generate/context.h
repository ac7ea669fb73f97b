/* context.h - the passages an answer may use, in a form that is always the same for the same hits.
 *
 * Passages are put in stable order (document key, ordinal), so a swap of two ranks changes
 * nothing; overlapping neighbours lose what they repeat; whole sentences are kept within the
 * budget, best hits first, each with its neighbours (snapshot_widen), which are read as one piece
 * with it. The prompt hash covers everything the answer is a function of.
 *
 * Places are stable, numbers are not: a passage is rendered with the number that its source has in
 * the reply, which is its rank, so that what a model cites is what the reader sees. The hash leaves
 * ranks out all the same: an answer is kept together with the sources it was numbered by.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "index/retriever.h"
#include "text/wordpiece.h"

#define CONTEXT_CHARS      4000
#define CONTEXT_CHARS_MAX  200000
#define CONTEXT_TOKENS_MAX 100000

struct context {
    struct passage *passages; /* [n] by rank, as fetched */
    size_t n;
    struct str *kept; /* [n] what of each passage's text is within the budget: a prefix, or "" */
    uint32_t *order;  /* [n_used] indexes of those that kept something, in stable order */
    size_t n_used;
};

/* passages are borrowed for as long as the context lives. budget_chars 1..CONTEXT_CHARS_MAX. */
int context_build(struct passage *passages, size_t n, size_t budget_chars, struct arena *mem,
                  struct context *out);

/* The same with a budget of tokens of the passages' text, 1..CONTEXT_TOKENS_MAX, counted by
 * text/tokens.h: w NULL, as it is for a model elsewhere, guesses rather too many. */
int context_build_tokens(struct passage *passages, size_t n, size_t budget_tokens,
                         const struct wordpiece *w, struct arena *mem, struct context *out);

/* What a language model reads: each piece, with its title, page and heading, between two lines
 *   <passage N MARK>
 *   </passage N MARK>
 * The caller sees to it that no passage holds `mark` (prompt.h). "" when nothing is used. */
struct str context_render(const struct context *c, struct str mark, struct arena *mem);

/* Whether any piece of what is rendered holds these bytes. */
bool context_holds(const struct context *c, struct str bytes);

/* What an answer is asked with, beside the context. */
struct prompt {
    const char *tenant, *collection; /* answers never cross, not even empty ones */
    struct str question;
    const char *generator, *settings;
};

/* Prompt, context, and every passage that a reply would show (in stable order, whatever their
 * rank). `mem` is scratch. */
struct digest context_prompt_hash(const struct context *c, const struct prompt *p,
                                  struct arena *mem);

/* Whether passage a comes before b in the stable order: by document, then place in it. */
bool context_before(const struct passage *a, const struct passage *b);
