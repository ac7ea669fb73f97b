#include "extract/extract_pdf.h"

#include "made.h"

static struct textout t;

static int run(struct str pdf)
{
    textout_done(&t);
    textout_init(&t, 1 << 20);
    return extract_pdf(pdf, (uint64_t)512 << 20, 10000, &t);
}

Test(extract_pdf, marks_pages)
{
    static const char *const pages[] = {"First page", "2", "Third page"};
    struct buf pdf;

    buf_init(&pdf);
    make_pdf(&pdf, pages, 3);
    cr_assert_eq(run(buf_view(&pdf)), ERR_OK);
    cr_expect_str_eq(t.text.p, "First page\n\nThird page", "a page number is no text");
    cr_assert_eq(t.n_pages, 2);
    cr_expect_eq(t.pages[0].page, 1);
    cr_expect_eq(t.pages[1].page, 3);
    cr_expect_str_eq(t.text.p + t.pages[1].start, "Third page");
    buf_done(&pdf);
    textout_done(&t);
}

Test(extract_pdf, takes_a_title_that_speaks)
{
    static const char *const pages[] = {"Rules in brief"}, *const form[] = {"UNITED STATES"};
    struct buf pdf;

    buf_init(&pdf);
    make_pdf(&pdf, pages, 1);
    cr_assert_eq(run(buf_view(&pdf)), ERR_OK);
    cr_expect_str_eq(buf_view(&t.title).p, "Rules in brief", "the first line");
    buf_cut(&pdf, 0);
    make_pdf(&pdf, form, 1);
    cr_assert_eq(run(buf_view(&pdf)), ERR_OK);
    cr_expect_eq(t.title.n, 0);
    buf_done(&pdf);
    textout_done(&t);
}

Test(extract_pdf, a_pdf_without_text_may_be_scanned)
{
    static const char *const pages[] = {""};
    struct buf pdf;

    buf_init(&pdf);
    make_pdf(&pdf, pages, 1);
    cr_expect_eq(run(buf_view(&pdf)), ERR_FORMAT);
    cr_expect(said("no text (scanned images?)"));
    buf_done(&pdf);
    textout_done(&t);
}

/* The standard security handler with a user password that nobody knows: any 32 bytes as /U make
 * the empty password wrong. */
Test(extract_pdf, says_that_a_password_is_needed)
{
    static const char *const pages[] = {"secret"};
    static const char bytes32[] = "0123456789abcdef0123456789abcdef"
                                  "0123456789abcdef0123456789abcdef";
    struct buf pdf;
    char *trailer;

    buf_init(&pdf);
    make_pdf(&pdf, pages, 1);
    trailer = strstr(pdf.p, "trailer");
    cr_assert_not_null(trailer);
    buf_cut(&pdf, (size_t)(trailer - pdf.p));
    buf_addf(&pdf,
             "trailer<</Root 1 0 R/Encrypt<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>"
             "/ID[<00><00>]>>\n%%%%EOF\n",
             bytes32, bytes32);
    cr_expect_eq(run(buf_view(&pdf)), ERR_FORMAT);
    cr_expect(said("password protected"));
    buf_done(&pdf);
    textout_done(&t);
}
