#include "ingest/pieces.h"

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/mem.h"
#include "support/tokenizer.h"

static const struct piece_limits LIMITS = {.max_tokens = 100, .max_chars = 2000};

static struct arena *mem;
static struct wordpiece *tokenizer;

static void open_all(void)
{
    mem = arena_new(0);
    tokenizer_open(&tokenizer);
}

static void close_all(void)
{
    wordpiece_close(tokenizer);
    arena_free(mem);
}

TestSuite(pieces, .init = open_all, .fini = close_all);

static void take(const struct extracted *doc, const struct piece_limits *limits, struct pieces *p)
{
    pieces_of(doc, limits, tokenizer, mem, p);
}

static struct str text_of(const struct extracted *doc, const struct pieces *p, size_t i)
{
    return str_sub(doc->text, p->v[i].start, p->v[i].end);
}

Test(pieces, are_sentences_with_their_place_in_bytes_and_characters)
{
    struct extracted doc = {.text = STR_LIT("Été. Two is 2.")};
    struct pieces p;

    take(&doc, &LIMITS, &p);
    cr_assert_eq(p.n, 2);
    cr_expect(str_eq(text_of(&doc, &p, 1), STR_LIT("Two is 2.")));
    cr_expect_eq(p.v[1].start, 7);
    cr_expect_eq(p.v[1].char_start, 5);
    cr_expect_eq(p.v[1].char_end, 14);
    for (size_t i = 0; i < p.n; i++)
        cr_expect_eq(p.v[i].n_tokens, wordpiece_count(tokenizer, text_of(&doc, &p, i)));
    pieces_done(&p);
}

Test(pieces, end_at_pages_and_headings)
{
    struct extracted doc = {.text = STR_LIT("Title\none goes\non here")};
    struct page_mark pages[] = {{0, 4}, {15, 5}};
    struct heading_mark headings[] = {{0, 5, 1}};
    struct pieces p;

    doc.pages = pages;
    doc.n_pages = 2;
    doc.headings = headings;
    doc.n_headings = 1;
    take(&doc, &LIMITS, &p);
    cr_assert_eq(p.n, 3);
    cr_expect(p.v[0].heading);
    cr_expect(!p.v[1].heading);
    cr_expect_eq(p.v[1].page, 4);
    cr_expect_eq(p.v[2].page, 5);
    cr_expect(str_eq(text_of(&doc, &p, 2), STR_LIT("on here")));
    pieces_done(&p);
}

Test(pieces, know_their_section)
{
    struct extracted doc = {.text = STR_LIT("A\n\nB\n\nb\n\nC\n\nc")};
    struct heading_mark headings[] = {{0, 1, 1}, {3, 4, 3}, {9, 10, 2}};
    struct pieces p;

    doc.headings = headings;
    doc.n_headings = 3;
    take(&doc, &LIMITS, &p);
    cr_assert_eq(p.n, 5);
    cr_expect(str_eq(p.sections[p.v[2].section].path, STR_LIT("A > B")));
    cr_expect(str_eq(p.sections[p.v[4].section].path, STR_LIT("A > C")));
    cr_expect_eq(p.sections[p.v[4].section].level, 2);
    pieces_done(&p);
}

Test(pieces, keep_paths_short_and_shallow)
{
    struct buf b;
    struct extracted doc = {0};
    struct heading_mark headings[100];
    struct pieces p;

    buf_init(&b);
    for (int i = 0; i < 100; i++) {
        headings[i] = (struct heading_mark){(uint32_t)b.n, (uint32_t)b.n + 12, i + 1};
        buf_add_str(&b, "été  heading\n\n");
        headings[i].end = (uint32_t)b.n - 2;
    }
    doc.text = buf_view(&b);
    doc.headings = headings;
    doc.n_headings = 100;
    take(&doc, &LIMITS, &p);
    for (size_t i = 0; i < p.n_sections; i++) {
        cr_expect_leq(p.sections[i].path.n, PIECES_PATH_MAX + 8);
        cr_expect_null(memmem(p.sections[i].path.p, p.sections[i].path.n, "  ", 2));
    }
    pieces_done(&p);
    buf_done(&b);
}

Test(pieces, of_a_long_sentence_are_about_equal)
{
    struct buf b;
    struct extracted doc = {0};
    struct pieces p;

    buf_init(&b);
    for (int i = 0; i < 110; i++) /* a little more than one piece may have */
        buf_add_str(&b, "capital ");
    doc.text = buf_view(&b);
    take(&doc, &LIMITS, &p);
    cr_assert_geq(p.n, 2);
    for (size_t i = 0; i < p.n; i++)
        cr_expect_leq(p.v[i].n_tokens, LIMITS.max_tokens);
    cr_expect_geq(p.v[p.n - 1].n_tokens * 3, p.v[0].n_tokens, "no crumb at the end");
    pieces_done(&p);
    buf_done(&b);
}

Test(pieces, of_an_empty_text_are_none)
{
    struct extracted doc = {.text = STR_LIT("")};
    struct pieces p;

    take(&doc, &LIMITS, &p);
    cr_expect_eq(p.n, 0);
    pieces_done(&p);
}
