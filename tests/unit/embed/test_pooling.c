#include <criterion/criterion.h>
#include <math.h>

#include "embed/pooling.h"

Test(pooling, gives_the_direction_of_the_mean)
{
    float rows[] = {1, 0, 5, 8}, out[2];

    cr_expect(pool_mean(simd_get(), rows, 2, 2, out));
    cr_expect_float_eq(out[0], 0.6f, 1e-6f);
    cr_expect_float_eq(out[1], 0.8f, 1e-6f);
}

Test(pooling, gives_the_mean_itself)
{
    float rows[] = {1, 0, 5, 8}, out[2];

    cr_expect(pool_raw_mean(simd_get(), rows, 2, 2, out));
    cr_expect_float_eq(out[0], 3, 1e-6f);
    cr_expect_float_eq(out[1], 4, 1e-6f);
    rows[0] = NAN;
    cr_expect_not(pool_raw_mean(simd_get(), rows, 2, 2, out));
    cr_expect(out[0] == 0 && out[1] == 0);
}

Test(pooling, says_when_there_is_no_direction)
{
    float rows[] = {1, 2, -1, -2, INFINITY, NAN}, out[2] = {7, 7};

    cr_expect_not(pool_mean(simd_get(), rows, 0, 2, out));
    cr_expect_not(pool_mean(simd_get(), rows, 2, 2, out));
    cr_expect_not(pool_mean(simd_get(), rows, 3, 2, out));
    cr_expect(out[0] == 0 && out[1] == 0);
}

/* "[CLS] aa bb cc dd [SEP]", two bytes a word and a space between */
static const struct token tokens[] = {{101, 0, 0}, {1, 0, 2},  {2, 3, 5},
                                      {3, 6, 8},   {4, 9, 11}, {102, 11, 11}};

Test(pooling, a_span_has_the_tokens_that_begin_in_it)
{
    size_t first = 0;

    cr_expect_eq(span_tokens(tokens, 6, (struct span){0, 5}, 0, 0, &first), 2);
    cr_expect_eq(first, 1, "[CLS] begins at 0 too, and belongs to no span");
    cr_expect_eq(span_tokens(tokens, 6, (struct span){6, 11}, 0, 3, &first), 2);
    cr_expect_eq(first, 3);
    cr_expect_eq(span_tokens(tokens, 6, (struct span){1, 2}, 0, 0, &first), 0, "inside a token");
}

Test(pooling, spans_count_from_behind_the_prefix)
{
    size_t first = 0;

    cr_expect_eq(span_tokens(tokens, 6, (struct span){0, 2}, 3, 0, &first), 1);
    cr_expect_eq(first, 2);
}

Test(pooling, a_span_behind_the_cut_is_empty)
{
    size_t first = 0;

    cr_expect_eq(span_tokens(tokens, 6, (struct span){20, 30}, 0, 5, &first), 0);
    cr_expect_eq(span_tokens(tokens, 2, (struct span){0, 30}, 0, 0, &first), 0, "no words at all");
}
