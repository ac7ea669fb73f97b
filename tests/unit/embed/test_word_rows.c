#include "embed/word_rows.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"

enum { N = 5, DIM = 21 };

static void fill(float v[N * DIM])
{
    for (int i = 0; i < N * DIM; i++)
        v[i] = sinf((float)(i * i)) * (float)(i % 7 + 1);
}

/* The largest error of any value, packed in that precision. */
static double error_of(enum precision p, const float *v)
{
    void *memory = mem_alloc_aligned(word_rows_bytes(p, N, DIM));
    struct word_rows w = word_rows_at(p, N, DIM, memory);
    float got[DIM];
    double worst = 0;

    cr_assert(word_rows_pack(&w, v));
    for (size_t i = 0; i < N; i++) {
        word_rows_get(&w, i, got);
        for (size_t j = 0; j < DIM; j++)
            worst = fmax(worst, fabs((double)got[j] - v[i * DIM + j]));
    }
    mem_free(memory);
    return worst;
}

Test(word_rows, f32_is_what_it_was)
{
    float v[N * DIM];

    fill(v);
    cr_expect_eq(error_of(PRECISION_F32, v), 0);
}

Test(word_rows, bf16_is_off_by_half_of_its_last_bit)
{
    float v[N * DIM];

    fill(v);
    cr_expect_leq(error_of(PRECISION_BF16, v), 1.0 / 64);
    cr_expect_gt(error_of(PRECISION_BF16, v), 0);
}

Test(word_rows, int8_is_off_by_half_a_step_of_its_row)
{
    float v[N * DIM];

    fill(v);
    cr_expect_leq(error_of(PRECISION_INT8, v), 7.0 / 127 / 2 + 1e-5);
    cr_expect_gt(error_of(PRECISION_INT8, v), 0);
}

Test(word_rows, a_large_row_does_not_coarsen_its_neighbours)
{
    float v[N * DIM], got[DIM];
    void *memory = mem_alloc_aligned(word_rows_bytes(PRECISION_INT8, N, DIM));
    struct word_rows w = word_rows_at(PRECISION_INT8, N, DIM, memory);

    fill(v);
    for (int i = 0; i < DIM; i++)
        v[2 * DIM + i] *= 1000;
    cr_assert(word_rows_pack(&w, v));
    word_rows_get(&w, 1, got);
    for (int i = 0; i < DIM; i++)
        cr_expect_float_eq(got[i], v[DIM + i], 7.0 / 127 / 2 + 1e-5);
    mem_free(memory);
}

Test(word_rows, zeros_and_denormals_are_zero)
{
    float v[N * DIM] = {0}, got[DIM];
    void *memory = mem_alloc_aligned(word_rows_bytes(PRECISION_INT8, N, DIM));
    struct word_rows w = word_rows_at(PRECISION_INT8, N, DIM, memory);

    v[3] = 1e-41f;
    cr_assert(word_rows_pack(&w, v));
    for (size_t i = 0; i < N; i++) {
        word_rows_get(&w, i, got);
        for (int j = 0; j < DIM; j++)
            cr_expect_eq(got[j], 0);
    }
    mem_free(memory);
}

Test(word_rows, values_that_are_not_finite_are_refused)
{
    for (int p = 0; p < N_PRECISIONS; p++) {
        float v[N * DIM] = {0};
        void *memory = mem_alloc_aligned(word_rows_bytes((enum precision)p, N, DIM));
        struct word_rows w = word_rows_at((enum precision)p, N, DIM, memory);

        v[N * DIM - 1] = NAN;
        cr_expect_not(word_rows_pack(&w, v));
        v[N * DIM - 1] = -INFINITY;
        cr_expect_not(word_rows_pack(&w, v));
        mem_free(memory);
    }
}
