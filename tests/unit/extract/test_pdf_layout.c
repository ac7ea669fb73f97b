#include "extract/pdf_layout.h"

#include "made.h"

static bool gives(const char *page, const char *want)
{
    struct pdf_layout *l = pdf_layout_new(str_of(page));
    struct textout t;
    bool same;

    textout_init(&t, 1 << 20);
    pdf_layout_page(l, str_of(page), &t);
    same = strcmp(buf_view(&t.text).p, want) == 0;
    if (!same)
        cr_log_error("got:\n%s", t.text.p);
    textout_done(&t);
    pdf_layout_free(l);
    return same;
}

Test(pdf_layout, full_lines_run_on_and_short_ones_end)
{
    cr_expect(gives("Our results for the year demonstrate that our growth strategy is\n"
                    "working and our business is in a stronger position.\n"
                    "Second paragraph.\n"
                    "Title Line\n"
                    "\n"
                    "Another block.\n",
                    "Our results for the year demonstrate that our growth strategy is working and "
                    "our business is in a stronger position.\n"
                    "Second paragraph.\nTitle Line\n\nAnother block."));
}

/* The headings of a page, "4 Scope;" each. */
static bool marks(const char *page, const char *want)
{
    struct pdf_layout *l = pdf_layout_new(str_of(page));
    struct textout t;
    struct buf got;
    bool same;

    buf_init(&got);
    textout_init(&t, 1 << 20);
    pdf_layout_page(l, str_of(page), &t);
    for (size_t i = 0; i < t.n_headings; i++)
        buf_addf(&got, "%d %.*s;", t.headings[i].level,
                 (int)(t.headings[i].end - t.headings[i].start), t.text.p + t.headings[i].start);
    same = str_eq(buf_view(&got), str_of(want));
    if (!same)
        cr_log_error("got: %.*s", STR_ARGS(buf_view(&got)));
    buf_done(&got);
    textout_done(&t);
    pdf_layout_free(l);
    return same;
}

#define PROSE "Before an account is opened, the program must collect four things of everyone.\n"

Test(pdf_layout, a_short_line_over_wider_prose_is_a_heading)
{
    cr_expect(gives("The bank verifies identity.\nKnowing the customer\n" PROSE,
                    "The bank verifies identity.\n\nKnowing the customer\n\n"
                    "Before an account is opened, the program must collect four things of "
                    "everyone."));
    cr_expect(marks("The bank verifies identity.\nKnowing the customer\n" PROSE,
                    "4 Knowing the customer;"));
    cr_expect(marks("Scope\n\n" PROSE, "4 Scope;"));
    cr_expect(marks("Item 1A.      Risk Factors\n" PROSE "\nNote 5 - Debt\n" PROSE,
                    "2 Item 1A. Risk Factors;3 Note 5 - Debt;"));
}

Test(pdf_layout, tables_addresses_and_lists_hold_no_headings)
{
    cr_expect(marks("Net sales by region\nEurope               1,234         1,235\n", ""));
    cr_expect(marks("Example Bank\nHigh Street 1\nSpringfield\n\n", ""));
    cr_expect(marks("The parts are internal controls, independent testing and the\n"
                    "Compliance officer\n" PROSE,
                    ""),
              "the end of a paragraph");
    cr_expect(marks("Independent testing\n- " PROSE, ""), "items below it");
    cr_expect(
        marks("A title that goes on and on until it is nearly as wide as the text\n" PROSE, ""));
}

Test(pdf_layout, hyphens_go_when_the_document_knows_the_word)
{
    cr_expect(gives("The information is here in a line that is full of words informa-\n"
                    "tion and that goes on to the margin where receivables of client-\n"
                    "driven activities are.\n",
                    "The information is here in a line that is full of words information and that "
                    "goes on to the margin where receivables of client-driven activities are."));
}

Test(pdf_layout, tables_are_one_block_of_rows)
{
    cr_expect(gives("                          2023            2022\n"
                    "Net sales         $     14,694 $        14,544\n"
                    "\n"
                    "Basic earnings:\n"
                    "Gross profit             2,725           2,820\n"
                    "See accompanying notes.\n",
                    "2023 | 2022\nNet sales | $ 14,694 | $ 14,544\n\nBasic earnings:\n"
                    "Gross profit | 2,725 | 2,820\nSee accompanying notes."));
}

Test(pdf_layout, items_begin_lines)
{
    cr_expect(
        gives("The ratios are as follows in this long line of the paragraph here:\n"
              "\xE2\x80\xA2   a common equity tier 1 capital ratio of 4.5 percent of all assets\n"
              "    that are weighted by risk;\n"
              "\xE2\x80\xA2   a tier 1 ratio.\n",
              "The ratios are as follows in this long line of the paragraph here:\n"
              "\xE2\x80\xA2 a common equity tier 1 capital ratio of 4.5 percent of all assets that "
              "are weighted by risk;\n\xE2\x80\xA2 a tier 1 ratio."));
}

Test(pdf_layout, columns_are_read_one_after_the_other)
{
    cr_expect(gives("The left column of this page tells   The right column tells quite another\n"
                    "one story in several lines of prose  story, which must not be mixed with\n"
                    "that ends before the gutter begins.  the left one when it is read aloud.\n",
                    "The left column of this page tells one story in several lines of prose that "
                    "ends before the gutter begins.\n\nThe right column tells quite another story, "
                    "which must not be mixed with the left one when it is read aloud."));
}

Test(pdf_layout, survives_lines_of_any_shape)
{
    struct buf b;
    struct pdf_layout *l;
    struct textout t;

    buf_init(&b);
    for (int i = 0; i < 200000; i++)
        buf_add_str(&b, i % 7 ? " x" : "   \xE2\x80\xA2");
    buf_add_str(&b, "\n\n\n-\n $ \n(\n\xC3\xA9-\nabc");
    l = pdf_layout_new(buf_view(&b));
    textout_init(&t, 1 << 20);
    pdf_layout_page(l, buf_view(&b), &t);
    cr_expect_gt(t.text.n, 100000);
    textout_done(&t);
    pdf_layout_free(l);
    buf_done(&b);
}
