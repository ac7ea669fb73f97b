#include "base/err.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

Test(err, keeps_the_sentence_and_returns_the_code)
{
    cr_expect_eq(FAIL(ERR_LIMIT, "%d is over %d", 5, 4), ERR_LIMIT);
    cr_expect_str_eq(err_text(), "5 is over 4");
}

Test(err, context_stands_before_the_sentence)
{
    FAIL(ERR_IO, "no such file");
    cr_expect_eq(err_context(ERR_IO, "vocabulary '%s'", "v.txt"), ERR_IO);
    cr_expect_str_eq(err_text(), "vocabulary 'v.txt': no such file");
}

Test(err, the_old_text_may_be_part_of_the_new)
{
    FAIL(ERR_IO, "inner");
    FAIL(ERR_IO, "outer (%s)", err_text());
    cr_expect_str_eq(err_text(), "outer (inner)");
}

Test(err, a_long_sentence_is_cut)
{
    char longer[2 * ERR_TEXT_MAX];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    FAIL(ERR_IO, "%s", longer);
    cr_expect_eq(strlen(err_text()), ERR_TEXT_MAX - 1);
}

static void *fail_there(void *arg)
{
    (void)arg;
    cr_expect_str_eq(err_text(), "");
    FAIL(ERR_IO, "theirs");
    return NULL;
}

Test(err, belongs_to_its_thread)
{
    pthread_t t;

    FAIL(ERR_IO, "mine");
    pthread_create(&t, NULL, fail_there, NULL);
    pthread_join(t, NULL);
    cr_expect_str_eq(err_text(), "mine");
}

static int try_it(int inner)
{
    int rc = 7;

    TRY(inner);
    rc = ERR_OK;
out:
    return rc;
}

Test(err, try_passes_errors_up_and_lets_counts_through)
{
    cr_expect_eq(try_it(ERR_BUSY), ERR_BUSY);
    cr_expect_eq(try_it(3), ERR_OK);
}

Test(err, every_code_has_a_word)
{
    for (int code = 0; code >= ERR_MISMATCH; code--)
        cr_expect_str_neq(err_name(code), "unknown");
    cr_expect_str_eq(err_name(ERR_OK), "ok");
    cr_expect_str_eq(err_name(ERR_SYSTEM), "system");
    cr_expect_str_eq(err_name(ERR_MISMATCH - 1), "unknown");
    cr_expect_str_eq(err_name(1), "unknown");
}

Test(err, what_is_no_text_is_not_shown)
{
    (void)FAIL(ERR_FORMAT, "near '%s' and '%s'", "K\xac\x1b[2Jä", "\xe2\x82");
    cr_expect_str_eq(err_text(), "near 'K? [2Jä' and '?"
                                 "?'");
}
