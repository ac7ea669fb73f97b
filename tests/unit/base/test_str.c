#include "base/str.h"

#include <criterion/criterion.h>

Test(str, compares_bytes)
{
    cr_expect(str_eq(STR_LIT("abc"), str_of("abc")));
    cr_expect(!str_eq(STR_LIT("abc"), STR_LIT("abd")));
    cr_expect(!str_eq(STR_LIT("abc"), STR_LIT("ab")));
    cr_expect(str_eq(STR_LIT("a\0b"), (struct str){"a\0b", 3}));
}

Test(str, none_and_empty_are_equal)
{
    cr_expect(str_eq(str_of(NULL), STR_LIT("")));
    cr_expect(str_starts(str_of(NULL), STR_LIT("")));
    cr_expect(str_ends(str_of(NULL), STR_LIT("")));
    cr_expect_eq(str_trim(str_of(NULL)).n, 0);
}

Test(str, knows_how_it_starts_and_ends)
{
    cr_expect(str_starts(STR_LIT("path/a.md"), STR_LIT("path/")));
    cr_expect(!str_starts(STR_LIT("pa"), STR_LIT("path/")));
    cr_expect(str_ends(STR_LIT("a.md"), STR_LIT(".md")));
    cr_expect(!str_ends(STR_LIT("md"), STR_LIT(".md")));
}

Test(str, trim_takes_white_space_from_both_ends)
{
    cr_expect(str_eq(str_trim(STR_LIT(" \t\r\n\v\fa b ")), STR_LIT("a b")));
    cr_expect_eq(str_trim(STR_LIT("  \n ")).n, 0);
}

Test(str, case_is_that_of_ascii_letters)
{
    cr_expect(str_eq_nocase(STR_LIT("Content-TYPE"), STR_LIT("content-type")));
    cr_expect(!str_eq_nocase(STR_LIT("a"), STR_LIT("ab")));
    cr_expect(!str_eq_nocase(STR_LIT("["), STR_LIT("{")), "they differ in the same bit");
    cr_expect(!str_eq_nocase(STR_LIT("\xc3\x84"), STR_LIT("\xc3\xa4")));
}

Test(str, sub_is_from_until)
{
    cr_expect(str_eq(str_sub(STR_LIT("abcdef"), 2, 4), STR_LIT("cd")));
}
