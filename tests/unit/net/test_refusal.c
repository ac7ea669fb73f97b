#include "net/refusal.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

static int explain(int status, const char *key, const char *words)
{
    struct refusal r = {.shown = "http://a/v1",
                        .section = "llm",
                        .key = key,
                        .status = status,
                        .body = str_of(words)};

    return refusal_explain(&r);
}

Test(refusal, passing_trouble_is_worth_another_try)
{
    static const int passing[] = {408, 429, 500, 502, 503, 504};
    static const int final[] = {301, 400, 401, 403, 404, 409, 413, 422, 501};

    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        cr_expect(refusal_passes(passing[i]), "%d", passing[i]);
        cr_expect_eq(explain(passing[i], NULL, ""), ERR_UNAVAILABLE);
    }
    for (size_t i = 0; i < sizeof final / sizeof *final; i++) {
        cr_expect_not(refusal_passes(final[i]), "%d", final[i]);
        cr_expect_eq(explain(final[i], NULL, ""), ERR_ARGUMENT);
    }
}

Test(refusal, the_servers_words_are_shown_on_one_line)
{
    explain(429, NULL, "slow\ndown\x1b[31m");
    cr_expect_str_eq(err_text(), "http://a/v1: status 429: slow down [31m");
    explain(500, NULL, "");
    cr_expect_str_eq(err_text(), "http://a/v1: status 500");
}

Test(refusal, long_words_are_cut)
{
    char words[2000];

    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    explain(500, NULL, words);
    cr_expect_lt(strlen(err_text()), 300);
}

Test(refusal, the_key_is_never_repeated)
{
    explain(401, "sesame", "wrong key: sesame");
    cr_expect_null(strstr(err_text(), "sesame"), "%s", err_text());
    explain(500, "sesame", "you sent sesame");
    cr_expect_str_eq(err_text(), "http://a/v1: status 500");
}

Test(refusal, a_hint_names_the_setting)
{
    explain(401, "sesame", "");
    cr_expect(strstr(err_text(), "llm.key_env"), "%s", err_text());
    explain(403, NULL, "");
    cr_expect(strstr(err_text(), "llm.key_env"), "%s", err_text());
    explain(404, NULL, "");
    cr_expect(strstr(err_text(), "llm.url"), "%s", err_text());
    explain(302, NULL, "");
    cr_expect(strstr(err_text(), "redirects"), "%s", err_text());
}

Test(refusal, the_pause_doubles_with_chance_and_honours_the_server)
{
    for (int i = 0; i < 4; i++) {
        int64_t full = (int64_t)100 << i, ms = refusal_pause_ms(i, -1);

        cr_expect(ms >= full / 2 && ms < full, "%lld", (long long)ms);
    }
    cr_expect_eq(refusal_pause_ms(0, 7000), 7000);
    cr_expect_geq(refusal_pause_ms(3, 0), 400);
}
