#include "extract/pdftotext.h"

#include "made.h"

static const struct pdftotext_limits limits = {(uint64_t)512 << 20, 1 << 20, 10000};
static struct buf out;

static int run(struct str pdf)
{
    buf_done(&out);
    buf_init(&out);
    return pdftotext_run(pdf, &limits, &out);
}

Test(pdftotext, draws_the_pages)
{
    static const char *const pages[] = {"Hello page", "Second"};
    struct buf pdf;

    buf_init(&pdf);
    make_pdf(&pdf, pages, 2);
    cr_expect_eq(run(buf_view(&pdf)), ERR_OK);
    cr_expect_not_null(strstr(out.p, "Hello page"));
    cr_expect_not_null(strstr(out.p, "\fSecond") ? out.p : strstr(out.p, "Second"));
    buf_done(&pdf);
    buf_done(&out);
}

Test(pdftotext, says_why_a_file_cannot_be_read)
{
    cr_expect_eq(run(STR_LIT("this is no PDF")), ERR_FORMAT);
    cr_expect(said("damaged PDF"));
    cr_expect_eq(run(STR_LIT("%PDF-1.4\ncut here")), ERR_FORMAT);
    cr_expect(said("damaged PDF"));
    buf_done(&out);
}

Test(pdftotext, stops_at_the_output_limit)
{
    static const struct pdftotext_limits tight = {(uint64_t)512 << 20, 100, 10000};
    static const char *const pages[] = {"Hello"};
    struct buf pdf;

    buf_init(&pdf);
    buf_init(&out);
    make_pdf(&pdf, pages, 1);
    cr_expect_eq(pdftotext_run(buf_view(&pdf), &tight, &out), ERR_LIMIT);
    cr_expect_leq(out.n, 100);
    buf_done(&pdf);
    buf_done(&out);
}

Test(pdftotext, says_what_is_missing)
{
    setenv("PATH", "/nowhere", 1);
    cr_expect_eq(run(STR_LIT("%PDF-1.4")), ERR_UNAVAILABLE);
    cr_expect(said("poppler-utils"));
    buf_done(&out);
}
