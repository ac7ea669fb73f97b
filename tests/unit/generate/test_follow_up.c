#include "generate/follow_up.h"

#include <criterion/criterion.h>

static const char *const follow_ups[] = {
    "And in 2023?",
    "and for Pfizer?",
    "What about Tier 2?",
    "How about the liquidity coverage ratio?",
    "Why?",
    "Why not?",
    "How so?",
    "Which ones?",
    "Which one is higher?",
    "When was it founded?",
    "Who runs it?",
    "What year did they win?",
    "How many employees does it have?",
    "Does this apply to small banks?",
    "Does this regulation apply to small banks?",
    "Is that still true?",
    "What are its main risks?",
    "Who is their auditor?",
    "How is it calculated?",
    "In euros?",
    "For the second quarter?",
    "In 2019?",
    "Tell me more",
    "Can you elaborate?",
    "Are you sure?",
    "But what if the bank is small?",
    "So what is the limit?",
    "What else?",
    "Did he resign?",
    "Compare it with 2021",
    "Explain that again",
    "Who signed it and when?",
    "What did she say about inflation?",
    "What is the latter?",
};

static const char *const alone[] = {
    "What is CET1?",
    "Does Apple pay its suppliers within 60 days?",
    "How did the company change its revenue recognition policy?",
    "What is the minimum ratio that banks must keep?",
    "Is it legal to hold gold?",
    "How long does it take to open an account?",
    "What does it mean to be well capitalized?",
    "What was revenue this year?",
    "Who proclaimed the oil embargo?",
    "Calculation of limits",
    "Minimum capital requirements",
    "Why did the European nations separate themselves from the United States?",
    "Explain Basel III",
    "Which bank had the highest net income?",
    "When did the 1973 oil crisis begin?",
    "Are banks required to report cash transactions of more than $10,000?",
    "For how long must a bank keep its records?",
    "In which year is the amount of total sales the largest?",
    "Can a customer close the account after he has paid the fee?",
    "What are the duties of a director and how are they enforced?",
    "Wie hoch ist die Mindestquote?",
    "Which of the two ratios is higher?",
    "Who must file a report when they receive cash?",
    "What is the former name of the museum?",
    "What does it mean when a bank fails?",
    "How long does it take for a rule to come into force?",
    "Which one of the auditors signed the report?",
    "",
};

Test(follow_up, a_question_that_needs_what_was_said_before_is_one)
{
    for (size_t i = 0; i < sizeof follow_ups / sizeof *follow_ups; i++)
        cr_expect_not_null(follow_up_reason(str_of(follow_ups[i])), "%s", follow_ups[i]);
}

Test(follow_up, a_question_that_stands_alone_is_none)
{
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        cr_expect_null(follow_up_reason(str_of(alone[i])), "%s: %s", alone[i],
                       follow_up_reason(str_of(alone[i])));
}

static struct chat_message user(const char *text)
{
    return (struct chat_message){CHAT_USER, str_of(text)};
}

static struct chat_message assistant(const char *text)
{
    return (struct chat_message){CHAT_ASSISTANT, str_of(text)};
}

Test(follow_up, the_question_before_joins_the_search)
{
    struct arena *mem = arena_new(0);
    struct chat_message h[] = {user("What was Apple's revenue in 2022?"), assistant("394 [1].")};

    cr_expect(str_eq(follow_up_text(STR_LIT("And in 2023?"), h, 2, mem),
                     STR_LIT("What was Apple's revenue in 2022? And in 2023?")));
    arena_free(mem);
}

Test(follow_up, earlier_turns_do_not_touch_a_question_that_stands_alone)
{
    struct arena *mem = arena_new(0);
    struct chat_message h[] = {user("What was Apple's revenue?"), assistant("394 [1].")};
    struct str q = STR_LIT("What is CET1?");

    cr_expect_eq(follow_up_text(q, h, 2, mem).p, q.p);
    q = STR_LIT("And in 2023?");
    cr_expect_eq(follow_up_text(q, h, 0, mem).p, q.p, "nothing was asked before");
    cr_expect_eq(follow_up_text(q, h + 1, 1, mem).p, q.p, "nor by the assistant");
    arena_free(mem);
}

Test(follow_up, a_chain_goes_back_to_the_question_that_it_began_with)
{
    struct arena *mem = arena_new(0);
    struct chat_message h[] = {user("What is a bond?"), assistant("A debt."),
                               user("What is CET1?"),   assistant("Capital."),
                               user("And Tier 2?"),     assistant("Other capital.")};

    cr_expect(str_eq(follow_up_text(STR_LIT("How is it measured?"), h, 6, mem),
                     STR_LIT("What is CET1? And Tier 2? How is it measured?")));
    arena_free(mem);
}

Test(follow_up, long_questions_before_are_cut_between_characters)
{
    struct arena *mem = arena_new(0);
    struct chat_message h[1];
    char text[FOLLOW_UP_BYTES_MAX + 64];
    struct str joined;

    memset(text, 'x', sizeof text);
    memcpy(text + FOLLOW_UP_BYTES_MAX - 1, "\xc3\xa9", 2);
    h[0] = (struct chat_message){CHAT_USER, {text, sizeof text}};
    joined = follow_up_text(STR_LIT("Why?"), h, 1, mem);
    cr_expect_eq(joined.n, FOLLOW_UP_BYTES_MAX - 1 + strlen(" Why?"));
    arena_free(mem);
}
