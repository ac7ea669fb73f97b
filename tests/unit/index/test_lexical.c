#include "index/lexical.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "index/bm25.h"
#include "index/fields.h"

#define B BM25_BREAK

static struct arena *mem;

static void setup(void)
{
    mem = arena_new(0);
}

static void teardown(void)
{
    arena_free(mem);
}

TestSuite(lexical, .init = setup, .fini = teardown);

/* The words of the question are 0, 1, ..., all as rare, and their terms 100, 101, ... */
static struct lexical *asked(const uint32_t *order, size_t n, const double *idf, size_t n_words)
{
    struct lexical *l = lexical_new(&(struct lexical_question){order, n, idf, n_words}, mem);
    uint32_t terms[64];

    for (uint32_t w = 0; w < n_words; w++)
        terms[w] = 100 + w;
    lexical_terms(l, terms);
    return l;
}

static struct lexical *three_words(void)
{
    return asked((uint32_t[]){0, 1, 2}, 3, (double[]){1, 1, 1}, 3);
}

#define BONUS(l, ...)                                                                              \
    lexical_bonus(l, (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4)
#define TEXT B, B, B, B

static const double half = 0.5; /* one of two pairs */

Test(lexical, neighbours_in_order_are_adjacent_and_near)
{
    struct lexical *l = three_words();

    cr_expect_float_eq(BONUS(l, TEXT, 7, 100, 101, 7), half * (LEXICAL_W_ADJACENT + LEXICAL_W_NEAR),
                       1e-9);
    cr_expect_float_eq(BONUS(l, TEXT, 100, 101, 7, 100, 101),
                       half * (LEXICAL_W_ADJACENT + LEXICAL_W_NEAR), 1e-9, "once is enough");
    cr_expect_float_eq(BONUS(l, TEXT, 100, 101, 102),
                       LEXICAL_W_ADJACENT + LEXICAL_W_NEAR + LEXICAL_W_SKIP, 1e-9, "all pairs");
    cr_expect_eq(BONUS(l, TEXT, 100, 7, 8), 0, "one word has no order");
}

Test(lexical, near_is_either_order_and_has_an_end)
{
    struct lexical *l = three_words();

    cr_expect_float_eq(BONUS(l, TEXT, 101, 100), half * LEXICAL_W_NEAR, 1e-9);
    cr_expect_float_eq(BONUS(l, TEXT, 100, 7, 7, 7, 7, 7, 7, 7, 101), half * LEXICAL_W_NEAR, 1e-9);
    cr_expect_eq(BONUS(l, TEXT, 100, 7, 7, 7, 7, 7, 7, 7, 7, 101), 0);
}

Test(lexical, the_next_but_one_may_skip_three)
{
    struct lexical *l = three_words();

    cr_expect_float_eq(BONUS(l, TEXT, 100, 7, 7, 102), LEXICAL_W_SKIP, 1e-9);
    cr_expect_eq(BONUS(l, TEXT, 100, 7, 7, 7, 102), 0);
    cr_expect_eq(BONUS(l, TEXT, 102, 100), 0, "not backwards");
}

Test(lexical, no_pair_crosses_a_field)
{
    struct lexical *l = three_words();

    cr_expect_eq(BONUS(l, B, B, B, 100, B, 101), 0);
}

Test(lexical, names_and_heading_count_words)
{
    struct lexical *l = three_words();

    cr_expect_float_eq(BONUS(l, 100, 7, 7, 7, 100, B, 100, B, 7, B, 7, B, 7), LEXICAL_W_NAMES / 3,
                       1e-9);
    cr_expect_float_eq(BONUS(l, 7, B, 7, B, 102, B, 102, B, 7), LEXICAL_W_HEADING / 3, 1e-9);
}

Test(lexical, a_pair_weighs_what_its_commoner_word_does)
{
    struct lexical *l = asked((uint32_t[]){0, 1, 2}, 3, (double[]){5, 1, 3}, 3);

    cr_expect_float_eq(BONUS(l, TEXT, 100, 101), 0.5 * (LEXICAL_W_ADJACENT + LEXICAL_W_NEAR), 1e-9);
    l = asked((uint32_t[]){0, 1, 2}, 3, (double[]){5, 4, 1}, 3);
    cr_expect_float_eq(BONUS(l, TEXT, 100, 101), 0.8 * (LEXICAL_W_ADJACENT + LEXICAL_W_NEAR), 1e-9);
}

Test(lexical, words_that_nothing_has_change_nothing)
{
    struct lexical *l =
        lexical_new(&(struct lexical_question){(uint32_t[]){0, 1}, 2, (double[]){0, 0}, 2}, mem);

    lexical_terms(l, (uint32_t[]){BM25_NONE, BM25_NONE});
    cr_expect_eq(BONUS(l, 1, 2, 3), 0);
    l = lexical_new(&(struct lexical_question){NULL, 0, NULL, 0}, mem);
    lexical_terms(l, NULL);
    cr_expect_eq(BONUS(l, 1, 2, 3), 0, "no words at all");
    cr_expect_eq(lexical_bonus(l, NULL, 0), 0, "no passage");
}

Test(lexical, a_word_may_come_again)
{
    struct lexical *l = asked((uint32_t[]){0, 1, 0}, 3, (double[]){1, 1}, 2);

    cr_expect_float_eq(BONUS(l, TEXT, 100, 101), half * LEXICAL_W_ADJACENT + LEXICAL_W_NEAR, 1e-9,
                       "0 1 and 1 0 are near alike");
}

Test(lexical, further_words_of_a_long_question_are_not_looked_at)
{
    uint32_t order[40];
    double idf[40];
    struct lexical *l;

    for (uint32_t i = 0; i < 40; i++) {
        order[i] = i;
        idf[i] = 1;
    }
    l = asked(order, 40, idf, 40);
    cr_expect_eq(BONUS(l, TEXT, 132, 133), 0);
    cr_expect_gt(BONUS(l, TEXT, 130, 131), 0, "the last two of those that are");
}

Test(lexical, every_segment_has_its_own_terms)
{
    struct lexical *l = three_words();

    lexical_terms(l, (uint32_t[]){3, BM25_NONE, 228});
    cr_expect_eq(BONUS(l, TEXT, 100, 101, 102), 0);
    cr_expect_float_eq(BONUS(l, TEXT, 3, 228), LEXICAL_W_SKIP, 1e-9);
}

/* ---- beside the plain definition ---- */

static bool stands(const uint32_t *s, size_t n, uint32_t a, uint32_t b, size_t gap_max)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n && j - i <= gap_max && s[j] != B; j++)
            if (s[i] == 100 + a && s[j] == 100 + b)
                return true;
    return false;
}

