#include "net/url.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static void expect_shown(const char *url, const char *wanted)
{
    char *shown = url_shown(url);

    cr_expect_str_eq(shown, wanted);
    mem_free(shown);
}

Test(url, shows_no_secret)
{
    expect_shown("https://joe:sesame@example.com/v1?key=sesame#sesame", "https://example.com/v1");
    expect_shown("http://127.0.0.1:80/x", "http://127.0.0.1:80/x");
    expect_shown("no url", "(not a URL)");
}

Test(url, knows_which_settings_can_be_a_url)
{
    cr_expect_eq(url_check("http://127.0.0.1:8080"), ERR_OK);
    cr_expect_eq(url_check("https://api.example.com/v1/"), ERR_OK);
    cr_expect_eq(url_check("ftp://example.com"), ERR_ARGUMENT);
    cr_expect_eq(url_check("example"), ERR_ARGUMENT);
    cr_expect_eq(url_check(""), ERR_ARGUMENT);
    cr_expect_eq(url_check("http://joe:pw@example.com"), ERR_ARGUMENT);
    cr_expect_null(strstr(err_text(), "pw@"), "%s", err_text());
    cr_expect_eq(url_check("http://example.com/?a=b"), ERR_ARGUMENT);
    cr_expect_eq(url_check("http://example.com/#a"), ERR_ARGUMENT);
    cr_expect_eq(url_check("http://example.com/v1#"), ERR_ARGUMENT);
    cr_expect_eq(url_check("http://example.com/v1?"), ERR_ARGUMENT);
}

Test(url, a_url_has_one_slash_between_base_and_path)
{
    char *plain = url_join("http://a", "/x"), *slash = url_join("http://a/v1//", "/x");

    cr_expect_str_eq(plain, "http://a/x");
    cr_expect_str_eq(slash, "http://a/v1/x");
    mem_free(plain);
    mem_free(slash);
}

Test(url, a_key_is_one_line)
{
    cr_expect_eq(url_check_key(NULL), ERR_OK);
    cr_expect_eq(url_check_key("sesame"), ERR_OK);
    cr_expect_eq(url_check_key("sesame\r\nX-Admin: 1"), ERR_ARGUMENT);
    cr_expect_null(strstr(err_text(), "sesame"), "%s", err_text());
}
