#include "index/collection_settings.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "base/mem.h"

static const struct word_settings usual = {"english", true};

static void expect_words(const char *json, const char *language, bool drop_stop_words)
{
    struct word_settings words = {0};

    cr_assert_eq(collection_settings_words(json, &usual, &words), ERR_OK, "%s", err_text());
    cr_expect_str_eq(words.language, language, "%s", json);
    cr_expect_eq(words.drop_stop_words, drop_stop_words, "%s", json);
}

static void expect_refused(const char *json, const char *why)
{
    char *canonical = NULL;
    struct word_settings words = usual;

    cr_expect_lt(collection_settings_check(str_of(json), &canonical), 0, "%s", json);
    cr_expect_not_null(strstr(err_text(), why), "%s: %s", json, err_text());
    cr_expect_null(canonical);
    cr_expect_lt(collection_settings_words(json, &usual, &words), 0);
    cr_expect_str_eq(words.language, "english", "left alone");
}

static void expect_canonical(const char *json, const char *want)
{
    char *canonical = NULL;

    cr_assert_eq(collection_settings_check(str_of(json), &canonical), ERR_OK, "%s", err_text());
    cr_expect_str_eq(canonical, want);
    mem_free(canonical);
}

Test(collection_settings, what_is_not_said_comes_from_the_configuration)
{
    expect_words("", "english", true);
    expect_words("{}", "english", true);
    expect_words("{\"language\":\"german\"}", "german", true);
    expect_words("{\"stop_words\":false}", "english", false);
    expect_words("{\"language\":null,\"stop_words\":null}", "english", true);
}

Test(collection_settings, none_is_no_stemming)
{
    expect_words("{\"language\":\"none\"}", "", true);
    expect_words("{\"language\":\"\"}", "", true);
}

Test(collection_settings, the_same_in_one_form)
{
    expect_canonical("", "{}");
    expect_canonical(" { \"stop_words\" : true, \"language\": \"german\" } ",
                     "{\"language\":\"german\",\"stop_words\":true}");
    expect_canonical("{\"language\":null}", "{}");
}

Test(collection_settings, what_is_wrong_is_named)
{
    expect_refused("{\"volatile\":true}", "volatile");
    expect_refused("{\"language\":\"klingon\"}", "german");
    expect_refused("{\"language\":3}", "language");
    expect_refused("{\"stop_words\":\"yes\"}", "stop_words");
    expect_refused("[]", "object");
    expect_refused("{", "settings");
}
