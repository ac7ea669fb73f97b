#include "embed/adapter_fit.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define DIM   64
#define N     400
#define FOLDS 5

static float skew[DIM * DIM], questions[N * DIM], passages[N * DIM], weights[DIM * DIM];
static struct adapter_pair pairs[N];
static uint8_t fold[N];

static float between(void)
{
    return (float)rand() / (float)RAND_MAX - 0.5f;
}

static void scale(float *v)
{
    float squares = 0;

    for (size_t i = 0; i < DIM; i++)
        squares += v[i] * v[i];
    for (size_t i = 0; i < DIM; i++)
        v[i] /= sqrtf(squares);
}

/* A question is its passage, turned by a rotation that takes part of every number to every other
 * (v + by * A v with A = -A', which keeps angles for what is small), and noise of a length: the way
 * back is what there is to learn. */
static void turn(const float *p, float by, float noise, float *q)
{
    for (size_t j = 0; j < DIM; j++) {
        float moved = 0;

        for (size_t k = 0; k < DIM; k++)
            moved += skew[j * DIM + k] * p[k];
        q[j] = p[j] + by * moved + noise * between() * sqrtf(12.0f / DIM);
    }
    scale(q);
}

static struct adapter_data planted(float by, float noise)
{
    srand(3);
    for (size_t j = 0; j < DIM; j++)
        for (size_t k = 0; k < j; k++) {
            skew[j * DIM + k] = between() * sqrtf(12.0f / DIM);
            skew[k * DIM + j] = -skew[j * DIM + k];
        }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < DIM; j++)
            passages[i * DIM + j] = between();
        scale(passages + i * DIM);
        turn(passages + i * DIM, by, noise, questions + i * DIM);
        pairs[i] = (struct adapter_pair){(uint32_t)i, (uint32_t)i};
        fold[i] = (uint8_t)(i % FOLDS);
    }
    return (struct adapter_data){.dim = DIM,
                                 .n_questions = N,
                                 .n_passages = N,
                                 .n_pairs = N,
                                 .questions = questions,
                                 .passages = passages,
                                 .pairs = pairs,
                                 .fold = fold};
}

/* The share of a fold's questions whose own passage is the nearest of all. */
static double found(const float *w, uint8_t in)
{
    size_t n = 0, first = 0;

    for (size_t i = 0; i < N; i++) {
        float u[DIM] = {0}, best = -INFINITY;
        size_t best_at = 0;

        if (fold[i] != in)
            continue;
        for (size_t r = 0; r < DIM; r++)
            for (size_t k = 0; k < DIM; k++)
                u[r] += w[r * DIM + k] * questions[i * DIM + k];
        for (size_t j = 0; j < N; j++) {
            float dot = 0;

            for (size_t k = 0; k < DIM; k++)
                dot += u[k] * passages[j * DIM + k];
            if (dot > best) {
                best = dot;
                best_at = j;
            }
        }
        n++;
        first += best_at == i;
    }
    return (double)first / (double)n;
}

static void identity(float *w)
{
    memset(w, 0, DIM * DIM * sizeof *w);
    for (size_t i = 0; i < DIM; i++)
        w[i * DIM + i] = 1;
}

Test(adapter_fit, a_planted_rotation_is_learnt_by_questions_never_seen)
{
    struct adapter_data d = planted(2, 2);
    struct adapter_fit_options o = {.seed = 1, .held = 2};
    float plain[DIM * DIM];
    int rounds = 0;

    identity(plain);
    cr_assert_eq(adapter_fit(&d, &o, weights, &rounds), ERR_OK, "%s", err_text());
    cr_expect_gt(rounds, 3);
    cr_expect_leq(rounds, adapter_fit_rounds(N));
    cr_expect_lt(found(plain, 2), 0.8);
    cr_expect_gt(found(weights, 2), found(plain, 2) + 0.2, "%g, %g", found(weights, 2),
                 found(plain, 2));
}

