#include "simd/matrix.h"

#include <criterion/criterion.h>
#include <math.h>

#include "unit/simd/compare_product.h"

static const enum precision precisions[] = {PRECISION_F32, PRECISION_BF16, PRECISION_INT8};

static void *memory_for(enum precision p, size_t n, size_t k)
{
    void *memory = mem_alloc_aligned(matrix_bytes(p, n, k));

    return memset(memory, 0, matrix_bytes(p, n, k));
}

/* Numbers of panels that are not zero. */
static size_t n_set(const struct matrix *m, size_t n_panels)
{
    static const size_t units[] = {4, 2, 1};
    static const char nothing[4];
    size_t unit = units[m->precision], n = 0;

    for (size_t i = 0; i < n_panels * matrix_panel_bytes(m->precision, m->k); i += unit)
        n += memcmp((const char *)m->panels + i, nothing, unit) != 0;
    return n;
}

/* Whole numbers of 1 to 127, each output's largest 127, so that every precision holds them. */
static float whole_weight(size_t output, size_t input)
{
    return input == 0 ? 127 : (float)((output * 31 + input * 7) % 127 + 1);
}

static void check_packed(enum precision p, size_t n, size_t k)
{
    float *w = mem_calloc(n * k, sizeof *w), *bias = mem_calloc(n, sizeof *bias);
    void *memory = memory_for(p, n, k);
    struct matrix m = matrix_at(p, n, k, memory);

    for (size_t i = 0; i < n * k; i++)
        w[i] = whole_weight(i / k, i % k);
    for (size_t i = 0; i < n; i++)
        bias[i] = (float)i;
    cr_assert(matrix_pack(&m, w, bias, n, p == PRECISION_INT8 ? 1 : 2, 0, memory));
    for (size_t i = 0; i < n * k; i++)
        cr_assert_eq(packed_weight(&m, i / k, i % k), (p == PRECISION_INT8 ? 1 : 2) * w[i],
                     "%s [%zu, %zu] at %zu", precision_name(p), n, k, i);
    cr_expect_eq(n_set(&m, (n + MATRIX_PANEL - 1) / MATRIX_PANEL), n * k,
                 "the missing outputs and inputs are zero");
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(m.bias[i], (p == PRECISION_INT8 ? 1 : 2) * bias[i]);
    mem_free(w);
    mem_free(bias);
    mem_free(memory);
}

Test(matrix, puts_every_weight_in_its_panel)
{
    for (size_t p = 0; p < N_PRECISIONS; p++) {
        check_packed(precisions[p], 1, 1);
        check_packed(precisions[p], 32, 16);
        check_packed(precisions[p], 33, 17);
        check_packed(precisions[p], 70, 40);
        check_packed(precisions[p], 31, 3);
        check_packed(precisions[p], 65, 50);
    }
}

/* Where the header's table says, by hand: output 33 is column 1 of panel 1. */
Test(matrix, lies_as_the_header_says)
{
    enum { N = 40, K = 7 };
    float w[N * K] = {0}, bias[N] = {0};
    void *memory[N_PRECISIONS];
    struct matrix m[N_PRECISIONS];

    w[33 * K + 6] = 3;
    for (size_t p = 0; p < N_PRECISIONS; p++) {
        memory[p] = memory_for(precisions[p], N, K);
        m[p] = matrix_at(precisions[p], N, K, memory[p]);
        cr_assert(matrix_pack(&m[p], w, bias, N, 1, 0, memory[p]));
        cr_expect_eq(n_set(&m[p], 2), 1);
    }
    cr_expect_eq(((const float *)m[0].panels)[K * 32 + 6 * 32 + 1], 3.0f);
    cr_expect_eq(((const uint16_t *)m[1].panels)[4 * 32 * 2 + 3 * 32 * 2 + 1 * 2 + 0], 0x4040);
    cr_expect_eq(((const int8_t *)m[2].panels)[2 * 32 * 4 + 1 * 32 * 4 + 1 * 4 + 2], 127);
    for (size_t p = 0; p < N_PRECISIONS; p++)
        mem_free(memory[p]);
}

Test(matrix, bytes_have_a_scale_for_every_output_and_their_sum)
{
    float w[] = {1, -2, 0.5f, 0, 0, 0, -3, -3, -3}, bias[] = {8, 0, 4};
    void *memory = memory_for(PRECISION_INT8, 3, 3);
    struct matrix m = matrix_at(PRECISION_INT8, 3, 3, memory);

    cr_assert(matrix_pack(&m, w, bias, 3, 0.25f, 0, memory));
    cr_expect_float_eq(m.scale[0], 0.25f * 2 / 127, 1e-9f, "the factor is in the scale");
    cr_expect_eq(m.scale[1], 0.0f);
    cr_expect_float_eq(m.scale[2], 0.25f * 3 / 127, 1e-9f);
    cr_expect_eq(packed_weight(&m, 0, 0), 64); /* 63.5 to even */
    cr_expect_eq(packed_weight(&m, 0, 1), -127);
    cr_expect_eq(packed_weight(&m, 0, 2), 32); /* 31.75 */
    cr_expect_eq(m.sum[0], 64.0f - 127 + 32);
    cr_expect_eq(m.sum[1], 0.0f);
    cr_expect_eq(m.sum[2], -3 * 127.0f);
    cr_expect_eq(m.bias[0], 2.0f, "and in the bias");
    cr_expect_eq(m.bias[2], 1.0f);
    mem_free(memory);
}

