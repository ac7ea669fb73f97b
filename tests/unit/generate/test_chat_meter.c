#include "generate/chat_meter.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

Test(chat_meter, a_failure_has_the_kind_of_its_status_else_of_its_error)
{
    cr_expect_eq(chat_failure_of(ERR_UNAVAILABLE, 429), CHAT_FAILURE_BUSY);
    cr_expect_eq(chat_failure_of(ERR_UNAVAILABLE, 503), CHAT_FAILURE_SERVER);
    cr_expect_eq(chat_failure_of(ERR_ARGUMENT, 401), CHAT_FAILURE_REFUSED);
    cr_expect_eq(chat_failure_of(ERR_TIMEOUT, 0), CHAT_FAILURE_TIMEOUT);
    cr_expect_eq(chat_failure_of(ERR_TIMEOUT, 200), CHAT_FAILURE_TIMEOUT);
    cr_expect_eq(chat_failure_of(ERR_UNAVAILABLE, 0), CHAT_FAILURE_UNREACHED);
    cr_expect_eq(chat_failure_of(ERR_UNAVAILABLE, 200), CHAT_FAILURE_REPLY);
    cr_expect_eq(chat_failure_of(ERR_LIMIT, 200), CHAT_FAILURE_REPLY);
}

Test(chat_meter, what_was_counted_is_read)
{
    struct chat_meter m = {0};
    struct chat_numbers n;

    chat_meter_add(&m.counts[CHAT_HEDGES_WON], 2);
    chat_meter_add(&m.failures[CHAT_FAILURE_BUSY], 3);
    chat_meter_add(&m.choices[CHAT_CHOSEN_BEST], 4);
    chat_meter_add(&m.cost_nano, 1500000000);
    histogram_add(&m.times[CHAT_TIME_ANSWER], &histogram_of_models, 7);
    chat_meter_read(&m, &n);
    cr_expect_eq(n.counts[CHAT_HEDGES_WON], 2);
    cr_expect_eq(n.counts[CHAT_HEDGES], 0);
    cr_expect_eq(n.failures[CHAT_FAILURE_BUSY], 3);
    cr_expect_eq(n.choices[CHAT_CHOSEN_BEST], 4);
    cr_expect_float_eq(n.cost, 1.5, 1e-9);
    cr_expect_eq(n.times[CHAT_TIME_ANSWER].n, 1);
}

Test(chat_meter, everything_has_a_name)
{
    for (int i = 0; i < N_CHAT_COUNTS; i++)
        cr_expect_gt(strlen(chat_count_name((enum chat_count)i)), 0);
    for (int i = 0; i < N_CHAT_FAILURES; i++)
        cr_expect_gt(strlen(chat_failure_name((enum chat_failure)i)), 0);
    for (int i = 0; i < N_CHAT_CHOICES; i++)
        cr_expect_gt(strlen(chat_choice_name((enum chat_choice)i)), 0);
}
