#include "cache/lru.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/figure.h"

static struct digest key(int i)
{
    return digest_of(&i, sizeof i);
}

static void put(struct lru *c, int i, const char *text)
{
    struct digest k = key(i);
    struct lru_value *v = lru_value_new(text, strlen(text), 60000);

    lru_put(c, &k, v);
    lru_value_unref(v);
}

static bool has(struct lru *c, int i)
{
    struct digest k = key(i);
    struct lru_value *v = lru_get(c, &k);

    lru_value_unref(v);
    return v != NULL;
}

Test(lru, gives_back_what_was_put)
{
    struct lru *c = lru_new(1 << 20, 4);
    struct digest k = key(1);
    struct lru_value *v;

    put(c, 1, "one");
    v = lru_get(c, &k);
    cr_assert_not_null(v);
    cr_expect_eq(v->n, 3);
    cr_expect_arr_eq(v->bytes, "one", 3);
    lru_value_unref(v);
    lru_free(c);
}

Test(lru, evicts_the_least_recently_used)
{
    struct lru *c = lru_new(400, 1); /* room for two values of 40 bytes, not for three */
    char text[41] = "0123456789012345678901234567890123456789";
    struct lru_stats stats;

    put(c, 1, text);
    put(c, 2, text);
    cr_assert(has(c, 1));
    put(c, 3, text); /* no room: 2 has waited longest */
    cr_expect(has(c, 1));
    cr_expect_not(has(c, 2));
    cr_expect(has(c, 3));
    lru_stats_get(c, &stats);
    cr_expect_eq(stats.evictions, 1);
    cr_expect_leq(stats.bytes, stats.bytes_max);
    lru_free(c);
}

Test(lru, a_value_larger_than_the_budget_is_not_kept)
{
    struct lru *c = lru_new(256, 1);
    char big[1024] = {0};
    struct digest k = key(1);
    struct lru_value *v = lru_value_new(big, sizeof big, 1000);

    cr_expect_not(lru_put(c, &k, v));
    cr_expect_not(has(c, 1));
    lru_value_unref(v);
    lru_free(c);
}

Test(lru, shrinking_drops_what_was_used_longest_ago)
{
    struct lru *c = lru_new(1 << 20, 1);
    struct lru_stats before, after;

    for (int i = 0; i < 8; i++)
        put(c, (uint64_t)i, "eight bytes each");
    cr_expect(has(c, 0)); /* used last */
    lru_stats_get(c, &before);
    lru_shrink(c, 0.5);
    lru_stats_get(c, &after);
    cr_expect_leq(after.bytes, before.bytes / 2);
    cr_expect_gt(after.entries, 0);
    cr_expect(has(c, 0));
    cr_expect_not(has(c, 1));
    lru_shrink(c, 0);
    lru_stats_get(c, &after);
    cr_expect_eq(after.entries, 0);
    cr_expect_eq(after.bytes, 0);
    lru_free(c);
}

Test(lru, an_entry_ends_with_its_time_to_live_however_often_it_is_read)
{
    struct lru *c = lru_new(1 << 20, 1);
    struct digest k = key(1);
    struct lru_value *v = lru_value_new("x", 1, 1000);

    lru_put(c, &k, v);
    cr_expect(has(c, 1));
    v->stored_ms -= 1000; /* as if a second had passed */
    cr_expect_not(lru_has(c, &k));
    cr_expect_not(has(c, 1));
    lru_value_unref(v);
    lru_free(c);
}

Test(lru, a_value_outlives_its_place)
{
    struct lru *c = lru_new(1 << 20, 1);
    struct digest k = key(1);
    struct lru_value *v;

    put(c, 1, "still here");
    v = lru_get(c, &k);
    lru_free(c);
    cr_expect_arr_eq(v->bytes, "still here", 10);
    lru_value_unref(v);
}

Test(lru, putting_a_key_again_replaces_its_value)
{
    struct lru *c = lru_new(1 << 20, 2);
    struct digest k = key(1);
    struct lru_value *v;
    struct lru_stats stats;

    put(c, 1, "old");
    put(c, 1, "new");
    v = lru_get(c, &k);
    cr_expect_arr_eq(v->bytes, "new", 3);
    lru_value_unref(v);
    lru_stats_get(c, &stats);
    cr_expect_eq(stats.entries, 1);
    cr_expect(lru_remove(c, &k));
    cr_expect_not(lru_remove(c, &k));
    lru_free(c);
}

/* 10^5 random operations against a plain array that remembers order of use. */
Test(lru, behaves_like_a_plain_model)
{
    enum { KEYS = 50, ROOM = 10 };
    unsigned seed = 7;
    struct lru *c = lru_new(ROOM * 200, 1);
    char text[64] = {0};
    int order[KEYS], n = 0, capacity = 0;

    for (int i = 0; i < KEYS; i++) { /* how many fit is the cache's own affair: measure it */
        struct digest k = key(1000 + i);
        struct lru_value *v = lru_value_new(text, sizeof text, 60000);
        struct lru_stats s;

        lru_put(c, &k, v);
        lru_value_unref(v);
        lru_stats_get(c, &s);
        capacity = (int)s.entries;
    }
    lru_clear(c);
    cr_assert(capacity > 2 && capacity < KEYS);
    for (int step = 0; step < 100000; step++) {
        int i = rand_r(&seed) % KEYS, at = 0;
        bool there;

        while (at < n && order[at] != i)
            at++;
        there = at < n;
        if (rand_r(&seed) % 2) {
            cr_assert_eq(has(c, i), there, "step %d, key %d", step, i);
            if (!there)
                continue;
        } else {
            struct digest k = key(i);
            struct lru_value *v = lru_value_new(text, sizeof text, 60000);

            lru_put(c, &k, v);
            lru_value_unref(v);
        }
        if (!there)
            at = n < capacity ? n++ : n - 1;
        memmove(order + 1, order, (size_t)at * sizeof *order);
        order[0] = i;
    }
    lru_free(c);
    figure("R13 | cache against a plain array, 100000 operations, seed 7 | 0 differences");
}

static void *hammer(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)&arg;

    for (int i = 0; i < 20000; i++) {
        if (rand_r(&seed) % 3)
            has(arg, rand_r(&seed) % 100);
        else
            put(arg, rand_r(&seed) % 100, "some text of some length");
    }
    return NULL;
}

Test(lru, may_be_used_by_many_threads)
{
    struct lru *c = lru_new(8000, 4);
    pthread_t t[4];
    struct lru_stats stats;

    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, hammer, c);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    lru_stats_get(c, &stats);
    cr_expect_leq(stats.bytes, stats.bytes_max);
    lru_clear(c);
    lru_stats_get(c, &stats);
    cr_expect_eq(stats.bytes, 0);
    lru_free(c);
}

Test(lru, a_reply_may_say_what_question_it_answers)
{
    struct lru_value *v = lru_value_new("one", 3, 60000), *named;

    v->tokens_in = v->tokens_out = 5;
    cr_expect_null(lru_value_question(v).p);
    named = lru_value_answering(v, STR_LIT("What is 1?"));
    cr_expect_eq(named->n, 3);
    cr_expect_arr_eq(named->bytes, "one", 3);
    cr_expect_eq(named->stored_ms, v->stored_ms);
    cr_expect_eq(named->tokens_out, 5);
    cr_expect(str_eq(lru_value_question(named), STR_LIT("What is 1?")));
    lru_value_unref(v);
    lru_value_unref(named);
}
