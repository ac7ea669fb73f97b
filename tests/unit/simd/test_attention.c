#include <criterion/criterion.h>
#include <math.h>

#include "simd/scalar.h"

Test(attention, one_token_sees_itself)
{
    float qkv[] = {5, 6, 7, 8, 1, 2}, out[2], scratch[1];

    attention_scalar(qkv, out, 1, &(struct heads){.n = 1, .dim = 2, .count = 1}, scratch);
    cr_expect_eq(out[0], 1.0f);
    cr_expect_eq(out[1], 2.0f);
}

Test(attention, weighs_values_by_the_softmax_of_scores)
{
    /* two tokens, one head of one: q, k, v each */
    float qkv[] = {1, 0, 10, 0, logf(3), 20}, out[2], scratch[2];

    attention_scalar(qkv, out, 2, &(struct heads){.n = 1, .dim = 1, .count = 1}, scratch);
    cr_expect_float_eq(out[0], 0.25f * 10 + 0.75f * 20, 1e-5f, "scores 0 and log 3");
    cr_expect_float_eq(out[1], 15, 1e-5f, "equal scores");
}

Test(attention, heads_do_not_mix)
{
    /* one token, two heads of one: q q k k v v */
    float qkv[] = {1, 2, 3, 4, 5, 6}, out[2], scratch[1];

    attention_scalar(qkv, out, 1, &(struct heads){.n = 2, .dim = 1, .count = 2}, scratch);
    cr_expect_eq(out[0], 5.0f);
    cr_expect_eq(out[1], 6.0f);
}

Test(attention, only_the_heads_asked_for_are_written)
{
    /* one token, three heads of one */
    float qkv[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, out[] = {-1, -1, -1}, scratch[1];

    attention_scalar(qkv, out, 1, &(struct heads){.n = 3, .dim = 1, .first = 1, .count = 1},
                     scratch);
    cr_expect_arr_eq(out, ((float[]){-1, 8, -1}), sizeof out);
}

Test(attention, large_scores_do_not_overflow)
{
    float qkv[] = {1000, 1000, 1, -1000, -1000, 2}, out[2], scratch[2];

    attention_scalar(qkv, out, 2, &(struct heads){.n = 1, .dim = 1, .count = 1}, scratch);
    cr_expect_eq(out[0], 1.0f);
    cr_expect_eq(out[1], 2.0f);
}
