#include "engine/origins.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"

Test(origins, are_what_browsers_send)
{
    cr_expect_eq(origins_check(""), ERR_OK);
    cr_expect_eq(origins_check("*"), ERR_OK);
    cr_expect_eq(origins_check("https://a.example, http://localhost:3000 ,http://[::1]:80"),
                 ERR_OK);
    cr_expect_eq(origins_check("tauri://localhost"), ERR_OK);
}

Test(origins, anything_else_is_named)
{
    static const char *const wrong[] = {
        "a.example",    "https://", "https://a.example/", "https://A.example",
        "null",         "://a",     "https://a.example:", "https://*.example",
        "https://a, *", ",",        "https://a b"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect_eq(origins_check(wrong[i]), ERR_ARGUMENT, "%s", wrong[i]);
        cr_expect_not_null(strstr(err_text(), "server.cors_origins"));
    }
}

Test(origins, a_list_has_its_own_and_no_others)
{
    const char *list = "https://a.example, http://b.example:81";

    cr_expect(origins_have(list, STR_LIT("https://a.example")));
    cr_expect(origins_have(list, STR_LIT("http://b.example:81")));
    cr_expect_not(origins_have(list, STR_LIT("http://b.example")));
    cr_expect_not(origins_have(list, STR_LIT("https://a.example.evil")));
    cr_expect_not(origins_have(list, STR_LIT("http://a.example")));
    cr_expect_not(origins_have(list, STR_LIT("")));
    cr_expect_not(origins_have("", STR_LIT("https://a.example")));
    cr_expect(origins_have("*", STR_LIT("https://whoever")));
    cr_expect_not(origins_have("*", (struct str){NULL, 0}), "no page asks");
    cr_expect(origins_are_all("*"));
    cr_expect_not(origins_are_all("*,"));
}
