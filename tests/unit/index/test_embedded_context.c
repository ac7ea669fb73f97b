#include "index/embedded.h"

#include "unit/index/embedded_fixture.h"

TestSuite(embedded_context, .init = setup, .fini = teardown);

Test(embedded_context, each_is_made_once)
{
    const struct index_context *german = NULL, *again = NULL, *usual = NULL;
    struct word_settings words = {"german", true};

    cr_assert_eq(context_with(r, context_now(r), &words, &german), ERR_OK);
    cr_expect_neq(german, context_now(r));
    cr_expect_eq(german->dim, DIM);
    cr_assert_eq(context_with(r, german, &words, &again), ERR_OK);
    cr_expect_eq(again, german);
    cr_assert_eq(context_with(r, german, &r->words, &usual), ERR_OK);
    cr_expect_eq(usual, context_now(r));
}

Test(embedded_context, a_collection_has_the_words_of_its_settings)
{
    const struct index_context *context = NULL;
    struct collection_row row = {.name = "c", .settings = "{\"stop_words\":false}"};

    cr_assert_eq(collection_context(r, &row, &context), ERR_OK);
    cr_expect_str_eq(context->words.language, "english");
    cr_expect(!context->words.drop_stop_words);
}

Test(embedded_context, settings_that_cannot_be_read_name_the_collection)
{
    const struct index_context *context = NULL;
    struct collection_row row = {.name = "papers", .settings = "{\"language\":\"klingon\"}"};

    cr_expect_eq(collection_context(r, &row, &context), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "papers"));
    cr_expect_null(context);
}

Test(embedded_context, one_that_is_not_there_would_have_the_usual_words)
{
    struct word_settings words = collection_words(r, "t", "nowhere");

    cr_expect_str_eq(words.language, "english");
}
