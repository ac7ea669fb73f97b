#include "guard_fixture.h"

Test(guard_order, what_is_in_front_goes_to_the_end)
{
    cr_expect_str_eq(said_as("Under Basel III, what is the ratio?"), "ratio under basel #3");
    cr_expect_str_eq(said_as("Deposits above 5: which rate applies?"), "deposit rate above #5");
    cr_expect_str_eq(said_as("Tier 1 ratio: what is it?"), "tier #1 ratio");
    cr_expect_str_eq(said_as("Loans above 5: who approves them?"), "approv loan above #5");
}

Test(guard_order, of_and_possessive_are_one)
{
    cr_expect_str_eq(said_as("What is the market share of Tesla?"), "tesla market share");
    cr_expect_str_eq(said_as("What is Tesla's market share?"), "tesla market share");
    cr_expect_str_eq(said_as("What is the head of the bank of Rome?"), "rome bank head");
    cr_expect_str_eq(said_as("What is the ratio of debt to equity?"), "debt ratio to equity");
}

Test(guard_order, passive_is_said_as_active)
{
    cr_expect_str_eq(said_as("Was Google sued by Oracle?"), "oracle sue google");
    cr_expect_str_eq(said_as("Did Oracle sue Google?"), "oracle sue google");
    cr_expect_str_eq(said_as("When was Skype acquired by Microsoft?"), "microsoft acquir skype");
    cr_expect_str_eq(said_as("Which assets are insured by banks?"), "bank insur asset");
    cr_expect_str_eq(said_as("How are bills paid?"), "pay bill");
    cr_expect_str_eq(said_as("Which bills must be paid?"), "pay bill +must");
}

Test(guard_order, who_does_it_is_not_to_whom_it_is_done)
{
    cr_expect_str_eq(said_as("Who sued?"), "sue");
    cr_expect_str_eq(said_as("Who was sued?"), "sue ~who");
    cr_expect_str_eq(said_as("Who acquired Skype?"), "acquir skype");
    cr_expect_str_eq(said_as("Who did Skype acquire?"), "skype acquir");
}

Test(guard_order, what_is_asked_for_may_be_the_object)
{
    cr_expect_str_eq(said_as("What do banks pay?"), "~what bank pay");
    cr_expect_str_eq(said_as("Which banks pay?"), "bank pay");
    cr_expect_str_eq(said_as("What may banks pay?"), "~what bank pay +may");
}

Test(guard_order, on_and_for_are_of_only_behind_a_noun_that_is_of_something)
{
    cr_expect_str_eq(said_as("What is the limit for gifts?"), "gift limit");
    cr_expect_str_eq(said_as("What is the effect of tax on income?"), "tax effect on incom");
    cr_expect_str_eq(said_as("What is the gift for staff?"), "gift for employee");
}

Test(guard_order, periods_stand_at_the_end_in_their_order)
{
    cr_expect_str_eq(said_as("2022 revenue?"), "revenue @2022");
    cr_expect_str_eq(said_as("What was Q1 of 2022 revenue?"), "revenue @2022 @q1");
    cr_expect_str_eq(said_as("growth from 2018 to 2019"), "increas from @2018 to @2019");
    cr_expect_str_eq(said_as("growth from 2019 to 2018"), "increas from @2019 to @2018");
}

Test(guard_order, verbs_that_say_nothing_go)
{
    cr_expect_str_eq(said_as("Which risks does leverage carry?"), "leverag risk");
    cr_expect_str_eq(said_as("Which limits apply to gifts?"), "gift limit");
    cr_expect_str_eq(said_as("Which clients apply to banks?"), "customer apply to bank");
    cr_expect_str_eq(said_as("Which costs are deductible?"), "deductibl cost");
}

Test(guard_order, a_single_duty_stands_at_the_end_and_a_negated_one_where_it_is)
{
    cr_expect_str_eq(said_as("Who must pay?"), "pay +must");
    cr_expect_str_eq(said_as("Who must not pay?"), "+must not pay");
    cr_expect_str_eq(said_as("Who can pay what they must pay?"), "+can pay ?what ~they +must pay");
}

Test(guard_order, an_empty_line_stays_empty)
{
    cr_expect_str_eq(said_as(""), "");
    cr_expect_str_eq(said_as("?"), "");
}
