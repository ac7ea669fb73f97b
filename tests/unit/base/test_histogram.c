#include "base/histogram.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct histogram_scale scale = {3, {10, 100, 1000}};

Test(histogram, counts_are_cumulative_and_a_bound_belongs_to_its_bucket)
{
    struct histogram h = {0};
    struct histogram_counts c;

    histogram_add(&h, &scale, 10 * 1000);
    histogram_add(&h, &scale, 10 * 1000 + 1);
    histogram_add(&h, &scale, 99 * 1000);
    histogram_add(&h, &scale, 2 * 1000 * 1000);
    histogram_read(&h, &scale, &c);
    cr_expect_eq(c.up_to[0], 1);
    cr_expect_eq(c.up_to[1], 3);
    cr_expect_eq(c.up_to[2], 3);
    cr_expect_eq(c.n, 4, "what is above all bounds counts too");
    cr_expect_eq(c.sum_ns, 2119001);
    cr_expect_float_eq(histogram_mean_ms(&c), 2.119001 / 4, 1e-9);
}

Test(histogram, nothing_seen_has_no_mean)
{
    struct histogram h = {0};
    struct histogram_counts c;

    histogram_read(&h, &scale, &c);
    cr_expect_eq(c.n, 0);
    cr_expect_eq(histogram_mean_ms(&c), 0);
}

static void expect_ascending(const struct histogram_scale *s)
{
    cr_assert_leq(s->n, HISTOGRAM_BOUNDS_MAX);
    for (size_t i = 1; i < s->n; i++)
        cr_expect_lt(s->bounds_us[i - 1], s->bounds_us[i]);
    for (size_t i = s->n; i < HISTOGRAM_BOUNDS_MAX; i++)
        cr_expect_eq(s->bounds_us[i], 0, "a bound beyond n is forgotten");
}

Test(histogram, scales_ascend_and_are_used_whole)
{
    expect_ascending(&histogram_of_requests);
    expect_ascending(&histogram_of_models);
}

Test(histogram, who_adds_alone_adds_the_same)
{
    struct histogram alone = {0}, shared = {0};

    for (uint64_t ns = 1000; ns < 60000000000; ns *= 7) {
        histogram_add_alone(&alone, &histogram_of_requests, ns);
        histogram_add(&shared, &histogram_of_requests, ns);
    }
    cr_expect_eq(memcmp(&alone, &shared, sizeof alone), 0);
}
