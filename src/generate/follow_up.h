/* follow_up.h - whether a question needs the turns before it to be understood.
 *
 * Rules over its words, English first; a question in another language stands alone. It is a
 * follow-up when it has turns before it and
 *   begins as one goes on        "And in 2023?", "What about Tier 2?", "Why?"
 *   refers to what it lacks      "When was it founded?", "Is this one higher?"
 *   is a piece of a sentence     "For Pfizer?", "In euros, please"
 *   asks for more                "Tell me more", "Are you sure?"
 * A pronoun whose noun stands before it in the same question refers to nothing outside ("Does Apple
 * pay its suppliers?"), and so does "it" in "is it legal to".
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "generate/message.h"

#define FOLLOW_UP_BYTES_MAX     512 /* of each earlier question, in the text that is searched */
#define FOLLOW_UP_QUESTIONS_MAX 3

/* Why, or NULL when the question stands alone. */
const char *follow_up_reason(struct str question);

/* What is searched for: the question as it is when it stands alone or nothing was asked before;
 * else the questions of the user from the last one that stands alone on, and then this one. */
struct str follow_up_text(struct str question, const struct chat_message *history, size_t n_history,
                          struct arena *mem);
