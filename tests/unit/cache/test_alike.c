#include "cache/alike.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { DIM = 16, TTL_MS = 3600000 };

static struct arena *mem;

static void set_up(void)
{
    mem = arena_new(0);
}

static void tear_down(void)
{
    arena_free(mem);
}

TestSuite(alike, .init = set_up, .fini = tear_down);

static struct digest name(const char *text)
{
    return digest_of(text, strlen(text));
}

/* A unit vector with this cosine to that of 1. */
static void vector_of(float cosine, float out[DIM])
{
    memset(out, 0, DIM * sizeof *out);
    out[0] = cosine;
    out[1] = sqrtf(1 - cosine * cosine);
}

static void keep(struct alike *a, const char *scope, const char *text, float cosine)
{
    struct digest s = name(scope), k = name(text);
    float v[DIM];

    vector_of(cosine, v);
    alike_keep(a, &s, &k, str_of(text), v, DIM);
}

static size_t nearest(struct alike *a, const char *scope, struct alike_question *out)
{
    struct digest s = name(scope);
    float v[DIM];

    vector_of(1, v);
    return alike_nearest(a, &s, v, DIM, mem, out);
}

static bool has(struct alike *a, const char *scope, const char *text)
{
    struct alike_question near[ALIKE_CANDIDATES];
    size_t n = nearest(a, scope, near);

    for (size_t i = 0; i < n; i++)
        if (str_eq(near[i].text, str_of(text)))
            return true;
    return false;
}

Test(alike, gives_the_near_ones_best_first_with_what_they_were_kept_with)
{
    struct alike *a = alike_new(1 << 20, TTL_MS);
    struct alike_question near[ALIKE_CANDIDATES];
    struct digest key = name("What is the fee?");

    keep(a, "s", "What is the rate?", 0.85f);
    keep(a, "s", "What is the fee?", 0.95f);
    keep(a, "s", "Who is the king?", (float)GUARD_COSINE_MIN - 0.02f);
    cr_assert_eq(nearest(a, "s", near), 2);
    cr_expect(str_eq(near[0].text, STR_LIT("What is the fee?")));
    cr_expect(digest_eq(&near[0].key, &key));
    cr_expect_float_eq(near[0].cosine, 0.95, 0.01);
    cr_expect_float_eq(near[0].vector[0], 0.95, 1e-6);
    cr_expect(str_eq(near[1].text, STR_LIT("What is the rate?")));
    cr_expect(guard_compare(alike_guard(a), near[0].form,
                            guard_prepare(alike_guard(a), STR_LIT("what is the fee"), NULL, 0, mem),
                            mem)
                  .same);
    alike_free(a);
}

Test(alike, gives_the_best_of_many_whatever_order_they_came_in)
{
    struct alike *a = alike_new(1 << 24, TTL_MS);
    struct alike_question near[ALIKE_CANDIDATES];
    unsigned seed = 7;

    for (int i = 0; i < 1000; i++)
        keep(a, "s", arena_printf(mem, "question %d", i), 0.8f + 0.0001f * (rand_r(&seed) % 1900));
    keep(a, "s", "the best", 1);
    for (int i = 0; i < 300; i++)
        keep(a, "s", arena_printf(mem, "late question %d", i), 0.81f);
    cr_assert_eq(nearest(a, "s", near), ALIKE_CANDIDATES);
    cr_expect(str_eq(near[0].text, STR_LIT("the best")));
    for (int i = 1; i < ALIKE_CANDIDATES; i++)
        cr_expect_leq(near[i].cosine, near[i - 1].cosine);
    cr_expect_gt(near[ALIKE_CANDIDATES - 1].cosine, 0.98);
    alike_free(a);
}

static size_t of_form(struct alike *a, const char *scope, const char *asked,
                      struct alike_question *out)
{
    struct digest s = name(scope);
    struct guard_form *form = guard_prepare(alike_guard(a), str_of(asked), NULL, 0, mem);

    return alike_of_form(a, &s, guard_form_key(form), mem, out);
}

Test(alike, a_form_is_found_without_a_vector_and_however_far_the_vectors_are)
{
    struct alike *a = alike_new(1 << 20, TTL_MS);
    struct alike_question near[ALIKE_CANDIDATES];
    struct digest words = name("by words"), key = name("Who is it?");

    keep(a, "s", "What is the minimum fee?", 0.1f);
    keep(a, "s", "What is the maximum fee?", 0.1f);
    cr_assert_eq(of_form(a, "s", "What's the lowest fee?", near), 1);
    cr_expect(str_eq(near[0].text, STR_LIT("What is the minimum fee?")));
    cr_expect_float_eq(near[0].vector[0], 0.1, 1e-6);
    cr_expect_eq(near[0].dim, DIM);
    cr_expect_eq(of_form(a, "t", "What's the lowest fee?", near), 0);
    alike_keep(a, &words, &key, STR_LIT("Who is it?"), NULL, DIM);
    cr_assert_eq(of_form(a, "by words", "who is it", near), 1);
    cr_expect_null(near[0].vector);
    cr_expect_eq(nearest(a, "by words", near), 0);
    alike_free(a);
}

