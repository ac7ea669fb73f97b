#include "base/jsonw.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static const char *written(float v)
{
    buf_clear(&b);
    w = jsonw_to(&b);
    jsonw_floats(&w, &v, 1);
    return b.p;
}

Test(jsonw, floats_are_short_and_always_numbers)
{
    cr_expect_str_eq(written(0.5f), "[0.5]");
    cr_expect_str_eq(written(-0.0625f), "[-0.0625]");
    cr_expect_str_eq(written(1), "[1.0]");
    cr_expect_str_eq(written(-1.5f), "[-1.5]");
    cr_expect_str_eq(written(0), "[0.0]");
    cr_expect_str_eq(written(-0.0f), "[-0.0]");
    cr_expect_str_eq(written(0.1f), "[0.100000001]");
    cr_expect_str_eq(written(0.0009765625f), "[0.0009765625]");
    cr_expect_str_eq(written(1e-5f), "[9.99999975e-06]");
    cr_expect_str_eq(written(1e10f), "[1e+10]");
    cr_expect_str_eq(written(NAN), "[null]");
    cr_expect_str_eq(written(-INFINITY), "[null]");
    buf_clear(&b);
    w = jsonw_to(&b);
    jsonw_floats(&w, (float[]){0.25f, -0.5f}, 2);
    jsonw_floats(&w, NULL, 0);
    cr_expect_str_eq(b.p, "[0.25,-0.5],[]");
}

/* Every 9,973rd float of all there are, and the neighbours of every power of two and of ten. */
static void check_comes_back(uint32_t bits)
{
    float v, as_float, as_double;
    const char *text;

    memcpy(&v, &bits, sizeof v);
    if (!isfinite(v))
        return;
    text = written(v);
    as_float = strtof(text + 1, NULL);
    as_double = (float)strtod(text + 1, NULL);
    cr_assert_eq(memcmp(&as_float, &v, sizeof v), 0, "%a became %s", v, text);
    cr_assert_eq(memcmp(&as_double, &v, sizeof v), 0, "%a became %s", v, text);
    cr_assert_leq(strlen(text), JSONW_FLOAT_MAX - 1 + 2, "%s", text);
}

Test(jsonw, every_float_comes_back_bit_for_bit)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 9973)
        check_comes_back((uint32_t)bits);
    for (uint32_t exponent = 0; exponent < 255; exponent++)
        for (uint32_t i = 0; i < 64; i++) {
            check_comes_back((exponent << 23) + i);
            check_comes_back((exponent << 23) - i);
        }
    for (int e = -44; e <= 38; e++) {
        float ten = powf(10, (float)e);
        uint32_t bits;

        memcpy(&bits, &ten, sizeof bits);
        for (uint32_t i = 0; i < 64; i++) {
            check_comes_back(bits + i);
            check_comes_back(bits - i);
        }
    }
}

Test(jsonw, bytes_as_base64)
{
    const float one = 1;

    jsonw_open(&w, '[');
    jsonw_base64(&w, "", 0);
    jsonw_base64(&w, "f", 1);
    jsonw_base64(&w, "fo", 2);
    jsonw_base64(&w, "foo", 3);
    jsonw_base64(&w, &one, sizeof one);
    jsonw_close(&w, ']');
    cr_expect_str_eq(b.p, "[\"\",\"Zg==\",\"Zm8=\",\"Zm9v\",\"AACAPw==\"]");
}
