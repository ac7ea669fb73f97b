#include "cache/guard_phrases.h"

#include "guard_fixture.h"

static const char *phrased(const char *question)
{
    static struct guard_line l;

    l = line_of(question, false);
    return shown_line(&l);
}

Test(guard_phrases, ways_of_asking_are_one)
{
    cr_expect_str_eq(phrased("What are the steps to open an account?"), "?how open account");
    cr_expect_str_eq(phrased("How can I open an account?"), "?how open account");
    cr_expect_str_eq(phrased("What is the process for opening an account?"), "?how open account");
    cr_expect_str_eq(phrased("Give me an overview of bonds"), "?define bonds");
    cr_expect_str_eq(phrased("Could you explain bonds"), "?define bonds");
}

Test(guard_phrases, only_the_beginning_of_a_question_is_an_order)
{
    cr_expect_str_eq(phrased("list the rules"), "?what be rule");
    cr_expect_str_eq(phrased("a price list"), "price list");
}

Test(guard_phrases, bounds_and_duties_are_one_word)
{
    cr_expect_str_eq(phrased("no more than 5"), "maximum #5");
    cr_expect_str_eq(phrased("more than 5"), "above #5");
    cr_expect_str_eq(phrased("over 5"), "above #5");
    cr_expect_str_eq(phrased("over the counter"), "over counter");
    cr_expect_str_eq(phrased("I have to pay"), "1 +must pay");
    cr_expect_str_eq(phrased("he cannot pay"), "he not +can pay");
}

Test(guard_phrases, the_noun_behind_goes_where_the_table_says)
{
    cr_expect_str_eq(phrased("What is the cost of a new license in Rome?"),
                     "?amount do new licens cost in rome");
}

Test(guard_phrases, tense_passes_to_what_is_put)
{
    struct guard_line l = line_of("What was the reason for the loss?", false);

    cr_expect_str_eq(l.w[0].text, "?why");
    cr_expect(l.w[0].flags & F_PAST);
}

Test(guard_phrases, synonyms_are_their_first_word_and_names_are_not)
{
    cr_expect_str_eq(phrased("purchase a kid"), "buy child");
    cr_expect_str_eq(phrased("the firm Purchase"), "company purchase");
}
