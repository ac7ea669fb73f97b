#include "extract/extract_html.h"

#include "made.h"

static struct textout t;

static int run(const char *html)
{
    textout_done(&t);
    textout_init(&t, 1 << 20);
    return extract_html(str_of(html), &t);
}

static bool gives(const char *html, const char *want)
{
    bool same = run(html) == ERR_OK && strcmp(t.text.p, want) == 0;

    if (!same)
        cr_log_error("got:\n%s", t.text.p ? t.text.p : err_text());
    textout_done(&t);
    return same;
}

Test(extract_html, keeps_the_text_and_leaves_the_furniture)
{
    cr_expect(
        gives("<html><head><title>T</title><style>p{}</style></head><body><header>Logo</header>"
              "<nav><a>Home</a></nav><main><p>One &amp; two</p><script>x</script></main>"
              "<aside>Ads</aside><form><p>Kept</p><button>Go</button></form>"
              "<p hidden>no</p><p style='display: none'>no</p><footer>(c)</footer></body>",
              "One & two\n\nKept"));
}

Test(extract_html, an_articles_header_is_text)
{
    cr_expect(
        gives("<article><header><h1>Title</h1></header><p>Body</p></article>", "Title\n\nBody"));
}

Test(extract_html, a_page_that_is_all_nav_is_read_after_all)
{
    cr_expect(gives("<nav><p>Only this</p></nav>", "Only this"));
}

Test(extract_html, reads_title_description_and_headings)
{
    cr_expect_eq(run("<title> The\n title </title><meta name=Description content='About it'>"
                     "<h1>One</h1><p>x</p><h3>Two <b>b</b></h3>"),
                 ERR_OK);
    cr_expect_str_eq(t.title.p, "The title");
    cr_expect_str_eq(json_string_value(json_object_get(t.metadata, "description")), "About it");
    cr_expect(heading_is(&t, 0, 1, "One"));
    cr_expect(heading_is(&t, 1, 3, "Two b"));
    textout_done(&t);
}

Test(extract_html, lists_are_items_also_with_paragraphs_inside)
{
    cr_expect(gives("<p>a</p><ul><li>b<li><p>c</p></li><li>d<ul><li>e</li></ul></li></ul>"
                    "<ol><li>x</li><li>y</li></ol>z",
                    "a\n\n- b\n- c\n- d\n  - e\n\n1. x\n2. y\n\nz"));
}

Test(extract_html, data_tables_are_rows)
{
    cr_expect(gives("<table><caption>Cap</caption><thead><tr><th></th><th>2023</th></tr></thead>"
                    "<tr><td><p>CET1</p></td><td>4.5<br>%</td></tr></table>after",
                    "Cap\n\n| 2023\nCET1 | 4.5 %\n\nafter"));
}

Test(extract_html, layout_tables_are_blocks)
{
    cr_expect(gives("<table><tr><td><h2>Head</h2><p>One</p></td><td>Two</td></tr></table>",
                    "Head\n\nOne\n\nTwo"));
}

Test(extract_html, keeps_preformatted_lines)
{
    cr_expect(gives("<p>a</p><pre>\nx = 1\n    y\n</pre>b<br>c", "a\n\nx = 1\n    y\n\nb\nc"));
}

Test(extract_html, honours_charset_and_mark)
{
    cr_expect(gives("<meta charset=windows-1251><p>\xEF\xF0\xE8", "при"));
    cr_expect(gives("<p>na\xEFve \x93q\x94", "naïve “q”"));
    cr_expect(gives("\xEF\xBB\xBF<p>\xC3\xA9", "é"));
}

Test(extract_html, refuses_deep_nesting_before_parsing)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 100000; i++)
        buf_add_str(&b, "<div>");
    cr_expect_eq(run(b.p), ERR_LIMIT);
    cr_expect(said("nested deeper"));
    buf_done(&b);
    textout_done(&t);
}

Test(extract_html, broken_html_is_read_as_browsers_do)
{
    cr_expect(gives("<p>one<div>two</p></b></table><td>three<a href=\"x>y", "one\n\ntwo\n\nthree"));
    cr_expect_eq(run("<script>only</script>"), ERR_FORMAT);
    cr_expect(said("no text"));
    textout_done(&t);
}
