#include "guard_fixture.h"

static const char *with(const char *question, const char *brief, const char *full)
{
    static struct guard_line l;
    struct guard_acronym known = {str_of(brief), str_of(full)};
    struct guard *g = guard_new();

    guard_read(str_of(question), &l);
    guard_numbers(&l);
    guard_acronyms(g, &l, &known, 1);
    guard_free(g);
    return shown_line(&l);
}

Test(guard_acronyms, take_the_place_of_the_words_the_documents_give)
{
    cr_expect_str_eq(with("the common equity tier 1 ratio", "CET1", "Common Equity Tier 1"),
                     "the cet1 ratio");
    cr_expect_str_eq(with("the common equity tier 1 ratio", "CET1", "common equiti tier 1"),
                     "the cet1 ratio", "stemmed, as the word index has them");
    cr_expect_str_eq(with("the common equity tier 2 ratio", "CET1", "Common Equity Tier 1"),
                     "the common equity tier #2 ratio");
    cr_expect_str_eq(with("suspicious activity reports", "SAR", "suspicious activity report"),
                     "sar");
    cr_expect_str_eq(with("return on equity", "ROE", "return equity"), "roe");
}

Test(guard_acronyms, some_are_common)
{
    cr_expect_str_eq(with("anti-money-laundering rules", "X", ""), "aml rules");
    cr_expect_str_eq(with("two-factor authentication", "X", ""), "2fa");
}

static const char *spelled(const char *question, const char *other, bool *any)
{
    static struct guard_line l;
    struct guard_line o;

    guard_read(str_of(question), &l);
    guard_numbers(&l);
    guard_read(str_of(other), &o);
    *any = guard_acronyms_of(&l, o.w, o.n);
    return shown_line(&l);
}

Test(guard_acronyms, are_found_in_words_that_spell_them)
{
    bool any;

    cr_expect_str_eq(spelled("the liquidity coverage ratio", "the LCR", &any), "the lcr");
    cr_expect(any);
    cr_expect_str_eq(spelled("a return on equity", "an ROE", &any), "a roe");
    cr_expect_str_eq(spelled("a high quality liquid asset", "HQLA", &any), "a hqla");
}

Test(guard_acronyms, are_not_found_where_letters_are_missing_or_two_are_all)
{
    bool any;

    spelled("a return on assets", "an ROE", &any);
    cr_expect_not(any);
    spelled("a human resource", "the HR", &any);
    cr_expect_not(any);
    spelled("liquidity, coverage ratio", "the LCR", &any);
    cr_expect_not(any);
    spelled("the LCR and liquidity coverage ratio", "the LCR", &any);
    cr_expect_not(any, "it has it already");
}

Test(guard_acronyms, a_question_may_explain_its_own)
{
    cr_expect_str_eq(with("the liquidity coverage ratio (LCR) rule", "X", ""),
                     "the liquidity coverage ratio rule");
    cr_expect_str_eq(with("return on equity (ROE)", "X", ""), "return on equity");
    cr_expect_str_eq(with("our rule on the LCR", "X", ""), "our rule on the lcr");
}
