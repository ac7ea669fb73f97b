#include "base/json.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

static json_t *parse(const char *text)
{
    json_t *v = NULL;

    cr_assert_eq(json_parse(&v, str_of(text), "test"), ERR_OK, "%s", err_text());
    return v;
}

static int refuse(struct str text)
{
    json_t *v = NULL;
    int rc = json_parse(&v, text, "request");

    cr_expect_null(v, "outputs stay untouched on failure");
    cr_expect_not_null(strstr(err_text(), "request"), "%s", err_text());
    return rc;
}

Test(json, says_where_it_is_wrong)
{
    cr_expect_eq(refuse(STR_LIT("{\"a\":\n 1,}")), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "line 2"));
    cr_expect_eq(refuse(STR_LIT("")), ERR_FORMAT);
    cr_expect_eq(refuse(STR_LIT("{} x")), ERR_FORMAT);
}

Test(json, numbers_beyond_64_bits_are_read_as_reals_only)
{
    struct str big = STR_LIT("{\"limit\":1000000000000000019884624838656,\"n\":7}");
    json_t *v = NULL;
    double limit = 0, n = 0;

    cr_expect_eq(refuse(big), ERR_FORMAT);
    cr_assert_eq(json_parse_reals(&v, big, "test"), ERR_OK, "%s", err_text());
    cr_expect_eq(json_get_real(v, "limit", 0, 1e31, &limit), ERR_OK);
    cr_expect_eq(json_get_real(v, "n", 0, 10, &n), ERR_OK);
    cr_expect(limit == 1e30 && n == 7);
    json_decref(v);
}

Test(json, members_may_stand_once)
{
    cr_expect_eq(refuse(STR_LIT("{\"a\":1,\"a\":2}")), ERR_FORMAT);
}

Test(json, only_utf8)
{
    cr_expect_eq(refuse(STR_LIT("\"\xff\"")), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "byte 1"));
}

Test(json, depth_is_bounded)
{
    char deep[2 * (JSON_DEPTH_MAX + 1)];
    json_t *v = NULL;

    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    cr_expect_eq(refuse((struct str){deep, sizeof deep}), ERR_LIMIT);
    cr_expect_eq(json_parse(&v, (struct str){deep + 1, sizeof deep - 2}, "ok"), ERR_OK);
    json_decref(v);
}

Test(json, brackets_in_strings_have_no_depth)
{
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, "\"\\\"");
    for (int i = 0; i < 1000; i++)
        buf_add_char(&b, '[');
    buf_add_char(&b, '"');
    json_decref(parse(b.p));
    buf_done(&b);
}

Test(json, getters_leave_alone_what_is_absent)
{
    json_t *v = parse("{\"n\":null}");
    int64_t i = 5;
    double f = 5;
    bool b = true;
    struct str s = STR_LIT("kept");

    cr_expect_eq(json_get_int(v, "n", 0, 9, &i), ERR_OK);
    cr_expect_eq(json_get_real(v, "x", 0, 9, &f), ERR_OK);
    cr_expect_eq(json_get_bool(v, "n", &b), ERR_OK);
    cr_expect_eq(json_get_str(v, "x", &s), ERR_OK);
    cr_expect(i == 5 && f == 5 && b && str_eq(s, STR_LIT("kept")));
    json_decref(v);
}

Test(json, getters_read_what_is_there)
{
    json_t *v = parse("{\"i\":7,\"f\":0.5,\"b\":false,\"s\":\"a\\u0000b\"}");
    int64_t i = 0;
    double f = 0;
    bool b = true;
    struct str s = {0};

    cr_expect_eq(json_get_int(v, "i", 0, 9, &i), ERR_OK);
    cr_expect_eq(json_get_real(v, "f", 0, 1, &f), ERR_OK);
    cr_expect_eq(json_get_bool(v, "b", &b), ERR_OK);
    cr_expect_eq(json_get_str(v, "s", &s), ERR_OK);
    cr_expect(i == 7 && f == 0.5 && !b);
    cr_expect(str_eq(s, STR_LIT("a\0b")));
    cr_expect_eq(json_get_real(v, "i", 0, 9, &f), ERR_OK, "an integer is a number too");
    json_decref(v);
}

Test(json, getters_name_the_member_and_what_would_be_right)
{
    json_t *v = parse("{\"i\":\"7\",\"s\":7,\"big\":10,\"half\":0.5}");
    int64_t i = 1;
    struct str s;

    cr_expect_eq(json_get_int(v, "i", 0, 9, &i), ERR_ARGUMENT);
    cr_expect_str_eq(err_text(), "'i' must be an integer, not a string");
    cr_expect_eq(json_get_str(v, "s", &s), ERR_ARGUMENT);
    cr_expect_str_eq(err_text(), "'s' must be a string, not an integer");
    cr_expect_eq(json_get_int(v, "big", 0, 9, &i), ERR_ARGUMENT);
    cr_expect_str_eq(err_text(), "'big' is 10; it must be from 0 to 9");
    cr_expect_eq(json_get_int(v, "half", 0, 9, &i), ERR_ARGUMENT);
    cr_expect_eq(i, 1);
    json_decref(v);
}

Test(json, unknown_members_are_named)
{
    static const char *const known[] = {"a", "b", NULL};
    json_t *v = parse("{\"a\":1,\"c\":2}");

    cr_expect_eq(json_only(v, known, "the request"), ERR_ARGUMENT);
    cr_expect_str_eq(err_text(), "the request has no member 'c'");
    json_object_del(v, "c");
    cr_expect_eq(json_only(v, known, "the request"), ERR_OK);
    json_decref(v);
}

Test(json, equal_values_have_equal_text)
{
    json_t *a = parse("{\"b\":[1, 2],\"a\":\"x\"}"), *b = parse("{ \"a\":\"x\", \"b\":[1,2] }");
    char *ta = json_canonical(a), *tb = json_canonical(b);

    cr_expect_str_eq(ta, "{\"a\":\"x\",\"b\":[1,2]}");
    cr_expect_str_eq(ta, tb);
    mem_free(ta);
    mem_free(tb);
    json_decref(a);
    json_decref(b);
}
