#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/err.h"
#include "index/filter.h"

static void expect_error(const char *text, const char *part)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    cr_expect_eq(filter_from_text(&f, str_of(text), mem), ERR_ARGUMENT, "'%s' was taken", text);
    cr_expect_not_null(strstr(err_text(), part), "'%s': %s", text, err_text());
    cr_expect_null(f);
    arena_free(mem);
}

static void expect(const char *text, const char *canonical)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    cr_expect_eq(filter_from_text(&f, str_of(text), mem), ERR_OK, "%s", err_text());
    cr_expect_str_eq(filter_canonical(f, mem), canonical, "%s", text);
    arena_free(mem);
}

Test(filter_text, reads_every_comparison)
{
    expect("a=1", "{\"a\":{\"eq\":1}}");
    expect("a==1", "{\"a\":{\"eq\":1}}");
    expect("a!=x", "{\"a\":{\"ne\":\"x\"}}");
    expect("a<1", "{\"a\":{\"lt\":1}}");
    expect("a<=-1.5", "{\"a\":{\"lte\":-1.5}}");
    expect("a>1e3", "{\"a\":{\"gt\":1000}}");
    expect("a >= 2020-01-02", "{\"a\":{\"gte\":\"2020-01-02T00:00:00.000Z\"}}");
    expect("a in (x, 'y z', 3)", "{\"a\":{\"in\":[\"x\",\"y z\",3]}}");
    expect("a not in (x,y)", "{\"a\":{\"nin\":[\"x\",\"y\"]}}");
    expect("a exists", "{\"a\":{\"exists\":true}}");
    expect("a not exists", "{\"a\":{\"exists\":false}}");
    expect("'a b'=true", "{\"a b\":{\"eq\":true}}");
    expect("a=\"say \\\"no\\\"\"", "{\"a\":{\"eq\":\"say \\\"no\\\"\"}}");
    expect("a=10-K", "{\"a\":{\"eq\":\"10-K\"}}");
    expect("a=nan", "{\"a\":{\"eq\":\"nan\"}}");
    expect("a=0x10", "{\"a\":{\"eq\":\"0x10\"}}");
    expect("  ", "");
}

Test(filter_text, says_where_and_what_would_be_right)
{
    expect_error("a=", "a value is missing at the end");
    expect_error("a", "one of = != <");
    expect_error("=1", "the name of a field");
    expect_error("a ! b", "character 3");
    expect_error("a=1 b=2", "'and', 'or' or the end");
    expect_error("(a=1", "')' is missing");
    expect_error("a in x", "'('");
    expect_error("a in ()", "a value");
    expect_error("a in (x", "','");
    expect_error("a='x", "this quote has no end");
    expect_error("a not =1", "'in' or 'exists'");
    expect_error("''=1", "empty field");
    expect_error("'and'=1", "no field");
}

/* The canonical form would not say them, and two filters would have the same. */
Test(filter_text, is_utf8_without_nul)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    expect_error("a=\xff", "UTF-8");
    expect_error("'\xc3'=1", "UTF-8");
    cr_expect_eq(filter_from_text(&f, STR_LIT("'a\0b'=1"), mem), ERR_ARGUMENT);
    cr_expect_eq(filter_from_text(&f, STR_LIT("a='b\0c'"), mem), ERR_ARGUMENT);
    cr_expect_null(f);
    arena_free(mem);
}

Test(filter_text, has_limits)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 40; i++)
        buf_add_str(&b, "not ");
    buf_add_str(&b, "a=1");
    expect_error(b.p, "32 deep");
    buf_clear(&b);
    for (int i = 0; i < 40; i++)
        buf_add_char(&b, '(');
    expect_error(b.p, "32 deep");
    buf_clear(&b);
    buf_add_str(&b, "a=1");
    for (int i = 0; i < 300; i++)
        buf_add_str(&b, " or a=1");
    expect_error(b.p, "256 conditions");
    buf_clear(&b);
    buf_add_str(&b, "a in (1");
    for (int i = 0; i < 1000; i++)
        buf_add_str(&b, ",1");
    expect_error(b.p, "more than 1000 values");
    buf_done(&b);
}

Test(filter_text, survives_any_bytes)
{
    static const char alphabet[] = "ab=!<>()'\",\\ 019.-notrdiexs\0\xff";
    unsigned x = 1;

    for (int round = 0; round < 20000; round++) {
        struct arena *mem = arena_new(1024);
        struct filter *f = NULL;
        char s[24];

        for (size_t i = 0; i < sizeof s; i++) {
            x = x * 1664525 + 1013904223;
            s[i] = alphabet[(x >> 16) % (sizeof alphabet - 1)];
        }
        if (filter_from_text(&f, (struct str){s, (x >> 8) % sizeof s}, mem) == ERR_OK)
            cr_assert_not_null(filter_canonical(f, mem));
        arena_free(mem);
    }
}