Test(adapter_fit, is_the_identity_when_nothing_helps)
{
    struct adapter_data d = planted(0, 0.1f);
    struct adapter_fit_options o = {.seed = 1, .held = 0};
    float plain[DIM * DIM];
    int rounds = 7;

    for (size_t i = 0; i < N; i++) /* whose question it is, nobody can know */
        pairs[i].passage = (uint32_t)((i * 7 + 13) % N);
    identity(plain);
    cr_assert_eq(adapter_fit(&d, &o, weights, &rounds), ERR_OK, "%s", err_text());
    for (size_t i = 0; rounds == 0 && i < DIM * DIM; i++)
        cr_expect_eq(weights[i], plain[i]);
    for (size_t i = 0; i < DIM * DIM; i++)
        cr_expect_float_eq(weights[i], plain[i], 0.25f, "at %zu: %g", i, (double)weights[i]);
}

Test(adapter_fit, is_the_same_for_the_same_seed)
{
    struct adapter_data d = planted(0.5f, 0.1f);
    struct adapter_fit_options o = {.seed = 9, .held = 1};
    float again[DIM * DIM];
    int rounds, rounds_again;

    cr_assert_eq(adapter_fit(&d, &o, weights, &rounds), ERR_OK);
    cr_assert_eq(adapter_fit(&d, &o, again, &rounds_again), ERR_OK);
    cr_expect_eq(rounds, rounds_again);
    cr_expect_arr_eq(weights, again, sizeof weights);
    o.seed = 10;
    cr_assert_eq(adapter_fit(&d, &o, again, &rounds_again), ERR_OK);
    cr_expect_arr_neq(weights, again, sizeof weights);
}

Test(adapter_fit, with_nothing_held_out_it_runs_as_long_as_told)
{
    struct adapter_data d = planted(0.5f, 0.1f);
    struct adapter_fit_options o = {.seed = 1, .held = -1, .rounds = 4};
    int rounds = 0;

    cr_assert_eq(adapter_fit(&d, &o, weights, &rounds), ERR_OK);
    cr_expect_eq(rounds, 4);
}

Test(adapter_fit, other_right_passages_of_a_question_are_not_wrong_ones)
{
    struct adapter_data d = planted(0.5f, 0.1f);
    struct adapter_fit_options o = {.seed = 1, .held = -1, .rounds = 2};
    int rounds = 0;

    for (size_t i = 0; i < N; i++) /* two passages a question */
        pairs[i] = (struct adapter_pair){(uint32_t)i / 2, (uint32_t)i};
    d.n_questions = N / 2;
    cr_assert_eq(adapter_fit(&d, &o, weights, &rounds), ERR_OK, "%s", err_text());
    for (size_t i = 0; i < DIM * DIM; i++)
        cr_expect(isfinite(weights[i]));
}

static bool stop(void *arg)
{
    ++*(int *)arg;
    return false;
}

Test(adapter_fit, is_given_up_when_told_so)
{
    struct adapter_data d = planted(0.5f, 0.1f);
    int told = 0, rounds = 0;
    struct adapter_fit_options o = {.held = -1, .rounds = 9, .round = stop, .arg = &told};

    cr_expect_eq(adapter_fit(&d, &o, weights, &rounds), ERR_CANCELLED);
    cr_expect_eq(told, 1);
}

Test(adapter_fit, too_little_to_learn_from_is_refused)
{
    struct adapter_data d = planted(0.5f, 0.1f);
    struct adapter_fit_options o = {.held = 200};
    int rounds = 0;

    cr_expect_eq(adapter_fit(&d, &o, weights, &rounds), ERR_ARGUMENT, "nothing held out");
    o.held = -1;
    d.n_pairs = 1;
    cr_expect_eq(adapter_fit(&d, &o, weights, &rounds), ERR_ARGUMENT, "one pair");
}

Test(adapter_fit, few_questions_get_more_rounds)
{
    cr_expect_eq(adapter_fit_rounds(64), ADAPTER_ROUNDS_MAX);
    cr_expect_eq(adapter_fit_rounds(100000), ADAPTER_ROUNDS_MIN);
    cr_expect_gt(adapter_fit_rounds(320), adapter_fit_rounds(640));
}
