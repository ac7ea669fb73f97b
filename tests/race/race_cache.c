/* race_cache.c - the caches and the pool used by many threads at once. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/pool.h"
#include "cache/alike.h"
#include "cache/answers.h"
#include "cache/asked.h"
#include "cache/origin.h"

#define ROUNDS 400

static void use_answers(void *arg, size_t i)
{
    struct answers *a = arg;
    char name[32], reply[64] = "{}";
    float vector[4] = {1, 0, 0, 0};
    struct digest question, prompt;
    struct answers_entry found;
    struct lru_value *value;
    uint64_t ticket = answers_ticket(a);
    struct str document = {name, 0};

    document.n = (size_t)snprintf(name, sizeof name, "document-%zu", i % 7);
    question = digest_of(&i, sizeof i);
    prompt = digest_of(name, document.n);
    answers_find(a, &question, i % 3, &found);
    answers_count(a, found.state == ANSWERS_HIT ? ANSWERS_OUTCOME_HIT : ANSWERS_OUTCOME_MISS);
    mem_free(found.vector);
    lru_value_unref(found.reply);
    answers_remember(a, &question, i % 3, vector, 4, &prompt);
    value = answers_get(a, &prompt);
    if (!value) {
        struct answer_origin o = {prompt, "t", "c", i % 3, &document, 1};

        value = origin_value((struct str){reply, sizeof reply}, &o, 60000);
        answers_put(a, value, ticket);
    }
    CHECK(value->n == sizeof reply && memcmp(value->bytes, reply, sizeof reply) == 0);
    lru_value_unref(value);
    if (i % 11 == 0)
        answers_purge_document(a, "t", "c", document);
    if (i % 97 == 0)
        answers_clear(a);
}

static void use_alike(void *arg, size_t i)
{
    struct alike *a = arg;
    struct arena *mem = arena_new(0);
    char text[48];
    float vector[4] = {1, 0, 0, 0};
    struct str question = {text, (size_t)snprintf(text, sizeof text, "What is fee %zu?", i % 40)};
    struct digest scope = digest_of(&(size_t){i % 3}, sizeof(size_t));
    struct digest key = digest_of(&(size_t){i % 120}, sizeof(size_t));
    const struct guard_form *form = guard_prepare(alike_guard(a), question, NULL, 0, mem);
    struct alike_question near[ALIKE_CANDIDATES];
    struct alike_stats stats;
    size_t n;

    alike_keep(a, &scope, &key, question, vector, 4);
    n = alike_nearest(a, &scope, vector, 4, mem, near);
    for (size_t k = 0; k < n; k++) {
        CHECK(guard_form_bytes(near[k].form) > 0 && near[k].vector[0] == 1);
        alike_used(a, &near[k].key);
    }
    alike_of_form(a, &scope, guard_form_key(form), mem, near);
    alike_count(a, ALIKE_SERVED);
    alike_stats_get(a, &stats);
    if (i % 97 == 0)
        alike_clear(a);
    arena_free(mem);
}

static void use_asked(void *arg, size_t i)
{
    struct asked *a = arg;
    struct arena *mem = arena_new(0);
    struct asked_question q = {.tenant = "t", .collection = "c", .text = STR_LIT("q"), .epoch = i};
    struct asked_question *v;
    uint64_t generation;
    size_t n = i % 29;

    q.key = digest_of(&n, sizeof n);
    if (!asked_again(a, &q.key))
        asked_add(a, &q);
    asked_seen_to(a, &q.key, i);
    CHECK(asked_popular(a, "t", "c", 1, 5, mem, &v) <= 5);
    if (i % 7 == 0)
        asked_take(a, mem, &v, &generation);
    if (i % 97 == 0)
        asked_forget(a, "t", "c");
    arena_free(mem);
}

int main(void)
{
    struct answers_options o = {1 << 20, 60000};
    struct answers *a = answers_new(&o);
    struct asked *asked = asked_new(1 << 20);
    struct pool *pool = pool_new("race", 4, 64);
    struct answers_stats stats;
    struct alike *alike = alike_new(20000, 60000);

    pool_each(pool, ROUNDS, use_answers, a);
    pool_each(pool, ROUNDS, use_alike, alike);
    answers_stats_get(a, &stats);
    CHECK(stats.outcomes[ANSWERS_OUTCOME_MISS] > 0);
    pool_each(pool, ROUNDS, use_asked, asked);
    pool_free(pool);
    asked_free(asked);
    answers_free(a);
    alike_free(alike);
    return 0;
}
