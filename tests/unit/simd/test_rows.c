#include <criterion/criterion.h>
#include <math.h>

#include "simd/scalar.h"
#include "simd/simd.h"

Test(rows, gelu_is_the_exact_one)
{
    /* torch.nn.functional.gelu of these, not its tanh approximation */
    float x[] = {-3, -1, -0.5f, 0, 0.5f, 1, 3};
    float want[] = {-0.00404951f, -0.15865529f, -0.15426877f, 0,
                    0.34573123f,  0.84134471f,  2.9959507f};

    gelu_scalar(x, 7);
    for (size_t i = 0; i < 7; i++)
        cr_expect_float_eq(x[i], want[i], 1e-6f);
}

Test(rows, norm_adds_first_and_treats_rows_apart)
{
    float x[] = {0, 1, 5, 5}, residual[] = {1, 2, -4, -4};
    float gamma[] = {1, 2}, beta[] = {0, 10};

    add_norm_scalar(x, residual, 2, 2, gamma, beta, 1e-12f);
    cr_expect_float_eq(x[0], -1, 1e-5f);
    cr_expect_float_eq(x[1], 12, 1e-5f);
    cr_expect_eq(x[2], 0.0f, "a flat row has no direction: beta alone");
    cr_expect_eq(x[3], 10.0f);
}

Test(rows, add_scaled_adds_a_multiple)
{
    float sum[] = {1, 2, 3}, x[] = {10, 20, 30};

    add_scaled_scalar(sum, x, 0.5f, 2);
    cr_expect_arr_eq(sum, ((float[]){6, 12, 3}), sizeof sum);
}

Test(rows, scatter_is_the_transpose_of_gather)
{
    float table[3 * SIMD_COLUMNS] = {0}, sum[SIMD_COLUMNS];
    uint32_t at[] = {2, 0};
    float weights[] = {2, 10};

    table[0] = 1;
    table[2 * SIMD_COLUMNS] = 3;
    gather_scalar(table, at, weights, 2, sum);
    cr_expect_eq(sum[0], 16.0f);
    cr_expect_eq(sum[1], 0.0f);
    scatter_scalar(table, at, weights, 2, sum);
    cr_expect_eq(table[0], 161.0f);
    cr_expect_eq(table[2 * SIMD_COLUMNS], 35.0f);
    cr_expect_eq(table[SIMD_COLUMNS], 0.0f, "a row that is not named stays");
}

Test(rows, add_adds)
{
    float sum[] = {1, 2, 3}, x[] = {10, 20, 30};

    add_scalar(sum, x, 2);
    cr_expect_arr_eq(sum, ((float[]){11, 22, 3}), sizeof sum);
}
