#include "generate/name_forms.h"

#include <criterion/criterion.h>

#include "base/err.h"

/* Of the claim's last word. */
static bool said(const char *claim, const char *source)
{
    struct arena *mem = arena_new(0);
    struct word_analyzer *a;
    struct marks x, y;
    bool is;

    cr_assert_eq(word_analyzer_new(&a, &(struct word_settings){"english", true}), ERR_OK);
    x = marks_of(a, str_of(claim), mem);
    y = marks_of(a, str_of(source), mem);
    cr_assert_gt(x.n, 0);
    is = name_said_otherwise(&x, x.n - 1, &y);
    word_analyzer_free(a);
    arena_free(mem);
    return is;
}

Test(name_forms, another_ending_is_the_same_name)
{
    cr_expect(said("made in Germany", "a German maker"));
    cr_expect(said("of Florida", "the Floridian coast"));
    cr_expect_not(said("of Austria", "of Australia"));
    cr_expect_not(said("in Iran", "in Iraq"));
}

Test(name_forms, an_acronym_is_what_its_letters_stand_for)
{
    cr_expect(said("the LCR", "the liquidity coverage ratio is high"));
    cr_expect(said("the CFO", "our chief financial officer"));
    cr_expect(said("the EU", "the European Union"));
    cr_expect(said("the CET1", "the common equity tier 1 ratio"));
    cr_expect_not(said("the CET2", "the common equity tier 1 ratio"));
    cr_expect_not(said("the EU", "an early use"));
    cr_expect_not(said("the LCR", "the ratio of liquidity coverage"));
}

Test(name_forms, what_letters_stand_for_is_the_acronym)
{
    cr_expect(said("the Organization of Arab Petroleum Exporting Countries", "OAPEC met"));
    cr_expect_not(said("the Organization of Arab States", "OAPEC met"));
}

Test(name_forms, another_name_is_another_name)
{
    cr_expect_not(said("by Kestrel", "by Falcon"));
    cr_expect_not(said("by Kestrel", ""));
}
