#include "cache/asked.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct asked_question question(const char *collection, const char *text)
{
    return (struct asked_question){.key = digest_of(text, strlen(text)),
                                   .tenant = "default",
                                   .collection = collection,
                                   .text = str_of(text),
                                   .epoch = 7};
}

/* As the path of a question does. */
static void ask(struct asked *a, const char *collection, const char *text)
{
    struct asked_question q = question(collection, text);

    if (!asked_again(a, &q.key))
        asked_add(a, &q);
}

static size_t popular(struct asked *a, uint64_t min, struct arena *mem, struct asked_question **v)
{
    return asked_popular(a, NULL, NULL, min, 100, mem, v);
}

Test(asked, tells_what_is_asked_most_with_its_count)
{
    struct asked *a = asked_new(1 << 20);
    struct arena *mem = arena_new(0);
    struct asked_question *v;

    for (int i = 0; i < 3; i++)
        ask(a, "c", "often");
    ask(a, "c", "twice");
    ask(a, "d", "twice");
    ask(a, "c", "once");
    cr_assert_eq(popular(a, 2, mem, &v), 2);
    cr_expect(str_eq(v[0].text, STR_LIT("often")));
    cr_expect_eq(v[0].count, 3);
    cr_expect_eq(v[0].epoch, 7);
    cr_expect_str_eq(v[0].tenant, "default");
    cr_expect_str_eq(v[0].collection, "c");
    cr_expect_eq(v[1].count, 2);
    cr_expect_eq(asked_popular(a, NULL, NULL, 1, 1, mem, &v), 1, "no more than the limit");
    cr_expect_eq(asked_popular(a, "default", "d", 1, 9, mem, &v), 0, "the key is c's already");
    arena_free(mem);
    asked_free(a);
}

Test(asked, hands_over_each_count_once)
{
    struct asked *a = asked_new(1 << 20);
    struct arena *mem = arena_new(0);
    struct asked_question *v;
    uint64_t generation;

    ask(a, "c", "x");
    ask(a, "c", "x");
    cr_assert_eq(asked_take(a, mem, &v, &generation), 1);
    cr_expect_eq(v[0].count, 2);
    cr_expect_eq(asked_take(a, mem, &v, &generation), 0);
    ask(a, "c", "x");
    cr_assert_eq(asked_take(a, mem, &v, &generation), 1);
    cr_expect_eq(v[0].count, 1, "since the last time");
    cr_assert_eq(popular(a, 1, mem, &v), 1);
    cr_expect_eq(v[0].count, 3, "in all");
    arena_free(mem);
    asked_free(a);
}

Test(asked, what_the_store_knows_is_not_handed_over_again)
{
    struct asked *a = asked_new(1 << 20);
    struct arena *mem = arena_new(0);
    struct asked_question q = question("c", "x"), *v;
    uint64_t generation;

    q.count = 5;
    asked_recall(a, &q);
    asked_recall(a, &q);
    cr_expect_eq(asked_take(a, mem, &v, &generation), 0);
    cr_assert_eq(popular(a, 1, mem, &v), 1);
    cr_expect_eq(v[0].count, 5, "and not counted twice");
    asked_seen_to(a, &q.key, 9);
    cr_assert_eq(popular(a, 1, mem, &v), 1);
    cr_expect_eq(v[0].epoch, 9);
    arena_free(mem);
    asked_free(a);
}

Test(asked, forgets_a_collection_or_all_and_says_that_it_did)
{
    struct asked *a = asked_new(1 << 20);
    struct arena *mem = arena_new(0);
    struct asked_question *v;
    uint64_t before = asked_generation(a);

    ask(a, "c", "x");
    ask(a, "d", "y");
    asked_forget(a, "default", "c");
    cr_expect_gt(asked_generation(a), before);
    cr_assert_eq(popular(a, 1, mem, &v), 1);
    cr_expect_str_eq(v[0].collection, "d");
    asked_forget(a, "other", "d");
    cr_expect_eq(popular(a, 1, mem, &v), 1, "another tenant's");
    asked_forget(a, NULL, NULL);
    cr_expect_eq(popular(a, 1, mem, &v), 0);
    arena_free(mem);
    asked_free(a);
}

Test(asked, without_room_the_rare_leave_and_the_frequent_stay)
{
    struct asked *a = asked_new(ASKED_SHARDS * 4096);
    struct arena *mem = arena_new(0);
    struct asked_question *v;
    char text[64], *long_text = memset(arena_alloc(mem, 4096), 'x', 4096);

    for (int i = 0; i < 1000; i++)
        ask(a, "c", "often");
    for (int i = 0; i < 2000; i++) {
        snprintf(text, sizeof text, "a question that is asked once, number %d", i);
        ask(a, "c", text);
        ask(a, "c", "often");
    }
    cr_expect_lt(popular(a, 1, mem, &v), 500, "%zu are not bounded", popular(a, 1, mem, &v));
    cr_expect(str_eq(v[0].text, STR_LIT("often")));
    long_text[4095] = '\0';
    ask(a, "c", long_text);
    cr_expect_lt(popular(a, 1, mem, &v), 500, "one that is too long is not counted");
    arena_free(mem);
    asked_free(a);
}

Test(asked, counts_nothing_where_nobody_has_a_use_for_it)
{
    struct asked *a = asked_new(0);
    struct arena *mem = arena_new(0);
    struct asked_question *v;

    ask(a, "c", "x");
    cr_expect_eq(popular(a, 1, mem, &v), 0);
    arena_free(mem);
    asked_free(a);
}
