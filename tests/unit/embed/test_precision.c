#include "embed/precision.h"

#include <criterion/criterion.h>

#include "base/err.h"

static void expect_order(enum simd_level level, int n, enum precision first)
{
    enum precision got[N_PRECISIONS];

    cr_assert_eq(precision_candidates("auto", level, got), n, "%s", simd_level_name(level));
    cr_expect_eq(got[0], first, "%s", simd_level_name(level));
    cr_expect_eq(got[n - 1], PRECISION_F32, "%s: f32 is always good", simd_level_name(level));
}

Test(precision, auto_tries_what_is_fast_on_the_processor)
{
    expect_order(SIMD_SCALAR, 1, PRECISION_F32);
    expect_order(SIMD_AVX2, 2, PRECISION_INT8);
    expect_order(SIMD_AVX512, 1, PRECISION_F32);
    expect_order(SIMD_NEON, 1, PRECISION_F32);
    expect_order(SIMD_NEONDOT, 2, PRECISION_INT8);
    expect_order(SIMD_AVXVNNI, 2, PRECISION_INT8);
    expect_order(SIMD_AVX512VNNI, 2, PRECISION_INT8);
    expect_order(SIMD_AVX512BF16, 3, PRECISION_INT8);
}

Test(precision, no_word_is_auto)
{
    enum precision got[N_PRECISIONS];

    cr_expect_eq(precision_candidates(NULL, SIMD_SCALAR, got), 1);
    cr_expect_eq(got[0], PRECISION_F32);
}

Test(precision, a_forced_one_is_alone_whatever_the_processor)
{
    enum precision got[N_PRECISIONS];

    for (int p = 0; p < N_PRECISIONS; p++) {
        cr_expect_eq(precision_candidates(precision_name((enum precision)p), SIMD_SCALAR, got), 1);
        cr_expect_eq(got[0], (enum precision)p);
    }
}

Test(precision, another_word_is_refused_with_those_that_there_are)
{
    enum precision got[N_PRECISIONS];

    cr_expect_eq(precision_candidates("fp8", SIMD_AVX2, got), ERR_ARGUMENT);
    cr_expect_str_eq(err_text(), "precision 'fp8' must be auto, f32, bf16 or int8");
    cr_expect_eq(precision_candidates("", SIMD_AVX2, got), ERR_ARGUMENT);
}

Test(precision, is_good_when_mean_and_smallest_are)
{
    cr_expect(precision_is_good(PRECISION_INT8, &(struct quality){64, 0.9990f, 0.9979f}));
    cr_expect_not(precision_is_good(PRECISION_INT8, &(struct quality){64, 0.9980f, 0.9979f}));
    cr_expect_not(precision_is_good(PRECISION_INT8, &(struct quality){64, 0.9990f, 0.9900f}));
    cr_expect_not(precision_is_good(PRECISION_BF16, &(struct quality){64, 0.9990f, 0.9979f}));
    cr_expect(precision_is_good(PRECISION_F32, &(struct quality){0, 1, 1}));
    cr_expect_not(precision_is_good(PRECISION_INT8, &(struct quality){0, 1, 1}), "not measured");
}