Test(alike, gives_of_one_form_no_more_than_it_may)
{
    struct alike *a = alike_new(1 << 20, TTL_MS);
    struct alike_question near[ALIKE_CANDIDATES];

    for (int i = 0; i < 2 * ALIKE_CANDIDATES; i++)
        keep(a, "s", arena_printf(mem, "What is%*s the fee?", i, ""), 0.9f);
    cr_expect_eq(of_form(a, "s", "What is the fee?", near), ALIKE_CANDIDATES);
    alike_free(a);
}

Test(alike, scopes_never_meet)
{
    struct alike *a = alike_new(1 << 20, TTL_MS);
    struct alike_question near[ALIKE_CANDIDATES];

    keep(a, "one tenant", "What is the fee?", 1);
    cr_expect_eq(nearest(a, "another tenant", near), 0);
    alike_free(a);
}

Test(alike, a_vector_of_another_length_than_its_scopes_is_not_kept)
{
    struct alike *a = alike_new(1 << 20, TTL_MS);
    struct digest s = name("s"), k = name("none"), longer = name("longer");
    float v[2 * DIM] = {1};

    keep(a, "s", "What is a bank?", 1);
    alike_keep(a, &s, &k, STR_LIT("What is a fee?"), NULL, 0);
    alike_keep(a, &s, &longer, STR_LIT("What is a limit?"), v, 2 * DIM);
    keep(a, "s", "What is a rate?", 0.9f);
    cr_expect(has(a, "s", "What is a bank?"));
    cr_expect(has(a, "s", "What is a rate?"));
    cr_expect_not(has(a, "s", "What is a fee?"));
    cr_expect_not(has(a, "s", "What is a limit?"));
    alike_free(a);
}

Test(alike, the_least_recently_used_goes_first_and_empty_scopes_with_it)
{
    struct alike *a = alike_new(6000, TTL_MS); /* some ten */
    struct alike_stats s;
    struct digest key = name("used");

    keep(a, "old scope", "forgotten", 1);
    keep(a, "s", "used", 1);
    for (int i = 0; i < 40; i++) {
        keep(a, "s", arena_printf(mem, "question %d", i), 0.5f);
        alike_used(a, &key);
    }
    cr_expect(has(a, "s", "used"));
    cr_expect_not(has(a, "old scope", "forgotten"));
    alike_stats_get(a, &s);
    cr_expect_gt(s.questions, 2);
    cr_expect_lt(s.questions, 20);
    cr_expect_leq(s.bytes, s.bytes_max);
    alike_free(a);
}

Test(alike, a_scope_is_bounded_by_itself)
{
    struct alike *a = alike_new(1 << 26, TTL_MS);
    struct alike_stats s;

    keep(a, "other", "stays", 1);
    keep(a, "s", "first", 1);
    for (int i = 0; i < ALIKE_SCOPE_MAX; i++)
        keep(a, "s", arena_printf(mem, "question %d", i), 0.5f);
    alike_stats_get(a, &s);
    cr_expect_eq(s.questions, ALIKE_SCOPE_MAX + 1);
    cr_expect_not(has(a, "s", "first"));
    cr_expect(has(a, "other", "stays"));
    alike_free(a);
}

Test(alike, nothing_is_given_or_held_beyond_its_time)
{
    struct alike *a = alike_new(1 << 20, 0);
    struct alike_stats s;

    keep(a, "s", "one", 1);
    cr_expect_not(has(a, "s", "one"));
    keep(a, "s", "two", 1);
    alike_stats_get(a, &s);
    cr_expect_eq(s.questions, 1, "the text of the first is gone");
    alike_free(a);
}

Test(alike, a_question_is_there_once)
{
    struct alike *a = alike_new(1 << 20, TTL_MS);
    struct alike_question near[ALIKE_CANDIDATES];

    keep(a, "s", "one", 1);
    keep(a, "s", "one", 1);
    cr_expect_eq(nearest(a, "s", near), 1);
    alike_free(a);
}

Test(alike, cleared_it_holds_nothing_and_takes_again)
{
    struct alike *a = alike_new(1 << 20, TTL_MS);
    struct alike_stats s;

    keep(a, "s", "one", 1);
    keep(a, "t", "two", 1);
    alike_clear(a);
    alike_stats_get(a, &s);
    cr_expect_eq(s.questions, 0);
    cr_expect_eq(s.bytes, 0);
    keep(a, "s", "one", 1);
    cr_expect(has(a, "s", "one"));
    alike_free(a);
}

Test(alike, without_room_nothing_is_kept)
{
    struct alike *a = alike_new(0, TTL_MS);

    keep(a, "s", "one", 1);
    cr_expect_not(has(a, "s", "one"));
    alike_free(a);
}

Test(alike, counts_what_happened)
{
    struct alike *a = alike_new(0, TTL_MS);
    struct alike_stats s;

    cr_expect_eq(alike_count(a, ALIKE_SERVED), 0);
    cr_expect_eq(alike_count(a, ALIKE_SERVED), 1);
    alike_count(a, ALIKE_DISAGREED);
    alike_stats_get(a, &s);
    cr_expect_eq(s.events[ALIKE_SERVED], 2);
    cr_expect_eq(s.events[ALIKE_REFUSED], 0);
    cr_expect_eq(s.events[ALIKE_DISAGREED], 1);
    alike_free(a);
}
