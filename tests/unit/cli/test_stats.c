#include "cli/stats.h"

#include <criterion/criterion.h>

#include "base/buf.h"

Test(stats, are_those_of_the_textbook)
{
    struct sample s = {0};
    struct stats v;

    for (int i = 100; i >= 1; i--)
        sample_add(&s, i);
    v = stats_of(&s);
    cr_expect_float_eq(v.mean, 50.5, 1e-12);
    cr_expect_float_eq(v.std, 29.011491975882016, 1e-9);
    cr_expect_float_eq(v.min, 1, 0);
    cr_expect_float_eq(v.max, 100, 0);
    cr_expect_float_eq(v.p50, 50, 0);
    cr_expect_float_eq(v.p95, 95, 0);
    cr_expect_float_eq(v.p99, 99, 0);
    sample_done(&s);
}

Test(stats, one_value_is_all_of_them_and_none_is_zero)
{
    struct sample s = {0};
    struct buf b;
    struct stats v = stats_of(&s);

    cr_expect_float_eq(v.p99, 0, 0);
    sample_add(&s, 7);
    v = stats_of(&s);
    buf_init(&b);
    stats_json(&v, &b);
    cr_expect_str_eq(b.p,
                     "{\"mean\":7,\"std\":0,\"min\":7,\"max\":7,\"p50\":7,\"p95\":7,\"p99\":7}");
    buf_done(&b);
    sample_done(&s);
}