/* 127 / 1e-40 would be infinite. */
Test(matrix, weights_too_small_for_a_scale_are_zero)
{
    float w[] = {1e-40f, -1e-40f, 0, 1e-40f}, bias[] = {0};
    void *memory = memory_for(PRECISION_INT8, 1, 4);
    struct matrix m = matrix_at(PRECISION_INT8, 1, 4, memory);

    cr_expect(matrix_pack(&m, w, bias, 1, 1, 0, memory));
    for (size_t i = 0; i < 4; i++)
        cr_expect_float_eq(m.scale[0] * packed_weight(&m, 0, i), 0, 1e-36f);
    cr_expect(isfinite(m.sum[0]));
    mem_free(memory);
}

/* Three outputs, then forty: the second matrix begins inside a panel and ends in the next. */
static void check_joined(enum precision p)
{
    enum { K = 5 };
    float first[3 * K], second[40 * K], bias[40];
    void *memory = memory_for(p, 43, K);
    struct matrix m = matrix_at(p, 43, K, memory);

    for (size_t i = 0; i < 43; i++)
        for (size_t j = 0; j < K; j++)
            *(i < 3 ? &first[i * K + j] : &second[(i - 3) * K + j]) = whole_weight(i, j);
    for (size_t i = 0; i < 40; i++)
        bias[i] = (float)i;
    cr_assert(matrix_pack(&m, second, bias, 40, 1, 3, memory));
    cr_assert(matrix_pack(&m, first, bias + 10, 3, 1, 0, memory));
    for (size_t i = 0; i < 43; i++) {
        double sum = 0;

        for (size_t j = 0; j < K; j++) {
            cr_expect_eq(packed_weight(&m, i, j), whole_weight(i, j), "%s", precision_name(p));
            sum += whole_weight(i, j);
        }
        cr_expect_eq(m.bias[i], (float)(i < 3 ? i + 10 : i - 3));
        if (p == PRECISION_INT8)
            cr_expect(m.sum[i] == sum && m.scale[i] == 1);
    }
    cr_expect_eq(n_set(&m, 2), 43 * K);
    mem_free(memory);
}

Test(matrix, joins_matrices_at_any_column)
{
    for (size_t p = 0; p < N_PRECISIONS; p++)
        check_joined(precisions[p]);
}

Test(matrix, refuses_what_is_not_finite)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};

    for (size_t p = 0; p < N_PRECISIONS; p++) {
        void *memory = memory_for(precisions[p], 33, 9);
        struct matrix m = matrix_at(precisions[p], 33, 9, memory);
        float w[33 * 9] = {0}, bias[33] = {0};

        for (size_t i = 0; i < 3; i++) {
            w[32 * 9 + 8] = bad[i];
            cr_expect_not(matrix_pack(&m, w, bias, 33, 1, 0, memory));
            w[32 * 9 + 8] = 0;
            bias[32] = bad[i];
            cr_expect_not(matrix_pack(&m, w, bias, 33, 1, 0, memory));
            bias[32] = 0;
        }
        cr_expect(matrix_pack(&m, w, bias, 33, 1, 0, memory));
        mem_free(memory);
    }
}

static bool on_a_line(const void *p)
{
    return (uintptr_t)p % 64 == 0;
}

Test(matrix, parts_begin_on_lines_and_end_within)
{
    static const size_t sizes[][2] = {{1, 1}, {31, 3}, {33, 5}, {384, 384}, {70, 0}};

    for (size_t p = 0; p < N_PRECISIONS; p++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t n = sizes[i][0], k = sizes[i][1], bytes = matrix_bytes(precisions[p], n, k);
            char *memory = memory_for(precisions[p], n, k);
            struct matrix m = matrix_at(precisions[p], n, k, memory);
            const float *last = precisions[p] == PRECISION_INT8 ? m.sum : m.bias;
            size_t padded = (n + MATRIX_PANEL - 1) / MATRIX_PANEL * MATRIX_PANEL;

            cr_expect(bytes % 64 == 0 && on_a_line(m.bias) && on_a_line(last));
            cr_expect_eq((const char *)(last + padded), memory + bytes);
            mem_free(memory);
        }
}

Test(matrix, rows_lie_within_their_memory)
{
    for (size_t p = 0; p < N_PRECISIONS; p++)
        for (size_t m = 1; m < 40; m += 13)
            for (size_t k = 1; k < 6; k++) {
                char *memory = mem_alloc_aligned(rows_bytes(m, k));
                struct rows r = rows_at(precisions[p], m, k, memory), last;
                size_t unit = precisions[p] == PRECISION_BF16 ? 2 : 1;

                cr_expect_eq(rows_bytes(m, k) % 64, 0);
                cr_expect(on_a_line(r.v) && on_a_line(r.scale) && on_a_line(r.zero));
                cr_expect_leq((char *)r.v + m * rows_stride(k) * unit, (char *)r.scale);
                cr_expect_leq(r.scale + m, r.zero);
                cr_expect_leq((char *)(r.zero + m), memory + rows_bytes(m, k));
                last = rows_from(&r, m - 1);
                cr_expect_eq((char *)last.v, (char *)r.v + (m - 1) * rows_stride(k) * unit);
                cr_expect(last.scale == r.scale + m - 1 && last.zero == r.zero + m - 1);
                mem_free(memory);
            }
}

Test(matrix, precisions_have_names)
{
    cr_expect_str_eq(precision_name(PRECISION_F32), "f32");
    cr_expect_str_eq(precision_name(PRECISION_BF16), "bf16");
    cr_expect_str_eq(precision_name(PRECISION_INT8), "int8");
}
