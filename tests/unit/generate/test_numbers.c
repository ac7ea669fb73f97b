#include "generate/numbers.h"

#include <criterion/criterion.h>

static struct number only(const char *text)
{
    struct number n[4] = {0};

    cr_assert_eq(numbers_find(str_of(text), n, 4), 1, "%s", text);
    return n[0];
}

static bool says_in(const char *said, const char *in, const char *around)
{
    struct number a = only(said), b = only(in);
    struct number_setting s = numbers_setting(str_of(around));

    return number_said(&a, &b, &s);
}

static bool says(const char *said, const char *in)
{
    return says_in(said, in, "");
}

Test(numbers, two_ways_to_write_a_number_meet)
{
    static const char *const pairs[][2] = {
        {"1.5 million", "1,500,000"},
        {"$1.5bn", "1.5 billion"},
        {"$12m", "12 million"},
        {"4.5 %", "4.5 percent"},
        {"4.5%", "4.5 per cent"},
        {"450 basis points", "4.5 percent"},
        {"25 bps", "0.25%"},
        {"FY22", "2022"},
        {"FY 2019", "2019"},
        {"twenty-one", "21"},
        {"21st", "twenty-first"},
        {"2nd", "second"},
        {"three hundred thousand", "300,000"},
        {"one million", "1,000,000"},
        {"12", "twelve"},
        {"1990s", "1990"},
        {"Q3", "third"},
        {"2 million", "two million"},
        {"5-million", "5,000,000"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        cr_expect(says(pairs[i][0], pairs[i][1]), "%s is %s", pairs[i][0], pairs[i][1]);
}

Test(numbers, different_numbers_do_not)
{
    static const char *const pairs[][2] = {
        {"1.5 million", "1.5 billion"},
        {"4.5 percent", "4.5"},
        {"12", "13"},
        {"2019", "2018"},
        {"1,500", "15,000"},
        {"12 percent", "12 million"},
        {"4.6 %", "4.5 %"},
        {"three", "four"},
        {"45 percent", "4.5 percent"},
        {"12 million", "12"},
        {"450 basis points", "450"},
        {"1.49", "1.5"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        cr_expect_not(says(pairs[i][0], pairs[i][1]), "%s is not %s", pairs[i][0], pairs[i][1]);
}

Test(numbers, rounding_loses_digits_and_never_makes_them)
{
    cr_expect(says("1.5 million", "1,496,500"));
    cr_expect(says("12 percent", "12.3 percent"));
    cr_expect(says("12.3 percent", "12.34 percent"));
    cr_expect_not(says("12.34 percent", "12.3 percent"));
    cr_expect_not(says("12.4 percent", "12.34 percent"));
    cr_expect_not(says("1.6 million", "1,496,500"));
}

Test(numbers, a_table_says_scale_and_percent_once_for_all)
{
    cr_expect(says_in("$1,496.5 million", "1,496.5", "(in millions)"));
    cr_expect(says_in("1.5 billion", "1,496.5", "Dollars in millions"));
    cr_expect_not(says_in("1,496.5 billion", "1,496.5", "(in millions)"));
    cr_expect(says_in("22.22 percent", "22.22", "Change %"));
    cr_expect_not(says_in("22.22 percent", "22.22 million", "Change %"));
}

Test(numbers, dates_are_a_year_a_month_and_a_day)
{
    struct number a[4], b[4], c[4];
    struct number_setting none = {0};

    cr_assert_eq(numbers_find(STR_LIT("on 1 July 2022"), a, 4), 3);
    cr_assert_eq(numbers_find(STR_LIT("on 2022-07-01,"), b, 4), 3);
    cr_assert_eq(numbers_find(STR_LIT("July 1st, 2022"), c, 4), 3);
    cr_expect_eq(a[1].kind, NUMBER_MONTH);
    cr_expect(number_said(&a[0], &b[2], &none) && number_said(&a[1], &b[1], &none));
    cr_expect(number_said(&a[2], &b[0], &none) && number_said(&c[0], &b[1], &none));
    cr_expect_not(number_said(&a[1], &b[2], &none), "a month is no day");
    cr_expect_eq(numbers_find(STR_LIT("They may march on."), a, 4), 0);
    cr_expect_eq(numbers_find(STR_LIT("May 5"), a, 4), 2);
    cr_expect_eq(numbers_find(STR_LIT("March of 2022"), a, 4), 2);
}

Test(numbers, a_year_is_written_like_one)
{
    struct number fy = only("FY19"), year = only("1914"), grouped = only("1,914"),
                  small = only("191"), scaled = only("2000 million"), percent = only("2000 %");

    cr_expect(number_is_year(&fy) && number_is_year(&year));
    cr_expect_not(number_is_year(&grouped) || number_is_year(&small));
    cr_expect_not(number_is_year(&scaled) || number_is_year(&percent));
}

Test(numbers, a_range_may_share_the_unit_of_its_end)
{
    struct number n[4];
    struct number three = only("3 million"), bare = only("3"), percent = only("4 percent");
    struct number_setting none = {0};

    cr_assert_eq(numbers_find(STR_LIT("3 to 5 million"), n, 4), 2);
    cr_expect(number_said(&three, &n[0], &none) && number_said(&bare, &n[0], &none));
    cr_assert_eq(numbers_find(STR_LIT("4\xe2\x80\x93"
                                      "6 %"),
                              n, 4),
                 2);
    cr_expect(number_said(&percent, &n[0], &none));
    cr_assert_eq(numbers_find(STR_LIT("2018 and 5 percent"), n, 4), 2);
    cr_expect_eq(n[0].kind, NUMBER_PLAIN, "a year shares nothing");
}

Test(numbers, what_is_no_number_is_left_alone)
{
    static const char *const texts[] = {"one of them", "at first", "CET1", "3M and 10K", "B2B",
                                        "Section",     "",         "tent", "seconds",    "x1y2"};
    struct number n[4];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_eq(numbers_find(str_of(texts[i]), n, 4), 0, "%s", texts[i]);
}

Test(numbers, spans_hold_number_scale_and_unit_and_stop_at_the_end)
{
    struct str s = STR_LIT("It was $1.5 million, or 4.5 %.");
    struct number n[4];

    cr_assert_eq(numbers_find(s, n, 4), 2);
    cr_expect(str_eq(str_sub(s, n[0].span.start, n[0].span.end), STR_LIT("1.5 million")));
    cr_expect(str_eq(str_sub(s, n[1].span.start, n[1].span.end), STR_LIT("4.5 %")));
    cr_expect_eq(numbers_find(s, n, 1), 1, "no more than there is room for");
    for (size_t i = 0; i <= s.n; i++) {
        char *cut = malloc(i + 1); /* of that size, so that reading past it is seen */

        memcpy(cut, s.p, i);
        cr_expect_leq(numbers_find((struct str){cut, i}, n, 4), 2);
        free(cut);
    }
}

Test(numbers, very_long_numbers_do_no_harm)
{
    char digits[400];
    struct number n[2];

    memset(digits, '9', sizeof digits);
    cr_expect_eq(numbers_find((struct str){digits, sizeof digits}, n, 2), 1);
    cr_expect_gt(n[0].value, 1e30);
}
