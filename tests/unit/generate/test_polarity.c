#include "generate/polarity.h"

#include <criterion/criterion.h>

#include "base/err.h"

struct verdict {
    bool denies, affirms;
};

static struct verdict compare(const char *claim, const char *source)
{
    struct arena *mem = arena_new(0);
    struct word_analyzer *a;
    struct marks x, y;
    struct verdict v;

    cr_assert_eq(word_analyzer_new(&a, &(struct word_settings){"english", true}), ERR_OK);
    x = marks_of(a, str_of(claim), mem);
    y = marks_of(a, str_of(source), mem);
    v.denies = polarity_denies(&x, &y, 0, y.n);
    v.affirms = polarity_affirms(&x, &y, 0, y.n);
    word_analyzer_free(a);
    arena_free(mem);
    return v;
}

static bool agree(const char *claim, const char *source)
{
    struct verdict v = compare(claim, source);

    return !v.denies && !v.affirms;
}

Test(polarity, a_not_that_came_is_seen)
{
    cr_expect(compare("Banks may not lend gold.", "Banks may lend gold.").denies);
    cr_expect(compare("Meals are never refunded.", "Meals are refunded.").denies);
    cr_expect(compare("He didn't resign.", "He resigned in May.").denies);
}

Test(polarity, a_not_that_went_is_seen)
{
    cr_expect(compare("Banks may lend gold.", "Banks may not lend gold.").affirms);
    cr_expect(compare("The bridge was damaged.", "The bridge was undamaged.").affirms ||
              compare("The bridge was damaged.", "The bridge was not damaged.").affirms);
    cr_expect(compare("A loan requires funding.", "A loan requires none.").affirms);
}

Test(polarity, two_ways_to_say_not_agree)
{
    cr_expect(agree("Banks cannot lend gold.", "Banks are unable to lend gold."));
    cr_expect(agree("The bridge was undamaged.", "The bridge was not damaged."));
    cr_expect(agree("The bridge was not damaged.", "The bridge was undamaged."));
    cr_expect(agree("The board declared no dividend.", "The board did not declare a dividend."));
    cr_expect(agree("No funding is required.", "A bond requires none."));
}

Test(polarity, limits_and_what_has_no_negation_agree)
{
    cr_expect(agree("It may not fall below 4 percent.", "It must be at least 4 percent."));
    cr_expect(agree("Not more than 5 banks lend.", "At most 5 banks lend."));
    cr_expect(agree("Banks lend gold.", "Banks lend gold and silver."));
    cr_expect(agree("", ""));
}

Test(polarity, a_word_said_both_ways_is_no_contradiction)
{
    cr_expect(agree("Large banks comply.", "Small banks do not comply with the rule at any time "
                                           "of a year; large banks comply."));
}