static double plain(const uint32_t *order, size_t n_order, const uint32_t *s, size_t n)
{
    double bonus = 0;

    for (size_t i = 0; i + 1 < n_order; i++) {
        uint32_t a = order[i], b = order[i + 1];
        double share = 1.0 / (double)(n_order - 1);

        bonus += LEXICAL_W_ADJACENT * share * stands(s, n, a, b, 1);
        bonus += LEXICAL_W_NEAR * share *
                 (stands(s, n, a, b, LEXICAL_NEAR) || stands(s, n, b, a, LEXICAL_NEAR));
    }
    for (size_t i = 0; i + 2 < n_order; i++)
        bonus += LEXICAL_W_SKIP / (double)(n_order - 2) *
                 stands(s, n, order[i], order[i + 2], LEXICAL_SKIP);
    return bonus;
}

Test(lexical, agrees_with_the_plain_definition)
{
    const uint32_t order[] = {0, 1, 2, 1, 3};
    const double idf[] = {1, 1, 1, 1};
    struct lexical *l = asked(order, 5, idf, 4);

    srand(1);
    for (int round = 0; round < 20000; round++) {
        uint32_t s[34] = {B, B, B, B};
        size_t n = 4 + (size_t)rand() % 30;

        for (size_t i = 4; i < n; i++) {
            s[i] = 100 + (uint32_t)rand() % 12;
            if (rand() % 20 == 0)
                s[i] = B;
        }
        cr_assert_float_eq(lexical_bonus(l, s, n), plain(order, 5, s, n), 1e-9, "round %d", round);
    }
}
