#include "guard_fixture.h"

static uint8_t kind(const char *question)
{
    return line_of(question, true).kind;
}

static uint8_t tense(const char *question)
{
    return line_of(question, true).tense;
}

Test(guard_kind, is_found_in_the_words_that_ask)
{
    cr_expect_eq(kind("Net income 2022"), KIND_NONE);
    cr_expect_eq(kind("What is it?"), KIND_WHAT);
    cr_expect_eq(kind("What did he do?"), KIND_WHICH);
    cr_expect_eq(kind("Define a bond"), KIND_DEFINE);
    cr_expect_eq(kind("Explain how bonds work"), KIND_HOW);
    cr_expect_eq(kind("How much is it?"), KIND_AMOUNT);
    cr_expect_eq(kind("How many are there?"), KIND_COUNT);
    cr_expect_eq(kind("Is it so?"), KIND_YESNO);
    cr_expect_eq(kind("In 2020, who was it?"), KIND_WHO);
}

Test(guard_kind, tense_is_that_of_all_clauses)
{
    cr_expect_eq(tense("What is it?"), F_NOW);
    cr_expect_eq(tense("What was it?"), F_PAST);
    cr_expect_eq(tense("What will it be?"), F_FUTURE);
    cr_expect_eq(tense("Who led?"), F_PAST);
    cr_expect_eq(tense("Who leads?"), F_NOW);
    cr_expect_eq(tense("Net income"), 0);
    cr_expect_neq(tense("What is what was?"), tense("What was?"));
}

Test(guard_kind, person_is_who_speaks_and_who_is_spoken_to)
{
    cr_expect_eq(line_of("What is my fee?", true).person, PERSON_FIRST);
    cr_expect_eq(line_of("What is your fee?", true).person, PERSON_SECOND);
    cr_expect_eq(line_of("Can I sue you?", true).person, PERSON_FIRST | PERSON_SECOND);
    cr_expect_eq(line_of("Can you tell me what a fee is?", true).person, 0);
}
