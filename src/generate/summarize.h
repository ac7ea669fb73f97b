/* summarize.h - a document's summary by a language model: what it is asked, what is kept of it.
 *
 *   title, text -> messages -> (a language model) -> text -> summarize_keep -> plain sentences
 *
 * The document is data: it stands in the user's message between two lines that carry a mark which
 * it cannot know (as generate/prompt.h has it), one document to a request, so that whatever it says
 * to a model reaches no other document's summary. Of the reply only sentences are kept that
 * claims.h finds borne out by the text that was sent; that are no markup, link or address; and that
 * are not said to a language model (a short list of phrases: a net, not a wall). So the worst a
 * document can do is to choose which of its own sentences it is found by.
 *
 * Threads  free of state; the analyzer is confined.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "generate/message.h"
#include "text/words.h"

#define SUMMARIZE_MESSAGES   2
#define SUMMARIZE_TOKENS_MAX 400  /* of a reply: what SUMMARY_CHARS take in most languages */
#define SUMMARIZE_REPLY_MAX  8192 /* bytes that are looked at */

/* Part of what a summary is a function of: changes with the instructions. */
struct digest summarize_digest(void);

/* Texts in `mem`. */
void summarize_messages(struct str title, struct str text, struct arena *mem,
                        struct chat_message out[SUMMARIZE_MESSAGES]);

/* What stands of `reply`: whole sentences with one blank between them, at most max_bytes; "" when
 * nothing does. `text` is the one that was sent. In `mem`. */
struct str summarize_keep(struct word_analyzer *words, struct str reply, struct str title,
                          struct str text, size_t max_bytes, struct arena *mem);
