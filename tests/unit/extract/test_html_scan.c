#include "extract/html_scan.h"

#include "made.h"

static const char *charset(const char *html)
{
    static char out[HTML_CHARSET_MAX];

    return html_charset(str_of(html), out);
}

Test(html_scan, finds_both_forms_of_charset)
{
    cr_expect_str_eq(charset("<meta charset=\"utf-8\">"), "utf-8");
    cr_expect_str_eq(charset("<meta http-equiv='x' content='text/html; charset=windows-1251'>"),
                     "windows-1251");
    cr_expect_null(charset("<p>none"));
    cr_expect_null(charset("charset="));
}

static int depth_of(const char *unit, size_t n)
{
    struct buf b;
    int rc;

    buf_init(&b);
    for (size_t i = 0; i < n; i++)
        buf_add_str(&b, unit);
    rc = html_check_depth(buf_view(&b), 100);
    buf_done(&b);
    return rc;
}

Test(html_scan, counts_what_is_open_at_once)
{
    cr_expect_eq(depth_of("<div>", 100), ERR_OK);
    cr_expect_eq(depth_of("<div>", 101), ERR_LIMIT);
    cr_expect(said("100"));
    cr_expect_eq(depth_of("<div></div>", 5000), ERR_OK);
    cr_expect_eq(depth_of("<DIV ><b>", 60), ERR_LIMIT);
}

/* The parser passes over them, and nests all the same. */
Test(html_scan, an_end_of_what_is_not_open_closes_nothing)
{
    cr_expect_eq(depth_of("<ul></zz>", 101), ERR_LIMIT);
    cr_expect_eq(depth_of("<ul></h2>", 101), ERR_LIMIT);
    cr_expect_eq(depth_of("</div>", 5000), ERR_OK);
    cr_expect_eq(depth_of("<DIV></div></b>", 5000), ERR_OK);
    cr_expect_eq(depth_of("<h1>a heading ends by any other's end</h2>", 5000), ERR_OK);
    cr_expect_eq(depth_of("<b><i></b></i>", 5000), ERR_OK);
}

Test(html_scan, a_name_ends_where_the_parser_ends_it)
{
    cr_expect_eq(depth_of("<meta<x>", 101), ERR_LIMIT, "not a meta");
    cr_expect_eq(depth_of("<br$>", 101), ERR_LIMIT);
    cr_expect_eq(depth_of("<br\n><br/><br\t><br\f>", 5000), ERR_OK);
}

Test(html_scan, does_not_count_void_and_optional_ends)
{
    cr_expect_eq(depth_of("<br><img src=x><p>text<li>item", 5000), ERR_OK);
}

Test(html_scan, does_not_count_comments_scripts_and_stray_signs)
{
    cr_expect_eq(depth_of("<!-- <div> --><script>\"<div><div>\"</script> a < b <3 ", 5000), ERR_OK);
    cr_expect_eq(depth_of("<script><div>", 5000), ERR_OK);
    cr_expect_eq(depth_of("<!--<div>", 5000), ERR_OK);
    cr_expect_eq(depth_of("<", 5000), ERR_OK);
}
