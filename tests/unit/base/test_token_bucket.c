#include "base/token_bucket.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "support/figure.h"

Test(token_bucket, zeros_are_a_full_bucket_of_a_minutes_worth)
{
    struct token_bucket b = {0};

    cr_expect_eq(token_bucket_left(&b, 60, 5000), 60);
    cr_expect(token_bucket_has(&b, 60, 5000, 60));
    cr_expect(!token_bucket_has(&b, 60, 5000, 61));
    cr_expect_eq(token_bucket_full_ms(&b, 60, 5000), 0);
}

Test(token_bucket, it_fills_continuously)
{
    struct token_bucket b = {0};

    token_bucket_spend(&b, 60, 1000, 60);
    cr_expect_eq(token_bucket_left(&b, 60, 1000), 0);
    cr_expect_eq(token_bucket_left(&b, 60, 1999), 0);
    cr_expect_eq(token_bucket_left(&b, 60, 2000), 1);
    cr_expect_eq(token_bucket_left(&b, 60, 31000), 30);
    cr_expect_eq(token_bucket_left(&b, 60, 1000000), 60, "and never over");
    cr_expect_eq(token_bucket_full_ms(&b, 60, 1000), 60000);
}

Test(token_bucket, a_wait_is_true_to_the_millisecond)
{
    static const int64_t limits[] = {1, 7, 59, 60, 61, 1000, 60001, 999983, TOKEN_BUCKET_MAX};

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        int64_t limit = limits[i], wait;
        struct token_bucket b = {0};

        token_bucket_spend(&b, limit, 77, limit + limit / 3);
        wait = token_bucket_wait_ms(&b, limit, 77, 1);
        cr_assert(wait > 0);
        cr_expect(token_bucket_has(&b, limit, 77 + wait, 1), "limit %lld", (long long)limit);
        cr_expect(!token_bucket_has(&b, limit, 77 + wait - 1, 1), "limit %lld", (long long)limit);
    }
}

Test(token_bucket, what_was_taken_beyond_the_limit_is_paid_off_first)
{
    struct token_bucket b = {0};

    token_bucket_spend(&b, 100, 0, 350);
    cr_expect_eq(token_bucket_left(&b, 100, 0), 0);
    cr_expect_eq(token_bucket_wait_ms(&b, 100, 0, 1), 150600);
    token_bucket_spend(&b, 100, 0, -300);
    cr_expect_eq(token_bucket_left(&b, 100, 0), 50, "what is given back is there again");
    token_bucket_spend(&b, 100, 0, -300);
    cr_expect_eq(token_bucket_left(&b, 100, 0), 100);
}

Test(token_bucket, a_clock_that_goes_back_stands_still)
{
    struct token_bucket b = {0};
    int64_t wait;

    token_bucket_spend(&b, 60, 10000, 60);
    token_bucket_spend(&b, 60, 4000, 1);
    cr_expect_eq(token_bucket_left(&b, 60, 10000), 0);
    wait = token_bucket_wait_ms(&b, 60, 4000, 1);
    cr_expect(token_bucket_has(&b, 60, 4000 + wait, 1));
    cr_expect(!token_bucket_has(&b, 60, 4000 + wait - 1, 1));
}

Test(token_bucket, numbers_without_measure_do_no_harm)
{
    struct token_bucket b = {0};

    for (int i = 0; i < 100; i++)
        token_bucket_spend(&b, 1, 0, INT64_MAX);
    cr_expect_eq(token_bucket_left(&b, 1, 0), 0);
    cr_expect_gt(token_bucket_wait_ms(&b, 1, 0, 1), 0);
    token_bucket_spend(&b, 1, 0, INT64_MIN);
    cr_expect_eq(token_bucket_left(&b, TOKEN_BUCKET_MAX, INT64_MAX), TOKEN_BUCKET_MAX);
}

Test(token_bucket, another_limit_keeps_what_is_owed)
{
    struct token_bucket b = {0};

    token_bucket_spend(&b, 100, 0, 40);
    cr_expect_eq(token_bucket_left(&b, 50, 0), 10);
    cr_expect_eq(token_bucket_left(&b, 10, 0), 0);
    cr_expect_eq(token_bucket_left(&b, 1000, 0), 960);
}

/* The plain model remembers every taking and pays the oldest debt off in real numbers of exact
 * fractions: units * 60000 as __int128. */
Test(token_bucket, random_takings_are_those_of_the_plain_model)
{
    const char *chosen = getenv("RAGD_SEED");
    unsigned seed = chosen ? (unsigned)strtoul(chosen, NULL, 10) : (unsigned)time(NULL);
    int n_operations = getenv("RAGD_LONG") ? 1000000 : 100000;
    struct token_bucket b = {0};
    __int128 owed = 0;
    int64_t now = 0, limit = 0;

    printf("# seed %u (RAGD_SEED)\n", seed);
    for (int i = 0; i < n_operations; i++) {
        int64_t n = (int64_t)(rand_r(&seed) % 200), past = (int64_t)(rand_r(&seed) % 3000);

        if (i % 5000 == 0) {
            limit = 1 + (int64_t)(rand_r(&seed) % 100000);
            n = limit * 2;
        }
        now += past;
        owed -= (__int128)past * limit;
        owed = owed < 0 ? 0 : owed;
        cr_assert_eq(token_bucket_has(&b, limit, now, 1), owed <= (__int128)(limit - 1) * 60000,
                     "operation %d", i);
        token_bucket_spend(&b, limit, now, n);
        owed += (__int128)n * 60000;
        cr_assert_eq(token_bucket_left(&b, limit, now),
                     owed < (__int128)limit * 60000
                         ? (int64_t)(((__int128)limit * 60000 - owed) / 60000)
                         : 0,
                     "operation %d", i);
    }
    figure("R13 | rate limiter against a plain model, %d random operations | 0 differences",
           n_operations);
}
