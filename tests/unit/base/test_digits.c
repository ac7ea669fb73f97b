#include "base/digits.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *u64(uint64_t v)
{
    static char text[U64_DIGITS + 1];

    *put_u64(text, v) = '\0';
    return text;
}

static const char *fixed(uint64_t v, int places)
{
    static char text[FIXED_DIGITS + 1];

    *put_fixed(text, v, places) = '\0';
    return text;
}

Test(digits, whole_numbers_are_as_printf_has_them)
{
    char want[32];

    for (uint64_t v = 1; v < UINT64_MAX / 11; v *= 11) {
        snprintf(want, sizeof want, "%llu", (unsigned long long)v);
        cr_expect_str_eq(u64(v), want);
    }
    cr_expect_str_eq(u64(0), "0");
    cr_expect_str_eq(u64(UINT64_MAX), "18446744073709551615");
}

Test(digits, of_fractions_no_zero_stands_at_the_end)
{
    cr_expect_str_eq(fixed(1500, 3), "1.5");
    cr_expect_str_eq(fixed(1000, 3), "1");
    cr_expect_str_eq(fixed(1, 3), "0.001");
    cr_expect_str_eq(fixed(0, 3), "0");
    cr_expect_str_eq(fixed(UINT64_MAX, 19), "1.8446744073709551615");
    cr_expect_str_eq(fixed(UINT64_MAX, 1), "1844674407370955161.5");
}

Test(digits, nothing_is_written_behind_what_is_promised)
{
    char text[FIXED_DIGITS + 1];

    memset(text, '#', sizeof text);
    put_fixed(text, UINT64_MAX, 19);
    cr_expect_eq(text[FIXED_DIGITS], '#');
    memset(text, '#', sizeof text);
    put_u64(text, UINT64_MAX);
    cr_expect_eq(text[U64_DIGITS], '#');
}
