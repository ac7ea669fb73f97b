#include "extract/extract_docx.h"

#include "made.h"

static struct textout t;

static int run_parts(const char *const *parts)
{
    struct buf b;
    int rc;

    buf_init(&b);
    make_zip(&b, parts);
    textout_done(&t);
    textout_init(&t, 1 << 20);
    rc = extract_docx(buf_view(&b), &t);
    buf_done(&b);
    return rc;
}

static int run(const char *body)
{
    struct buf b;
    int rc;

    buf_init(&b);
    make_docx(&b, body);
    textout_done(&t);
    textout_init(&t, 1 << 20);
    rc = extract_docx(buf_view(&b), &t);
    buf_done(&b);
    return rc;
}

static bool gives(const char *body, const char *want)
{
    bool same = run(body) == ERR_OK && strcmp(t.text.p, want) == 0;

    if (!same)
        cr_log_error("got:\n%s", t.text.p ? t.text.p : err_text());
    textout_done(&t);
    return same;
}

#define P(text) "<w:p><w:r><w:t>" text "</w:t></w:r></w:p>"

Test(extract_docx, paragraphs_are_blocks)
{
    cr_expect(gives(P("One") "<w:p/>" P("t&amp;wo"), "One\n\nt&wo"));
}

Test(extract_docx, runs_join_tabs_and_breaks_count)
{
    cr_expect(
        gives("<w:p><w:r><w:t>ca</w:t></w:r><w:r><w:t xml:space=\"preserve\">pital </w:t>"
              "<w:tab/><w:t>x</w:t><w:br/><w:t>y</w:t><w:noBreakHyphen/><w:t>z</w:t></w:r></w:p>",
              "capital x\ny-z"));
}

Test(extract_docx, tables_are_rows_and_items_are_items)
{
    cr_expect(gives("<w:tbl><w:tr><w:tc>" P("a") "</w:tc><w:tc>" P("b") P(
                        "c") "</w:tc></w:tr>"
                             "<w:tr><w:tc>" P("d") "</w:tc><w:tc/></w:tr></w:tbl>"
                                                   "<w:p><w:pPr><w:numPr><w:ilvl "
                                                   "w:val=\"0\"/><w:numId w:val=\"3\"/></w:numPr>"
                                                   "</w:pPr><w:r><w:t>x</w:t></w:r></w:p>"
                                                   "<w:p><w:pPr><w:numPr><w:ilvl "
                                                   "w:val=\"1\"/><w:numId w:val=\"3\"/></w:numPr>"
                                                   "</w:pPr><w:r><w:t>y</w:t></w:r></w:p>" P("end"),
                    "a | b c\nd\n\n- x\n  - y\n\nend"));
}

Test(extract_docx, leaves_out_deleted_text_and_field_codes)
{
    cr_expect(gives("<w:p><w:del><w:r><w:delText>no</w:delText><w:t>no</w:t></w:r></w:del>"
                    "<w:ins><w:r><w:t>yes</w:t></w:r></w:ins><w:r><w:instrText>PAGE</w:instrText>"
                    "</w:r></w:p>",
                    "yes"));
}

Test(extract_docx, finds_headings_by_their_built_in_names)
{
    const char *parts[] = {
        "word/document.xml",
        DOCX_HEAD "<w:p><w:pPr><w:pStyle w:val=\"berschrift2\"/></w:pPr><w:r><w:t>Teil</w:t></w:r>"
                  "</w:p>" P("Text") DOCX_TAIL,
        "word/styles.xml",
        "<w:styles xmlns:w=\"x\"><w:style w:styleId=\"berschrift2\"><w:name w:val=\"heading 2\"/>"
        "</w:style></w:styles>",
        "docProps/core.xml",
        "<c:p xmlns:c=\"x\" xmlns:dc=\"y\"><dc:creator>A</dc:creator><dc:title>Der Titel</dc:title>"
        "</c:p>",
        NULL};

    cr_expect_eq(run_parts(parts), ERR_OK);
    cr_expect(heading_is(&t, 0, 2, "Teil"));
    cr_expect_str_eq(t.title.p, "Der Titel");
    textout_done(&t);
}

Test(extract_docx, refuses_document_types_and_so_entity_bombs)
{
    const char *parts[] = {"word/document.xml",
                           "<!DOCTYPE a [<!ENTITY x \"yyyyyyyyyy\"><!ENTITY z \"&x;&x;&x;&x;\">]>"
                           "<a><t>&z;&z;&z;</t></a>",
                           NULL};

    cr_expect_eq(run_parts(parts), ERR_FORMAT);
    cr_expect(said("document type"));
    textout_done(&t);
}

Test(extract_docx, refuses_what_is_not_word)
{
    const char *other[] = {"xl/workbook.xml", "<a/>", NULL};

    cr_expect_eq(run_parts(other), ERR_FORMAT);
    cr_expect(said("not a Word document"));
    cr_expect_eq(run("<w:p>"), ERR_FORMAT);
    cr_expect(said("well-formed"));
    cr_expect_eq(run(""), ERR_FORMAT);
    cr_expect(said("no text"));
    cr_expect_eq(extract_docx(STR_LIT("\xD0\xCF\x11\xE0 ole"), &t), ERR_FORMAT);
    cr_expect(said("password"));
    cr_expect_eq(extract_docx(STR_LIT("text"), &t), ERR_FORMAT);
    textout_done(&t);
}

Test(extract_docx, refuses_deep_nesting)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 50000; i++)
        buf_add_str(&b, "<w:p>");
    cr_expect_eq(run(b.p), ERR_FORMAT);
    buf_done(&b);
    textout_done(&t);
}
