#include "guard_fixture.h"

Test(guard_numbers, are_equal_however_they_are_written)
{
    cr_expect_str_eq(numbers_as("over 5 million"), "over #5000000");
    cr_expect_str_eq(numbers_as("over 5,000,000"), "over #5000000");
    cr_expect_str_eq(numbers_as("over 5m"), "over #5000000");
    cr_expect_str_eq(numbers_as("over five million"), "over #5000000");
    cr_expect_str_eq(numbers_as("twenty-five days"), "#25 days");
    cr_expect_str_eq(numbers_as("10.50"), "#10.5");
}

Test(guard_numbers, keep_their_unit)
{
    cr_expect_str_eq(numbers_as("$3 million"), "#3000000usd");
    cr_expect_str_eq(numbers_as("3 million dollars"), "#3000000usd");
    cr_expect_str_eq(numbers_as("10 \u20ac or \u20ac10"), "#10eur or #10eur");
    cr_expect_str_eq(numbers_as("5%"), "#5%");
    cr_expect_str_eq(numbers_as("5 percent"), "#5%");
    cr_expect_str_eq(numbers_as("50 basis points"), "#0.5%");
    cr_expect_str_eq(numbers_as("50bp"), "#0.5%");
    cr_expect_str_eq(numbers_as("10kg"), "#10 kg");
}

Test(guard_numbers, roman_ones_count_where_they_can_be_meant)
{
    cr_expect_str_eq(numbers_as("Basel III"), "basel #3");
    cr_expect_str_eq(numbers_as("a type I error"), "a type #1 error");
    cr_expect_str_eq(numbers_as("Can I go"), "can i go");
}

Test(guard_numbers, periods_are_read)
{
    cr_expect_str_eq(numbers_as("in Q1 2023"), "in @q1 @2023");
    cr_expect_str_eq(numbers_as("1Q23"), "@q1 @2023");
    cr_expect_str_eq(numbers_as("the first quarter of 2023"), "the @q1 of @2023");
    cr_expect_str_eq(numbers_as("FY2022"), "@fy @2022");
    cr_expect_str_eq(numbers_as("FY22"), "@fy @2022");
    cr_expect_str_eq(numbers_as("fiscal year 2022"), "@fy @2022");
    cr_expect_str_eq(numbers_as("in fiscal 2022"), "in @fy @2022");
    cr_expect_str_eq(numbers_as("in the year 2022"), "in the @2022");
    cr_expect_str_eq(numbers_as("in the second half"), "in the @h2");
}

Test(guard_numbers, dates_are_periods_with_a_day)
{
    cr_expect_str_eq(numbers_as("on 4 May 2019"), "on @4 @may @2019");
    cr_expect_str_eq(numbers_as("on December 31, 2019"), "on @december @31 @2019");
    cr_expect_str_eq(numbers_as("what may happen"), "what may happen");
    cr_expect_str_eq(numbers_as("March on Rome"), "march on rome", "it may be a verb");
}

Test(guard_numbers, ordinals_are_not_amounts)
{
    cr_expect_str_eq(numbers_as("the first year"), "the 1st year");
    cr_expect_str_eq(numbers_as("the 1st year"), "the 1st year");
    cr_expect_str_eq(numbers_as("the one"), "the #1");
}
