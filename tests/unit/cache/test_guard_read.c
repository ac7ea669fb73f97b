#include "guard_fixture.h"

Test(guard_read, cuts_at_what_is_no_letter_or_digit)
{
    cr_expect_str_eq(read_as("What is it?"), "what is it");
    cr_expect_str_eq(read_as("  two-factor (2FA) login! "), "two factor 2fa login");
    cr_expect_str_eq(read_as("and/or"), "and or");
    cr_expect_str_eq(read_as(""), "");
    cr_expect_str_eq(read_as("?!, ;"), "");
}

Test(guard_read, keeps_what_is_one_word)
{
    cr_expect_str_eq(read_as("AT&T's 10-K, COVID-19 and C++"), "at&t 10k , covid19 and c++");
    cr_expect_str_eq(read_as("1,000.50 in the U.S."), "1000.50 in the us");
    cr_expect_str_eq(read_as("e-mail"), "email");
    cr_expect_str_eq(read_as("2-week"), "2 week");
}

Test(guard_read, says_in_full_what_an_apostrophe_leaves_out)
{
    cr_expect_str_eq(read_as("What's 3M's plan?"), "what is 3m plan");
    cr_expect_str_eq(read_as("Don't, can't, won\u2019t, isn't"),
                     "do not , can not , will not , is not");
    cr_expect_str_eq(read_as("I'd say we've seen"), "i would say we have seen");
    cr_expect_str_eq(read_as("customers' rights"), "customers rights");
    cr_expect_str_eq(read_as("'tis"), "tis");
}

Test(guard_read, gives_signs_their_words)
{
    cr_expect_str_eq(read_as("5% of $3m > \u20ac2"), "5 percent of usd 3 m above eur 2");
    cr_expect_str_eq(read_as("2018-2019"), "2018 to 2019");
    cr_expect_str_eq(read_as("50k"), "50 k");
    cr_expect_str_eq(read_as("a\001b"), "a b", "a control character is nothing");
}

Test(guard_read, knows_names_and_acronyms_by_their_capitals)
{
    struct guard_line l;

    guard_read(STR_LIT("Does Apple file SARs with the US? Who knows"), &l);
    cr_expect_eq(l.w[0].class, G_WORD, "a sentence begins with a capital");
    cr_expect_eq(l.w[1].class, G_NAME);
    cr_expect_eq(l.w[3].class, G_ACRONYM);
    cr_expect_str_eq(l.w[3].text, "sar");
    cr_expect_eq(l.w[6].class, G_ACRONYM);
    cr_expect_eq(l.w[7].class, G_END);
    cr_expect_eq(l.w[8].class, G_WORD);
}

Test(guard_read, capitals_of_a_title_or_a_shout_mean_nothing)
{
    struct guard_line l;

    guard_read(STR_LIT("What Is The Fee For Late Payment?"), &l);
    cr_expect_eq(l.w[3].class, G_WORD);
    guard_read(STR_LIT("WHAT IS THE FEE?"), &l);
    cr_expect_eq(l.w[3].class, G_WORD);
    guard_read(STR_LIT("Is it NOT legal?"), &l);
    cr_expect_eq(l.w[2].class, G_WORD);
}

Test(guard_read, says_when_there_is_too_much)
{
    struct guard_line l;
    char text[4096];

    memset(text, 'x', sizeof text);
    guard_read((struct str){text, sizeof text}, &l);
    cr_expect(l.too_long);
    for (size_t i = 0; i < 200; i++)
        memcpy(text + 2 * i, "a ", 2);
    guard_read((struct str){text, 400}, &l);
    cr_expect(l.too_long);
    guard_read(STR_LIT("short"), &l);
    cr_expect_not(l.too_long);
}
