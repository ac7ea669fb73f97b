#include <criterion/criterion.h>

#include "base/err.h"
#include "base/json.h"
#include "index/filter.h"

static void expect_same(const char *a, const char *b, bool same)
{
    struct arena *mem = arena_new(0);
    struct filter *x = NULL, *y = NULL;
    const char *s, *t;

    cr_assert_eq(filter_from_text(&x, str_of(a), mem), ERR_OK, "%s", err_text());
    cr_assert_eq(filter_from_text(&y, str_of(b), mem), ERR_OK, "%s", err_text());
    s = filter_canonical(x, mem);
    t = filter_canonical(y, mem);
    cr_expect_eq(strcmp(s, t) == 0, same, "%s\n%s", s, t);
    arena_free(mem);
}

Test(filter_canonical, is_equal_for_equal_filters)
{
    expect_same("a=1 and b=2", "b=2 and a=1", true);
    expect_same("a=1 and (b=2 and c=3)", "(c=3 and a=1) and b=2 and a=1", true);
    expect_same("a in (2,1)", "a in (1,2,2)", true);
    expect_same("a in (1)", "a=1", true);
    expect_same("not a=1", "a!=1", true);
    expect_same("not (a=1 or b=2)", "a!=1 and b!=2", true);
    expect_same("not not a<1", "a<1", true);
    expect_same("not a exists", "a not exists", true);
    expect_same("d=2020-01-01", "d=2020-01-01T01:00:00+01:00", true);
    expect_same("a=1.0", "a=1", true);
    expect_same("a=-0", "a=0", true);
}

Test(filter_canonical, differs_where_filters_do)
{
    expect_same("a=1", "a=\"1\"", false);
    expect_same("a=1 and b=2", "a=1 or b=2", false);
    expect_same("not a<1", "a>=1", false);
    expect_same("a=0.1", "a=0.10000000000000001", true);
    expect_same("a=0.1", "a=0.1000000000000001", false);
    expect_same("a.b=1", "b.a=1", false);
}

Test(filter_canonical, parses_to_an_equal_filter)
{
    static const char *const texts[] = {"a=1 and (b<2 or not c>=x) and d not in (1,'y',true)",
                                        "not (a exists or b<2020-01-01)", "'we \"ird\"'=\"\\\\\""};

    for (size_t i = 0; i < 3; i++) {
        struct arena *mem = arena_new(0);
        struct filter *f = NULL, *again = NULL;
        const char *canonical;
        json_t *v = NULL;

        cr_assert_eq(filter_from_text(&f, str_of(texts[i]), mem), ERR_OK, "%s", err_text());
        canonical = filter_canonical(f, mem);
        cr_assert_eq(json_parse(&v, str_of(canonical), "canonical"), ERR_OK, "%s", canonical);
        cr_assert_eq(filter_from_json(&again, v, mem), ERR_OK, "%s", err_text());
        cr_expect_str_eq(filter_canonical(again, mem), canonical);
        json_decref(v);
        arena_free(mem);
    }
    cr_expect_str_eq(filter_canonical(NULL, NULL), "");
}
