#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"
#include "simd/bf16.h"
#include "simd/scalar.h"
#include "simd/simd.h"

/* y [2, 5] = x [2, 2] times a checkpoint's [4, 2], whose last column must stay. */
static void multiply(enum precision p, float y[10])
{
    float x[] = {1, 2, 3, 4};
    float weights[] = {1, 0, 0, 1, 1, 1, 2, -1}, bias[] = {0, 0, 100, 0};
    void *memory[] = {mem_alloc_aligned(matrix_bytes(p, 4, 2)),
                      mem_alloc_aligned(rows_bytes(2, 2))};
    struct matrix w = matrix_at(p, 4, 2, memory[0]);
    struct rows rows = rows_at(p, 2, 2, memory[1]);

    memset(memory[0], 0, matrix_bytes(p, 4, 2));
    cr_assert(matrix_pack(&w, weights, bias, 4, 1, 0, memory[0]));
    prepare_scalar(x, 0, 2, &rows);
    rows.x = x;
    y[4] = y[9] = 7;
    product_scalar(&rows, 2, &w, 0, 1, AFTER_NOTHING, y, 5);
    mem_free(memory[0]);
    mem_free(memory[1]);
}

Test(product, multiplies_rows_by_the_rows_of_a_checkpoint)
{
    float want[] = {1, 2, 103, 0, 7, 3, 4, 107, 2, 7}, y[10];

    multiply(PRECISION_F32, y);
    cr_expect_arr_eq(y, want, sizeof want);
    multiply(PRECISION_BF16, y); /* bf16 holds these exactly */
    cr_expect_arr_eq(y, want, sizeof want);
    multiply(PRECISION_INT8, y);
    for (size_t i = 0; i < 10; i++)
        cr_expect_float_eq(y[i], want[i], 0.04f, "output %zu: %g", i, y[i]);
}

Test(product, gelu_comes_after_the_bias)
{
    float x[] = {1}, weights[] = {2}, bias[] = {-3}, y[1];
    void *memory = mem_alloc_aligned(matrix_bytes(PRECISION_F32, 1, 1));
    struct matrix w = matrix_at(PRECISION_F32, 1, 1, memory);
    struct rows rows = {.precision = PRECISION_F32, .k = 1, .x = x};

    memset(memory, 0, matrix_bytes(PRECISION_F32, 1, 1));
    cr_assert(matrix_pack(&w, weights, bias, 1, 1, 0, memory));
    product_scalar(&rows, 1, &w, 0, 1, AFTER_GELU, y, 1);
    cr_expect_float_eq(y[0], -0.15865529f, 1e-6f);
    mem_free(memory);
}

/* ---- rows as bytes ---- */

static uint8_t q[8];
static float scale, zero;

static void to_bytes(const float *x, size_t k)
{
    struct rows rows = {PRECISION_INT8, k, x, q, &scale, &zero};

    memset(q, 0x55, sizeof q);
    prepare_scalar(x, 0, 1, &rows);
}

Test(product, bytes_span_a_row_and_zero_stays_zero)
{
    to_bytes((float[]){-1, 0, 1.55f, 0.01f, 0.004f}, 5);
    cr_expect_arr_eq(q, ((uint8_t[]){0, 100, 255, 101, 100, 0, 0, 0}), 8, "padded with zeros");
    cr_expect_float_eq(scale, 0.01f, 1e-9f);
    cr_expect_eq(zero, 100.0f);
}

Test(product, a_lopsided_row_uses_all_bytes)
{
    to_bytes((float[]){5.1f, 2.56f, 5.1f}, 3);
    cr_expect_arr_eq(q, ((uint8_t[]){255, 128, 255, 0}), 4);
    cr_expect_eq(zero, 0.0f);
    to_bytes((float[]){-5.1f, -2.54f, -5.1f}, 3);
    cr_expect_arr_eq(q, ((uint8_t[]){0, 128, 0, 0}), 4);
    cr_expect_eq(zero, 255.0f);
}

Test(product, a_row_of_zeros_has_a_scale_of_zero)
{
    to_bytes((float[]){0, -0.0f, 0, 0}, 4);
    cr_expect_arr_eq(q, ((uint8_t[]){0, 0, 0, 0}), 4);
    cr_expect_eq(scale, 0.0f);
    cr_expect_eq(zero, 0.0f);
}

/* 255 / (high - low) would be infinite. */
Test(product, a_row_too_small_for_its_scale_is_zero)
{
    to_bytes((float[]){-1e-40f, 1e-40f, 2e-38f, 0}, 4);
    for (size_t i = 0; i < 4; i++)
        cr_expect_float_eq(scale * ((float)q[i] - zero), 0, 1e-36f);
    cr_expect(isfinite(zero));
}

/* ---- bf16 ---- */

static float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

Test(product, bf16_rounds_to_nearest_even)
{
    static const struct {
        uint32_t bits;
        uint16_t want;
    } cases[] = {
        {0x3f800000, 0x3f80}, /* 1 */
        {0x3f808000, 0x3f80}, /* a tie, even below */
        {0x3f818000, 0x3f82}, /* a tie, even above */
        {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80}, {0xbf818000, 0xbf82},
        {0x80000000, 0x8000}, {0x3fffffff, 0x4000},                       /* into the next power */
        {0x00000001, 0x0000}, {0x00008001, 0x0001}, {0x007fffff, 0x0080}, /* denormal */
        {0x7f7f0000, 0x7f7f}, {0x7f800000, 0x7f80},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(bf16_of(float_of(cases[i].bits)), cases[i].want, "%08x", cases[i].bits);
    cr_expect_eq(bf16_to_float(0xc040), -3.0f);
}

Test(product, rows_of_bf16_are_padded_with_zeros)
{
    uint16_t v[8];
    float x[] = {1, -2, 3, 1, 1};
    struct rows rows = {.precision = PRECISION_BF16, .k = 5, .v = v};

    memset(v, 0x55, sizeof v);
    prepare_scalar(x, 0, 1, &rows);
    cr_expect_arr_eq(v, ((uint16_t[]){0x3f80, 0xc000, 0x4040, 0x3f80, 0x3f80, 0, 0, 0}), sizeof v);
}
