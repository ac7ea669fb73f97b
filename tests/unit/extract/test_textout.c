#include "extract/textout.h"

#include "made.h"

static struct textout t;

static void setup(void)
{
    textout_init(&t, 10000);
}

static void teardown(void)
{
    textout_done(&t);
}

TestSuite(textout, .init = setup, .fini = teardown);

static void say(const char *s)
{
    textout_text(&t, s, strlen(s));
}

Test(textout, folds_blanks_and_line_ends)
{
    say("  one \t two\r\n\n three  ");
    cr_expect_str_eq(t.text.p, "one two three");
}

Test(textout, separates_blocks_by_one_blank_line_however_often_asked)
{
    say("a");
    textout_block(&t);
    textout_line(&t);
    textout_block(&t);
    say("b");
    textout_line(&t);
    say("c");
    textout_block(&t);
    cr_expect_str_eq(t.text.p, "a\n\nb\nc");
}

Test(textout, leaves_out_what_cannot_be_seen)
{
    say("a\x01"
        "b\x7F"
        "c\xC2\xAD"     /* soft hyphen */
        "d\xE2\x80\x8B" /* zero width */
        "e\xE2\x80\xAE" /* right-to-left override */
        "f\xF3\xA0\x81\x81"
        "g\xEF\xBB\xBFh");
    cr_expect_str_eq(t.text.p, "abcdefgh");
}

Test(textout, spells_ligatures_and_mends_bullets_and_bad_bytes)
{
    say("\xEF\xAC\x81nancial o\xEF\xAC\x83"
        "ce \xEF\x82\xB7 x\xFFy");
    cr_expect_str_eq(t.text.p, "financial office • x\xEF\xBF\xBDy");
}

Test(textout, no_break_spaces_are_spaces)
{
    say("12\xC2\xA0"
        "CFR\xE2\x80\xAF"
        "3");
    cr_expect_str_eq(t.text.p, "12 CFR 3");
}

Test(textout, keeps_preformatted_lines_but_not_their_trailing_blanks)
{
    static const char code[] = "if x:  \n    y()\n\n\n\nend\n";

    textout_pre(&t, code, strlen(code));
    cr_expect_str_eq(t.text.p, "if x:\n    y()\n\nend");
}

Test(textout, marks_headings_by_their_own_bytes)
{
    say("before");
    textout_heading_open(&t, 2);
    say(" Capital ");
    say("rules ");
    textout_heading_close(&t);
    say("after");
    cr_expect_str_eq(t.text.p, "before\n\nCapital rules\n\nafter");
    cr_expect(heading_is(&t, 0, 2, "Capital rules"));
}

Test(textout, an_empty_heading_leaves_no_mark)
{
    textout_heading_open(&t, 1);
    textout_heading_close(&t);
    say("x");
    cr_expect_eq(t.n_headings, 0);
    cr_expect_str_eq(t.text.p, "x");
}

static void row(const char *a, const char *b, const char *c)
{
    textout_row_open(&t);
    textout_cell(&t);
    say(a);
    textout_cell(&t);
    say(b);
    textout_cell(&t);
    say(c);
    textout_row_close(&t);
}

Test(textout, writes_rows_with_bars_and_keeps_the_place_of_empty_cells)
{
    row("a", "b ", " c");
    row("", "2023", "2022");
    row("x", "", "z");
    row("y", "", "");
    cr_expect_str_eq(t.text.p, "a | b | c\n| 2023 | 2022\nx | | z\ny");
}

Test(textout, a_block_inside_a_cell_is_a_space)
{
    textout_row_open(&t);
    textout_cell(&t);
    say("a");
    textout_block(&t);
    say("b");
    textout_cell(&t);
    say("c");
    textout_row_close(&t);
    cr_expect_str_eq(t.text.p, "a b | c");
}

Test(textout, an_item_without_text_leaves_nothing)
{
    textout_item(&t, 0, "- ");
    textout_item(&t, 1, "- ");
    textout_block(&t);
    say("one");
    textout_item(&t, 0, "2. ");
    say("two");
    cr_expect_str_eq(t.text.p, "  - one\n2. two");
}

Test(textout, pages_begin_with_their_first_text)
{
    textout_page(&t, 1);
    say("one");
    textout_page(&t, 2);
    textout_page(&t, 3);
    say("three");
    cr_expect_eq(t.n_pages, 2);
    cr_expect_eq(t.pages[0].start, 0);
    cr_expect_eq(t.pages[1].page, 3);
    cr_expect_str_eq(t.text.p + t.pages[1].start, "three");
}

Test(textout, says_when_there_is_no_text_or_too_much)
{
    cr_expect_eq(textout_finish(&t, "nothing here"), ERR_FORMAT);
    cr_expect(said("nothing here"));
    for (int i = 0; i < 2000; i++)
        say("sixteen bytes ok ");
    cr_expect_eq(textout_finish(&t, ""), ERR_LIMIT);
    textout_done(&t);
    textout_init(&t, 10);
    say("nine byte");
    textout_block(&t);
    say("x"); /* fits by itself, but not behind a blank line */
    cr_expect_eq(textout_finish(&t, ""), ERR_LIMIT);
    textout_done(&t);
    textout_init(&t, 12);
    say("nine byte");
    textout_block(&t);
    say("x");
    cr_expect_eq(textout_finish(&t, ""), ERR_OK);
    cr_expect_leq(t.text.n, 10000);
}

Test(textout, keeps_the_first_title_clean)
{
    textout_title(&t, " A\n title\x02 ", 11);
    textout_title(&t, "B", 1);
    cr_expect_str_eq(t.title.p, "A title");
}

Test(textout, hands_everything_to_an_arena)
{
    struct arena *mem = arena_new(0);
    struct extracted doc;

    t.metadata = json_pack("{s:i}", "year", 2020);
    say("text");
    textout_take(&t, mem, &doc);
    cr_expect_null(t.metadata);
    cr_expect(str_eq(doc.text, STR_LIT("text")));
    cr_expect_eq(json_integer_value(json_object_get(doc.metadata, "year")), 2020);
    json_decref(doc.metadata);
    arena_free(mem);
}
