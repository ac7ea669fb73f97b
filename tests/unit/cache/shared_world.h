/* shared_world.h - a Redis of a test's own, and replicas that share answers in it. */
#pragma once
#include "cache/shared_answers.h"
#include "support/redis_server.h"

#define WORLD_UUID "0f0e0d0c-0b0a-4908-8706-050403020100"

struct replica {
    struct redis *redis;
    struct shared_answers *answers;
};

static const struct shared_scope world_scope = {"t", "c"};

static inline void replica_open_at(struct replica *r, const char *url, const char *uuid)
{
    cr_assert_eq(redis_open(&r->redis, url, 30000), ERR_OK, "%s", err_text());
    r->answers = shared_answers_new(r->redis, uuid);
}

static inline void replica_open(struct replica *r, struct redis_server *s)
{
    replica_open_at(r, s->url, WORLD_UUID);
    cr_assert_eq(shared_answers_refresh(r->answers), ERR_OK, "%s", err_text());
}

static inline void replica_close(struct replica *r)
{
    shared_answers_free(r->answers);
    redis_close(r->redis);
}

static inline struct digest named(const char *s)
{
    return digest_of(s, strlen(s));
}

/* An answer that shows one document, stored at 1000 for an hour. */
static inline int share(struct replica *r, const char *prompt, const char *body,
                        const char *document, int64_t ticket)
{
    struct digest p = named(prompt);
    struct str d = str_of(document);
    struct shared_answer a = {.body = str_of(body),
                              .stored_ms = 1000,
                              .ttl_ms = 3600000,
                              .documents = &d,
                              .n_documents = 1};

    return shared_answers_put(r->answers, &p, &world_scope, &a, ticket, 1000);
}

static inline int look_in(struct replica *r, const char *prompt, const struct shared_scope *scope,
                          int64_t now_ms, char *body, size_t size)
{
    struct arena *mem = arena_new(0);
    struct digest p = named(prompt);
    struct shared_answer a;
    int rc = shared_answers_get(r->answers, &p, scope, now_ms, mem, &a);

    if (rc == 1)
        snprintf(body, size, "%.*s", STR_ARGS(a.body));
    arena_free(mem);
    return rc;
}

static inline int look(struct replica *r, const char *prompt)
{
    char body[256];

    return look_in(r, prompt, &world_scope, 2000, body, sizeof body);
}

static inline int64_t eval_number(struct replica *r, const char *script, const char *key)
{
    struct str k = str_of(key);
    int64_t n = -1;

    cr_assert_eq(redis_eval(r->redis, script, &k, 1, NULL, 0, &n), ERR_OK, "%s", err_text());
    return n;
}
