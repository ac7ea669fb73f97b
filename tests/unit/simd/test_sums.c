#include <criterion/criterion.h>

#include "simd/scalar.h"

Test(sums, counts_those_that_reach)
{
    const int16_t sums[] = {0, 5, INT16_MIN, 6, INT16_MAX};

    cr_expect_eq(count_reaching_scalar(sums, 5, 6), 2);
    cr_expect_eq(count_reaching_scalar(sums, 5, 1), 3);
    cr_expect_eq(count_reaching_scalar(sums, 0, 1), 0);
}

Test(sums, takes_those_that_reach_and_clears_all)
{
    int16_t sums[] = {0, 5, -3, 6};
    uint32_t out[4];

    cr_assert_eq(take_reaching_scalar(sums, 4, 5, out), 2);
    cr_expect_eq(out[0], 5u << 16 | 1);
    cr_expect_eq(out[1], 6u << 16 | 3);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(sums[i], 0);
}

Test(sums, counts_each_of_eight)
{
    const uint32_t v[] = {3, 1, 3, UINT32_MAX}, x[SIMD_EACH] = {3, 4, 1, UINT32_MAX};
    uint32_t times[SIMD_EACH];

    count_each_scalar(v, 4, x, times);
    cr_expect_eq(times[0], 2);
    cr_expect_eq(times[1], 0);
    cr_expect_eq(times[2], 1);
    cr_expect_eq(times[3], 1);
    cr_expect_eq(times[4], 0);
}

Test(sums, rounds_up_to_more)
{
    const float x[] = {0, 0.5f, 1};
    int16_t out[3];

    to_units_scalar(x, 3, out, 3);
    cr_expect_eq(out[0], 1);
    cr_expect_eq(out[1], 2);
    cr_expect_eq(out[2], 4);
}
