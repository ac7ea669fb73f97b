#include <criterion/criterion.h>

#include "base/err.h"
#include "text/analyzers.h"

Test(analyzers, lend_the_one_that_came_back)
{
    struct analyzers *p = NULL;
    struct word_analyzer *a, *b;

    cr_assert_eq(analyzers_new(&p, &(struct word_settings){"english", true}), ERR_OK);
    a = analyzers_get(p);
    b = analyzers_get(p);
    cr_expect_neq(a, b);
    analyzers_put(p, b);
    cr_expect_eq(analyzers_get(p), b);
    analyzers_put(p, a);
    analyzers_put(p, b);
    analyzers_free(p);
}

Test(analyzers, refuse_an_unknown_language_at_once)
{
    struct analyzers *p = NULL;

    cr_expect_eq(analyzers_new(&p, &(struct word_settings){"klingon", true}), ERR_ARGUMENT);
    cr_expect_null(p);
    analyzers_free(NULL);
}
