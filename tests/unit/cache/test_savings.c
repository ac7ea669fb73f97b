#include "cache/savings.h"

#include <criterion/criterion.h>

Test(savings, time_is_saved_but_for_what_was_spent)
{
    struct savings s = {0};
    struct lru_value *v = lru_value_new("x", 1, 1000);
    struct savings_stats r;

    savings_add(&s, v, 0);
    savings_read(&s, &r);
    cr_expect_eq(r.ms, 0, "how long it took is not known");
    v->made_us = 2000;
    savings_add(&s, v, 500 * 1000);
    savings_add(&s, v, 9000 * 1000); /* it was quicker the first time */
    savings_read(&s, &r);
    cr_expect_eq(r.answers, 3);
    cr_expect_float_eq(r.ms, 1.5, 1e-9);
    lru_value_unref(v);
}

Test(savings, tokens_and_money_are_saved_each_time)
{
    struct savings s = {0};
    struct lru_value *v = lru_value_new("x", 1, 1000);
    struct savings_stats r;

    v->tokens_in = 100;
    v->tokens_out = 20;
    v->cost = 0.25f;
    savings_add(&s, v, 0);
    savings_add(&s, v, 0);
    savings_read(&s, &r);
    cr_expect_eq(r.tokens_in, 200);
    cr_expect_eq(r.tokens_out, 40);
    cr_expect_float_eq(r.cost, 0.5, 1e-9);
    lru_value_unref(v);
}
