#include <criterion/criterion.h>

#include "simd/scalar.h"

Test(dot, sums_the_products)
{
    float a[] = {1, 2, 3}, b[] = {4, -5, 6};

    cr_expect_eq(dot_scalar(a, b, 3), 12.0f);
    cr_expect_eq(dot_scalar(a, b, 0), 0.0f);
}

Test(dot, scans_every_row)
{
    float query[] = {1, 10}, rows[] = {1, 2, 3, 4, 5, 6}, out[3];

    dot_rows_scalar(query, rows, 3, 2, out);
    cr_expect_eq(out[0], 21.0f);
    cr_expect_eq(out[1], 43.0f);
    cr_expect_eq(out[2], 65.0f);
}

Test(dot, scans_bytes_with_their_scale)
{
    float query[] = {1, 10}, out[2];
    int8_t rows[] = {127, -128, 0, 1};

    dot_rows_i8_scalar(query, rows, 2, 2, 0.5f, out);
    cr_expect_eq(out[0], -576.5f);
    cr_expect_eq(out[1], 5.0f);
}
