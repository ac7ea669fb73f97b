/* chat_world.h - an engine with one or more language models, all of them a fake in this process. */
#pragma once
#include "query/question_chat.h"
#include "support/fake_chat.h"
#include "support/world.h"

struct chat_world {
    struct world w;
    struct fake_chat model;
};

static inline void chat_world_configure(struct chat_world *c, size_t n_models)
{
    static const char *const names[] = {"fast", "best"};

    fake_chat_start(&c->model);
    c->w.config.n_llm = n_models;
    for (size_t i = 0; i < n_models; i++) {
        struct config_llm *llm = &c->w.config.llm[i];

        *llm = (struct config_llm){.timeout_ms = 20000, .first_token_ms = 10000};
        strcpy(llm->name, names[i]);
        snprintf(llm->model, sizeof llm->model, "fake-%s", names[i]);
        snprintf(llm->url, sizeof llm->url, "http://127.0.0.1:%d/v1", c->model.http.port);
    }
    world_reopen(&c->w);
}

#define CHAT_WORLD_OPEN(c, n_models)                                                               \
    do {                                                                                           \
        WORLD_OPEN(&(c)->w);                                                                       \
        chat_world_configure((c), (n_models));                                                     \
    } while (0)

static inline void chat_world_close(struct chat_world *c)
{
    world_close(&c->w);
    fake_chat_stop(&c->model);
}
