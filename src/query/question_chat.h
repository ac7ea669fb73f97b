/* question_chat.h - which language model a question goes to, and with what.
 *
 * Threads  free of state; belongs on a worker.
 */
#pragma once
#include <stdbool.h>

#include "engine/config.h"
#include "generate/chat_meter.h"
#include "query/query.h"

/* Of a deadline, milliseconds for what comes after the last token: checking, writing, sending. */
#define QUESTION_CHAT_LAST_MS 40

struct question_chat {
    const struct chat_message *messages; /* [n] */
    size_t n;
    int models[CONFIG_LLMS_MAX]; /* the chain: the one chosen, then those that stand in for it */
    size_t n_models;
    const char *choice, *reason; /* the model's name, and why */
    enum chat_choice by;         /* the same for the statistics */
    bool forced;                 /* the question names it: no other, and no quoting instead */
    uint64_t until_ns;           /* of clock_ns; 0: no deadline */
};

/* Whether a language model answers this question, if there is time. */
bool question_chat_wanted(const struct engine *e, const struct query *q);

/* ERR_ARGUMENT: none is configured, or none of that name. */
int question_chat_check(const struct engine *e, const struct query *q);

/* What of the models and their prompt changes an answer, before one is chosen: part of the question
 * key. "": none is wanted. */
const char *question_chat_settings(const struct engine *e, const struct query *q,
                                   struct arena *mem);

/* Chooses by the question and the passages of `ans`; NULL when the deadline leaves no time. */
struct question_chat *question_chat_choose(const struct engine *e, const struct query *q,
                                           const struct answer *ans);

/* The model chosen, as part of the prompt's hash. */
const char *question_chat_name(const struct engine *e, const struct question_chat *c,
                               struct arena *mem);

/* Fills in the messages from the context of `ans`: the model is to be asked, and the choice
 * counted. */
void question_chat_write(const struct engine *e, const struct query *q, struct answer *ans);
