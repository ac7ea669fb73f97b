#include "extract/extract_csv.h"

#include "made.h"

static struct textout t;

static int run(const char *csv)
{
    textout_done(&t);
    textout_init(&t, 1 << 20);
    return extract_csv(str_of(csv), &t);
}

static bool gives(const char *csv, const char *want)
{
    bool same = run(csv) == ERR_OK && strcmp(t.text.p, want) == 0;

    if (!same)
        cr_log_error("got:\n%s", t.text.p ? t.text.p : err_text());
    textout_done(&t);
    return same;
}

Test(extract_csv, every_row_repeats_the_names_of_its_columns)
{
    cr_expect(gives("name,ratio\r\nTier 1,6 %\r\nTotal,8 %\r\n",
                    "name: Tier 1 | ratio: 6 %\nname: Total | ratio: 8 %"));
}

Test(extract_csv, quotes_hold_separators_line_ends_and_quotes)
{
    cr_expect(gives("a,b\n\"x, \"\"y\"\"\nz\",2\n", "a: x, \"y\" z | b: 2"));
}

Test(extract_csv, finds_the_separator)
{
    cr_expect(gives("a;b\n1,5;2\n3,5;4\n", "a: 1,5 | b: 2\na: 3,5 | b: 4"));
    cr_expect(gives("a\tb\nx, y\tz\n", "a: x, y | b: z"));
    cr_expect(gives("a|b\nx|y\n", "a: x | b: y"));
}

Test(extract_csv, a_first_row_of_numbers_is_data_but_years_are_names)
{
    cr_expect(gives("1,2\n3,4\n", "1 | 2\n3 | 4"));
    cr_expect(gives("item,2022,2023\nsales,5,6\n", "item: sales | 2022: 5 | 2023: 6"));
}

Test(extract_csv, short_and_long_rows_and_empty_cells_are_fine)
{
    cr_expect(gives("a,b\n1\n\n,2\n1,2,3\n", "a: 1\nb: 2\na: 1 | b: 2 | 3"));
}

Test(extract_csv, an_open_quote_ends_with_the_file)
{
    cr_expect(gives("a,b\nx,\"open\n", "a: x | b: open"));
}

Test(extract_csv, a_header_alone_is_its_names)
{
    cr_expect(gives("a,b\n", "a | b"));
    cr_expect_eq(run(",,\n,,\n"), ERR_FORMAT);
    textout_done(&t);
}

Test(extract_csv, refuses_too_many_columns_and_cells_too_long)
{
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, "a,b\n1,2\n");
    for (int i = 0; i < CSV_COLUMNS_MAX; i++)
        buf_add_str(&b, "x,");
    cr_expect_eq(run(b.p), ERR_LIMIT);
    cr_expect(said("line 3"));
    buf_clear(&b);
    buf_add_str(&b, "a,b\n1,\"");
    for (size_t i = 0; i <= CSV_CELL_MAX; i++)
        buf_add_char(&b, 'x');
    cr_expect_eq(run(b.p), ERR_LIMIT);
    cr_expect(said("line 2"));
    buf_done(&b);
    textout_done(&t);
}
