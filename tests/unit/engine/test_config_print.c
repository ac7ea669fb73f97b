#include "engine/config_print.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "support/config_file.h"

Test(config_print, what_is_shown_can_be_read_again)
{
    struct config a, b;
    struct buf shown;

    buf_init(&shown);
    cr_assert_eq(config_load_text(&a, "listen = \"[::1]:9\"; cache = { bytes = \"3GB\"; };"
                                      "model = { query_prefix = \"q\\x01\\n\xff: \"; };"),
                 ERR_OK);
    config_print(&a, false, &shown);
    cr_assert_eq(config_load_text(&b, shown.p), ERR_OK, "%s in\n%s", err_text(), shown.p);
    cr_expect_str_eq(b.listen, "[::1]:9");
    cr_expect_str_eq(b.model.query_prefix, "q\x01\n\xff: ");
    cr_expect_eq(b.cache.bytes, (int64_t)3 << 30);
    cr_expect_not_null(strstr(shown.p, "(from file)"));
    buf_done(&shown);
}

Test(config_print, a_password_in_a_url_is_never_shown)
{
    struct config c;
    struct buf shown;

    buf_init(&shown);
    cr_assert_eq(config_load_text(&c, "redis = { url = \"redis://:open-sesame@h:7\"; };"), ERR_OK,
                 "%s", err_text());
    config_print(&c, false, &shown);
    config_print(&c, true, &shown);
    cr_expect_null(strstr(shown.p, "open-sesame"), "%s", shown.p);
    cr_expect_not_null(strstr(shown.p, "redis://h:7"));
    buf_done(&shown);
}

Test(config_print, json_has_every_section)
{
    struct config c;
    struct buf shown;
    json_t *v = NULL;

    buf_init(&shown);
    config_defaults(&c);
    config_print(&c, true, &shown);
    cr_assert_eq(json_parse(&v, buf_view(&shown), "shown"), ERR_OK, "%s", err_text());
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(v, "retrieve"), "k")), 5);
    cr_expect_str_eq(json_string_value(json_object_get(v, "data")), "./ragd-data");
    json_decref(v);
    buf_done(&shown);
}
