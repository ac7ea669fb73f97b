#include "base/jsonw.h"

#include <criterion/criterion.h>
#include <math.h>

static struct buf b;
static struct jsonw w;

static void up(void)
{
    buf_init(&b);
    w = jsonw_to(&b);
}

static void down(void)
{
    buf_done(&b);
}

TestSuite(jsonw, .init = up, .fini = down);

Test(jsonw, puts_commas_where_they_belong)
{
    jsonw_open(&w, '{');
    jsonw_key(&w, "a"), jsonw_int(&w, -9007199254740993);
    jsonw_key(&w, "b"), jsonw_open(&w, '[');
    jsonw_bool(&w, true), jsonw_null(&w), jsonw_cstr(&w, NULL), jsonw_cstr(&w, "x");
    jsonw_open(&w, '['), jsonw_close(&w, ']');
    jsonw_close(&w, ']');
    jsonw_key(&w, "c"), jsonw_raw(&w, STR_LIT("{\"d\":1}"));
    jsonw_key(&w, "e"), jsonw_real(&w, 0.25);
    jsonw_close(&w, '}');
    cr_expect_str_eq(b.p, "{\"a\":-9007199254740993,\"b\":[true,null,null,\"x\",[]],"
                          "\"c\":{\"d\":1},\"e\":0.25}");
}

Test(jsonw, escapes_what_json_forbids_and_what_moves_a_terminal)
{
    jsonw_str(&w, STR_LIT("\"\\\n\r\t\x01\x1b\x7f\0z"));
    cr_expect_str_eq(b.p, "\"\\\"\\\\\\n\\r\\t\\u0001\\u001b\\u007f\\u0000z\"");
}

Test(jsonw, keeps_utf8_and_replaces_what_is_not)
{
    jsonw_str(&w, STR_LIT("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80"));
    cr_expect_str_eq(b.p, "\"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\"");
    buf_clear(&b);
    jsonw_string(&b, STR_LIT("a\xff"
                             "b\xe6\x97"));
    cr_expect_str_eq(b.p, "\"a\xef\xbf\xbd"
                          "b\xef\xbf\xbd\xef\xbf\xbd\"");
}

Test(jsonw, numbers_that_json_lacks_are_null)
{
    jsonw_open(&w, '[');
    jsonw_real(&w, NAN), jsonw_real(&w, INFINITY), jsonw_real(&w, -INFINITY);
    jsonw_real(&w, 1e300), jsonw_real(&w, 1.0 / 3), jsonw_real(&w, 100000);
    jsonw_close(&w, ']');
    cr_expect_str_eq(b.p, "[null,null,null,1e+300,0.333333,100000]");
}
