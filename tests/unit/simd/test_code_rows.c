#include <criterion/criterion.h>

#include "simd/scalar.h"

#define BYTES 64

Test(code_rows, sums_what_is_above_the_middle)
{
    int8_t query[BYTES] = {1, -64, 64};
    uint8_t codes[3 * BYTES];
    int32_t out[3], bias = 128 * (1 - 64 + 64);

    memset(codes, 128, sizeof codes);
    codes[0] = 130, codes[1] = 127;
    codes[BYTES + 2] = 255;
    codes_rows_scalar(query, bias, codes, BYTES, 3, out);
    cr_expect_eq(out[0], 2 + 64);
    cr_expect_eq(out[1], 127 * 64);
    cr_expect_eq(out[2], 0, "the middle adds nothing");
}

Test(code_rows, gathers_rows_of_any_stride)
{
    int8_t query[BYTES] = {2};
    uint8_t codes[3 * 80] = {0};
    uint32_t at[] = {2, 0};
    int32_t out[2];

    codes[0] = 129;
    codes[2 * 80] = 131;
    codes_gather_scalar(query, 256, codes, 80, BYTES, at, 2, out);
    cr_expect_eq(out[0], 6);
    cr_expect_eq(out[1], 2);
}

Test(code_rows, gathers_rows_of_floats)
{
    float query[] = {1, 10}, rows[] = {1, 2, 3, 4, 5, 6}, out[2];
    uint32_t at[] = {2, 0};

    dot_gather_scalar(query, rows, at, 2, 2, out);
    cr_expect_eq(out[0], 65.0f);
    cr_expect_eq(out[1], 21.0f);
}

Test(code_rows, encodes_around_the_middle)
{
    float x[] = {0, 1, -1, 0.025f, 100, -100};
    uint8_t out[6], want[] = {128, 138, 118, 128, 255, 1};

    to_codes_scalar(x, 6, 10, 127, out);
    cr_expect_arr_eq(out, want, 6);
    cr_expect_eq(largest_scalar(x, 4), 1.0f);
    cr_expect_eq(largest_scalar(x, 0), 0.0f);
}
