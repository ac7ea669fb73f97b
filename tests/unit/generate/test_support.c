#include "generate/support.h"

#include <criterion/criterion.h>

static const struct extract_signals typical = {
    .passage_cosine = 0.6,
    .sentence_cosine = 0.6,
    .sentence_words = 0.7,
    .passage_words = 0.8,
    .kind_matches = 1,
};

Test(support, is_a_probability)
{
    struct extract_signals none = {0}, all = {1, 1, 1, 1, 0, 0, 1};

    cr_expect_gt(support_of(&none), 0);
    cr_expect_lt(support_of(&none), SUPPORT_REFUSE_BELOW, "nothing found is no answer");
    cr_expect_gt(support_of(&all), SUPPORT_REFUSE_BELOW);
    cr_expect_lt(support_of(&all), 1);
}

Test(support, grows_with_closeness_and_shrinks_with_what_is_missing)
{
    struct extract_signals s = typical;
    double base = support_of(&typical);

    s.sentence_cosine = 0.8;
    cr_expect_gt(support_of(&s), base);
    s = typical;
    s.sentence_words = 0.2;
    cr_expect_lt(support_of(&s), base);
    s = typical;
    s.names_missing = 1;
    cr_expect_lt(support_of(&s), base);
    s = typical;
    s.negation_differs = 1;
    cr_expect_lt(support_of(&s), base);
}
