#include "base/json_scan.h"

#include <criterion/criterion.h>

static struct str opened(const char *text)
{
    return json_scan_open(str_of(text));
}

Test(json_scan, members_are_the_bytes_that_they_are)
{
    struct str rest =
        opened("{\"a\":1.50,\"b\":\"x, } \\\" y\",\"c\":[1,{\"d\":\"]\"}],\"e\":null}");
    struct str key, value;

    cr_assert(json_scan_member(&rest, &key, &value));
    cr_expect(str_eq(key, STR_LIT("a")));
    cr_expect(str_eq(value, STR_LIT("1.50")), "%.*s", STR_ARGS(value));
    cr_assert(json_scan_member(&rest, &key, &value));
    cr_expect(str_eq(value, STR_LIT("\"x, } \\\" y\"")), "%.*s", STR_ARGS(value));
    cr_assert(json_scan_member(&rest, &key, &value));
    cr_expect(str_eq(value, STR_LIT("[1,{\"d\":\"]\"}]")), "%.*s", STR_ARGS(value));
    cr_assert(json_scan_member(&rest, &key, &value));
    cr_expect(str_eq(key, STR_LIT("e")));
    cr_expect(str_eq(value, STR_LIT("null")));
    cr_expect_not(json_scan_member(&rest, &key, &value));
}

Test(json_scan, elements_that_are_lists_are_lists)
{
    struct str rest = opened(" [ [1,2] , [3] ,\"a\\\\\", {} ] "), value;
    static const char *const wanted[] = {"[1,2]", "[3]", "\"a\\\\\"", "{}"};

    for (size_t i = 0; i < 4; i++) {
        cr_assert(json_scan_element(&rest, &value));
        cr_expect(str_eq(value, str_of(wanted[i])), "%.*s", STR_ARGS(value));
    }
    cr_expect_not(json_scan_element(&rest, &value));
}

Test(json_scan, what_is_empty_has_nothing)
{
    struct str rest = opened("{}"), key, value;

    cr_expect_not(json_scan_member(&rest, &key, &value));
    rest = opened("[]");
    cr_expect_not(json_scan_element(&rest, &value));
    rest = json_scan_open(json_scan_get(STR_LIT("{\"a\":1}"), "b"));
    cr_expect_not(json_scan_element(&rest, &value));
}

Test(json_scan, gets_a_member_of_the_object_and_none_from_deeper)
{
    struct str reply = STR_LIT("{\"x\":{\"n\":1},\"n\":2}");

    cr_expect(str_eq(json_scan_get(reply, "n"), STR_LIT("2")));
    cr_expect_null(json_scan_get(reply, "m").p);
}

/* Under the sanitizer: it ends, and inside the text. */
Test(json_scan, text_that_is_cut_short_ends)
{
    const char whole[] = "{\"a\":[1,\"b\\\"\",{\"c\":[]}],\"d\":\"e\\\\\"}";

    for (size_t n = 0; n < sizeof whole; n++) {
        char *part = malloc(n ? n : 1);
        struct str rest, key, value;
        size_t steps = 0;

        memcpy(part, whole, n);
        rest = json_scan_open((struct str){part, n});
        while (steps < 100 && json_scan_member(&rest, &key, &value))
            steps++;
        cr_expect_lt(steps, 100);
        rest = json_scan_open((struct str){part, n});
        for (steps = 0; steps < 100 && json_scan_element(&rest, &value);)
            steps++;
        cr_expect_lt(steps, 100, "%zu bytes", n);
        free(part);
    }
}

static void expect_text(const char *quoted, const char *wanted)
{
    struct buf b = {0};

    cr_expect(json_scan_text(str_of(quoted), &b), "%s", quoted);
    cr_expect_str_eq(b.p ? b.p : "", wanted, "%s", quoted);
    buf_done(&b);
}

Test(json_scan, a_string_says_what_a_parser_reads)
{
    expect_text("\"\"", "");
    expect_text("\"plain \xc3\xa4\"", "plain \xc3\xa4");
    expect_text("\"a\\n\\t\\\"b\\\\ \\/ \\r\\b\\f\"", "a\n\t\"b\\ / \r\b\f");
    expect_text("\"\\u0041\\u00e4\\u20AC\\ud83d\\ude00\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

Test(json_scan, what_is_no_string_says_nothing)
{
    struct buf b = {0};

    cr_expect_not(json_scan_text(STR_LIT("null"), &b));
    cr_expect_not(json_scan_text(STR_LIT("\""), &b));
    cr_expect_not(json_scan_text((struct str){NULL, 0}, &b));
    cr_expect_eq(b.n, 0);
}

Test(json_scan, broken_escapes_end_inside_the_text)
{
    expect_text("\"\\ud83d\"", "\xef\xbf\xbd");
    expect_text("\"\\ude00x\"", "\xef\xbf\xbdx");
    expect_text("\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
                                      "A");
    expect_text("\"\\u12\"", "\xef\xbf\xbd");
    expect_text("\"x\\\"", "x");
}
