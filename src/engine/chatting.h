/* chatting.h - the language models and the prompt template that the configuration names.
 *
 * Errors   ERR_UNAVAILABLE: a key that is named is not there. ERR_ARGUMENT, ERR_FORMAT, ERR_IO: as
 *          generate/chat_models.h and generate/prompt.h say.
 * Threads  confined.
 */
#pragma once
#include "engine/config.h"
#include "generate/chat_models.h"
#include "generate/prompt.h"

#define CHATTING_KEY_MAX 4096 /* bytes of a file that holds a key */

/* *out NULL: none is configured. */
int chatting_open_models(struct chat_models **out, const struct config *c);
int chatting_open_prompt(struct prompt_template **out, const struct config *c);

/* A template and the models that are asked with it. */
struct chat_prompt {
    struct prompt_template *template;
    struct digest digest; /* chatting_digest */
    struct chat_prompt *older;
};

/* Everything that an answer of a model is a function of beside its prompt: which one it is, not
 * what it costs. */
struct digest chatting_model_digest(const struct chat_model *m);

/* Of the template and all models (NULL: none), in their order. */
struct digest chatting_digest(const struct chat_models *models, const struct prompt_template *t);
