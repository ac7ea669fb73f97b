/* prompt.h - what a language model is asked with.
 *
 *   system     instructions, and nothing that was retrieved or asked
 *   user, ...  the earlier turns, in their own roles
 *   user       the passages, then the question
 *
 * The instructions come first and change least, so a provider's prefix cache keeps them. The same
 * template, context, question and history give the same bytes.
 *
 * Passages are data. Each stands between two lines that carry the prompt's mark: 16 hex digits
 * from a digest over the passages, the question and the history, taken again until none of them
 * holds it. Whoever writes a document cannot know it beforehand, and by the construction no text
 * has it, so none can end its passage or begin another.
 *
 * A template is built in or a file of the user's (`prompt.file`), UTF-8:
 *
 *   You answer for the compliance desk.     the system part; above this line, and optional: without
 *   === user ===                            such a line the built-in instructions stay
 *   {context}
 *
 *   Question: {question}
 *
 * The user part has {context} and {question} exactly once, and {history} at most once: with it the
 * earlier turns are written there ("User: ...") instead of being messages. The system part has none
 * of them. Other words in braces of small letters are refused, all other braces are text. An empty
 * system part means no system message.
 *
 * Threads  a template is immutable; the rest is free of state.
 * Errors   ERR_FORMAT naming file and line, ERR_LIMIT, and those of file_read.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "generate/context.h"
#include "generate/message.h"

#define PROMPT_FILE_BYTES_MAX (64 << 10)
/* Of the history: the latest turns, as many as fit, beginning with one of the user. */
#define PROMPT_TURNS_MAX         20
#define PROMPT_HISTORY_BYTES_MAX 16384

struct prompt_template;

/* file NULL: what is built in. */
int prompt_template_open(struct prompt_template **out, const char *file);
void prompt_template_close(struct prompt_template *t);

/* From text that is there already; `name` is what errors call it. */
int prompt_template_parse(struct prompt_template **out, struct str text, const char *name);

/* Over all that the template adds to a prompt; part of what an answer is a function of. */
struct digest prompt_template_digest(const struct prompt_template *t);

/* What the history is cut to; `history` is oldest first. Anything before the last PROMPT_TURNS_MAX
 * turns does not change a prompt, nor a key made from what is left. */
const struct chat_message *prompt_history(const struct chat_message *history, size_t n,
                                          size_t *n_kept);

/* Messages in `mem`; texts are of it or of the template or the history. history [n_history] has
 * turns of user and assistant only, oldest first (CHECK). */
void prompt_messages(const struct prompt_template *t, const struct context *context,
                     struct str question, const struct chat_message *history, size_t n_history,
                     struct arena *mem, struct chat_message **out, size_t *n_out);
