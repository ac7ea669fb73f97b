#include "generate/cues.h"

#include <criterion/criterion.h>

#define S(text) str_of(text)

Test(cues, the_kind_of_question_asks_for_a_kind_of_word)
{
    cr_expect_eq(cue_kind_matches(S("When did it start?"), S("It started in 1973.")), 1);
    cr_expect_eq(cue_kind_matches(S("When did it start?"), S("It started early.")), 0);
    cr_expect_eq(cue_kind_matches(S("How many banks?"), S("There are 12 banks.")), 1);
    cr_expect_eq(cue_kind_matches(S("Who approved it?"), S("It was approved by Anna Smith.")), 1);
    cr_expect_eq(cue_kind_matches(S("Who approved it?"), S("It was approved at once.")), 0);
    cr_expect_eq(cue_kind_matches(S("Why is it so?"), S("Because it is.")), 0.5);
    cr_expect_eq(cue_kind_matches(S("The whom list"), S("x")), 0.5,
                 "'who' within a word is no who");
}

Test(cues, names_and_numbers_of_the_question_are_looked_for)
{
    const struct str about_jp[] = {S("JPMorgan reported a ratio of 13.5% in 2023."), S("10-Q")};
    const struct str nothing[] = {S("")};

    cr_expect_eq(cue_names_missing(S("What was the ratio of JPMorgan in 2023?"), about_jp, 2), 0);
    cr_expect_eq(cue_names_missing(S("What was the ratio of UBS in 2019?"), about_jp, 2), 1);
    cr_expect_eq(cue_names_missing(S("What was the ratio of JPMorgan in 2019?"), about_jp, 2), 0.5);
    cr_expect_eq(cue_names_missing(S("What is a ratio?"), nothing, 1), 0, "no names, none missing");
    cr_expect_eq(cue_names_missing(S("Is there a Morgan?"), about_jp, 2), 1,
                 "a part of a word is another word");
    cr_expect_eq(cue_names_missing(S(""), about_jp, 2), 0);
}

Test(cues, negation_is_a_word_not_a_syllable)
{
    cr_expect(cue_negates(S("What is not deducted?")));
    cr_expect(cue_negates(S("It doesn't apply.")));
    cr_expect(cue_negates(S("Without a plan")));
    cr_expect_not(cue_negates(S("A note about nothing notable")));
    cr_expect(cue_negates(S("There is no limit.")));
    cr_expect(cue_negates(S("Doesn\xe2\x80\x99t it?")));
    cr_expect_not(cue_negates(S("What does Regulation (EU) No 575/2013 say?")));
    cr_expect_not(cue_negates(S("What are T-bills, and what is AT&T?")));
    cr_expect_not(cue_negates(S("")));
}

Test(cues, a_definition_begins_with_its_subject)
{
    cr_expect(
        cue_defines(S("What is a leverage ratio?"), S("A leverage ratio is capital over assets.")));
    cr_expect(cue_defines(S("Explain Basel III"), S("Basel III is a standard.")));
    cr_expect(
        cue_defines(S("What is CET1?"), S("Common Equity Tier 1 (CET1) capital is the best.")));
    cr_expect_not(cue_defines(S("What is CET1?"), S("The CET1 ratio is CET1 over assets.")));
    cr_expect_not(cue_defines(S("What is CET1?"), S("Banks hold CET1.")));
    cr_expect_not(cue_defines(S("Who won?"), S("Who won is not known.")));
    cr_expect_not(cue_defines(S("What is "), S("is")));
    cr_expect_not(cue_defines(S("what is ?"), S("? is")));
}
