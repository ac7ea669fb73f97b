#include "extract/extract_md.h"

#include "made.h"

static struct textout t;

static int run(const char *md)
{
    textout_done(&t);
    textout_init(&t, 1 << 20);
    return extract_md(str_of(md), &t);
}

static bool gives(const char *md, const char *want)
{
    bool same = run(md) == ERR_OK && strcmp(t.text.p, want) == 0;

    if (!same)
        cr_log_error("got:\n%s", t.text.p ? t.text.p : err_text());
    textout_done(&t);
    return same;
}

Test(extract_md, headings_stand_alone_and_are_listed)
{
    cr_expect_eq(run("# One\ntext\n## Two *em*\nmore\n\nSetext\n------\n"), ERR_OK);
    cr_expect_str_eq(t.text.p, "One\n\ntext\n\nTwo em\n\nmore\n\nSetext");
    cr_expect(heading_is(&t, 0, 1, "One"));
    cr_expect(heading_is(&t, 1, 2, "Two em"));
    cr_expect(heading_is(&t, 2, 2, "Setext"));
    cr_expect_str_eq(t.title.p, "One");
    textout_done(&t);
}

Test(extract_md, front_matter_gives_title_and_metadata)
{
    cr_expect_eq(run("---\ntitle: Rules\nyear: 2024\n---\n# Other\n"), ERR_OK);
    cr_expect_str_eq(t.title.p, "Rules");
    cr_expect_eq(json_integer_value(json_object_get(t.metadata, "year")), 2024);
    cr_expect_str_eq(t.text.p, "Other");
    textout_done(&t);
}

Test(extract_md, wrapped_lines_are_one_paragraph)
{
    cr_expect(gives("one\ntwo  \nthree\n\nfour", "one two\nthree\n\nfour"));
}

Test(extract_md, links_images_and_emphasis_keep_their_text)
{
    cr_expect(gives("See [the **rule**](http://x/y) and ![a chart](c.png), `code` <b>bold</b>.",
                    "See the rule and a chart, code bold."));
}

Test(extract_md, lists_keep_their_markers_and_depth)
{
    cr_expect(gives("intro\n\n- a\n- b\n  - c\n\n3. x\n4. y\n",
                    "intro\n\n- a\n- b\n  - c\n\n3. x\n4. y"));
}

Test(extract_md, tables_are_rows)
{
    cr_expect(gives("| Name | Ratio |\n|---|---|\n| CET1 | 4.5 % |\n| `a` | |\n\nafter",
                    "Name | Ratio\nCET1 | 4.5 %\na\n\nafter"));
}

Test(extract_md, code_stays_as_it_is)
{
    cr_expect(
        gives("```c\nif (x)\n    y();\n\nz();\n```\nafter", "if (x)\n    y();\n\nz();\n\nafter"));
}

Test(extract_md, entities_are_decoded)
{
    cr_expect(gives("AT&amp;T &sect; 3 &#8211; &nosuch;", "AT&T § 3 – &nosuch;"));
}

Test(extract_md, an_empty_file_has_no_text)
{
    cr_expect_eq(run("<!-- only a comment -->\n"), ERR_FORMAT);
    cr_expect(said("no text"));
    textout_done(&t);
}

/* Nesting that some parsers answer with quadratic time or a deep stack. */
static int repeated(const char *unit, size_t n)
{
    struct buf b;
    int rc;

    buf_init(&b);
    for (size_t i = 0; i < n; i++)
        buf_add_str(&b, unit);
    buf_add_str(&b, "x");
    textout_init(&t, 64 << 20);
    rc = extract_md(buf_view(&b), &t);
    textout_done(&t);
    buf_done(&b);
    return rc;
}

Test(extract_md, survives_deep_and_repeated_marks, .timeout = 120)
{
    cr_expect_eq(repeated("[", 50000), ERR_OK);
    cr_expect_eq(repeated("*a_ ", 50000), ERR_OK);
    cr_expect_leq(repeated(">", 5000), ERR_OK);
    cr_expect_leq(repeated("- ", 5000), ERR_OK);
    cr_expect_eq(repeated("![a](", 20000), ERR_OK);
    cr_expect_eq(repeated("a ", 5000000), ERR_OK); /* a line of 10 MB */
}
