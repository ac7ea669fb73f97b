#include <criterion/criterion.h>
#include <math.h>

#include "index/mmr.h"

#define DIM 4

/* 0 and 1 say the same, 2 something else, 3 is between them. */
static const float a[DIM] = {1, 0, 0, 0}, b[DIM] = {0, 1, 0, 0},
                   between[DIM] = {0.70710678f, 0.70710678f, 0, 0};
static const float *const vectors[] = {a, a, b, between};
static const double scores[] = {1.0, 0.9, 0.5, 0.45};

static size_t choose(double lambda, size_t k, uint32_t *order)
{
    struct arena *mem = arena_new(0);
    size_t n = mmr(vectors, scores, 4, DIM, lambda, k, mem, order);

    arena_free(mem);
    return n;
}

Test(mmr, keeps_the_order_of_relevance_when_lambda_is_one)
{
    uint32_t order[4];

    cr_assert_eq(choose(1, 4, order), 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(order[i], i);
}

Test(mmr, puts_what_says_something_else_before_a_repetition)
{
    uint32_t order[4];

    cr_assert_eq(choose(0.5, 4, order), 4);
    cr_expect_eq(order[0], 0, "the most relevant");
    cr_expect_eq(order[1], 2, "0.25 is more than 0.45 - 0.5");
    cr_expect_eq(order[2], 1, "0.45 - 0.5 is more than 0.225 - 0.354");
    cr_expect_eq(order[3], 3);
}

Test(mmr, looks_at_the_difference_alone_when_lambda_is_zero)
{
    uint32_t order[4];

    cr_assert_eq(choose(0, 3, order), 3);
    cr_expect_eq(order[0], 0);
    cr_expect_eq(order[1], 2);
    cr_expect_eq(order[2], 3);
}

Test(mmr, stops_at_k_and_at_the_last_candidate)
{
    struct arena *mem = arena_new(0);
    uint32_t order[9];

    cr_expect_eq(choose(0.5, 2, order), 2);
    cr_expect_eq(choose(0.5, 9, order), 4);
    cr_expect_eq(mmr(vectors, scores, 0, DIM, 0.5, 3, mem, order), 0);
    arena_free(mem);
}

Test(mmr, the_scale_of_the_scores_changes_nothing)
{
    struct arena *mem = arena_new(0);
    double scaled[4];
    uint32_t order[4], again[4];

    for (int i = 0; i < 4; i++)
        scaled[i] = scores[i] * 30; /* BM25, say */
    choose(0.4, 4, order);
    cr_assert_eq(mmr(vectors, scaled, 4, DIM, 0.4, 4, mem, again), 4);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(again[i], order[i]);
    arena_free(mem);
}

Test(mmr, a_candidate_without_a_vector_is_like_no_other)
{
    static const float *const some[] = {a, a, NULL};
    static const double falling[] = {1, 0.9, 0.8};
    struct arena *mem = arena_new(0);
    uint32_t order[3];

    cr_assert_eq(mmr(some, falling, 3, DIM, 0.5, 3, mem, order), 3);
    cr_expect_eq(order[1], 2);
    cr_expect_eq(order[2], 1);
    arena_free(mem);
}

Test(mmr, scores_of_zero_and_below_do_not_turn_the_order)
{
    static const double low[] = {0, -0.1, -0.2, -0.3};
    struct arena *mem = arena_new(0);
    uint32_t order[4];

    cr_assert_eq(mmr(vectors, low, 4, DIM, 1, 4, mem, order), 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(order[i], i);
    arena_free(mem);
}
