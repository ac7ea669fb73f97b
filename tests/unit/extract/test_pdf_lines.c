#include "extract/pdf_lines.h"

#include "made.h"

static struct pdf_line *v;
static size_t cap, n;

static void read_page(const char *page)
{
    n = pdf_lines_read(str_of(page), &v, &cap);
}

static bool cells_are(const char *line, const char *want)
{
    struct buf b;
    struct str text = str_trim(str_of(line)), cell;
    bool same;

    buf_init(&b);
    for (size_t at = 0; pdf_next_cell(text, &at, &cell);)
        buf_addf(&b, "[%.*s]", STR_ARGS(cell));
    same = strcmp(buf_view(&b).p, want) == 0;
    if (!same)
        cr_log_error("got %s", b.p);
    buf_done(&b);
    return same;
}

Test(pdf_lines, knows_where_lines_stand)
{
    read_page("  caf\xC3\xA9 au lait\n\n    Net sales      14,694    14,544\n\xE2\x80\xA2  "
              "item\nclient-\n");
    cr_assert_eq(n, 5);
    cr_expect_eq(v[0].indent, 2);
    cr_expect_eq(v[0].end, 14);
    cr_expect_eq(v[1].text.n, 0);
    cr_expect(v[2].is_row);
    cr_expect(!v[0].is_row);
    cr_expect(v[3].is_item);
    cr_expect(v[4].hyphen);
    free(v);
}

Test(pdf_lines, wide_gaps_separate_cells)
{
    cr_expect(cells_are("Net sales       14,694     14,544", "[Net sales][14,694][14,544]"));
    cr_expect(
        cells_are("justified  text  has  gaps of two", "[justified  text  has  gaps of two]"));
    cr_expect(cells_are("Net sales      14,694  14,544", "[Net sales][14,694][14,544]"));
}

Test(pdf_lines, signs_stay_with_their_numbers)
{
    cr_expect(cells_are("Net sales   $      14,694 $     12,861",
                        "[Net sales][$      14,694][$     12,861]"));
    cr_expect(cells_are("Ratio      13.8     %     12.2 %", "[Ratio][13.8     %][12.2 %]"));
}

Test(pdf_lines, a_bullet_is_not_a_cell)
{
    cr_expect(cells_are("\xE2\x80\xA2      the item", "[\xE2\x80\xA2      the item]"));
    cr_expect(cells_are("(iv)     the item", "[(iv)     the item]"));
}

#define LEFT_1 "The left column of this page tells   "
#define LEFT_2 "one story in several lines of prose  "
#define LEFT_3 "that end before the gutter begins.   "

Test(pdf_lines, finds_two_columns_of_prose)
{
    struct pdf_line left, right;
    size_t gutter, from, to;

    read_page(
        "A line across the whole page that has no gutter in it at all, as titles have.\n" LEFT_1
        "The right column tells quite another\n" LEFT_2
        "story, which must not be mixed with\n" LEFT_3 "the left one when it is read aloud.\n"
        "Another line across the whole page, which ends the two columns that stand above.\n");
    gutter = pdf_find_gutter(v, n);
    cr_expect_eq(gutter, strlen(LEFT_1));
    cr_assert(pdf_next_band(v, n, gutter, 0, &from, &to));
    cr_expect_eq(from, 1);
    cr_expect_eq(to, 4);
    pdf_line_split(&v[1], gutter, &left, &right);
    cr_expect(str_eq(left.text, STR_LIT("The left column of this page tells")));
    cr_expect(str_eq(right.text, STR_LIT("The right column tells quite another")));
    cr_expect(!pdf_next_band(v, n, gutter, to, &from, &to));
    free(v);
}

Test(pdf_lines, a_table_is_not_two_columns)
{
    read_page("Total net revenue of all segments        41,307     30,715\n"
              "Total noninterest expense of them        20,822     18,749\n"
              "Provision for credit losses in all        2,899      1,101\n");
    cr_expect_eq(pdf_find_gutter(v, n), 0);
    free(v);
}
