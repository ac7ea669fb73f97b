#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "ingest/chunk.h"
#include "support/tokenizer.h"
#include "text/sentences.h"
#include "text/wordpiece.h"

struct cut {
    struct arena *mem;
    struct wordpiece *w;
    struct extracted doc;
    struct chunk *v;
    size_t n;
};

static const struct chunk_settings USUAL = {1000, 150, 254};

static void cut(struct cut *c, const char *text, const struct chunk_settings *s)
{
    c->doc.text = str_of(text);
    cr_assert_eq(chunk_document(&c->doc, s, c->w, c->mem, &c->v, &c->n), ERR_OK, "%s", err_text());
}

static void cut_open(struct cut *c)
{
    *c = (struct cut){.mem = arena_new(0)};
    tokenizer_open(&c->w);
}

static void cut_close(struct cut *c)
{
    wordpiece_close(c->w);
    arena_free(c->mem);
}

static struct str text_of(const struct cut *c, size_t i)
{
    return str_sub(c->doc.text, c->v[i].start, c->v[i].end);
}

static size_t count_chars(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* What the header promises of any text. */
static void check_promises(const struct cut *c, const struct chunk_settings *s, const char *name)
{
    struct str t = c->doc.text;
    size_t covered = 0;

    for (size_t i = 0; i < c->n; i++) {
        const struct chunk *k = &c->v[i];
        struct span gap = span_trim(t, covered, k->start > covered ? k->start : covered);

        cr_assert_lt(k->start, k->end, "%s: chunk %zu is empty", name, i);
        cr_assert_leq(k->end, t.n);
        cr_assert_eq(gap.start, gap.end, "%s: text before chunk %zu is in none", name, i);
        cr_assert_eq(utf8_floor(t.p, t.n, k->start), k->start);
        cr_assert_eq(utf8_floor(t.p, t.n, k->end), k->end);
        cr_assert_leq(wordpiece_count(c->w, text_of(c, i)), s->max_tokens, "%s: chunk %zu", name,
                      i);
        cr_assert_leq(count_chars(text_of(c, i)), s->chars * 2, "%s: chunk %zu", name, i);
        if (i) {
            cr_assert_gt(k->start, c->v[i - 1].start, "%s: chunk %zu", name, i);
            cr_assert_gt(k->end, c->v[i - 1].end, "%s: chunk %zu", name, i);
            if (k->start < c->v[i - 1].end)
                cr_assert_leq(count_chars(str_sub(t, k->start, c->v[i - 1].end)), s->overlap);
        }
        covered = k->end;
    }
    cr_assert_eq(span_trim(t, covered, t.n).start, span_trim(t, covered, t.n).end,
                 "%s: the end is in no chunk", name);
}

static char *repeat(const char *part, size_t n)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < n; i++)
        buf_add_str(&b, part);
    return buf_take(&b);
}

Test(chunk, of_a_small_text_is_all_of_it)
{
    struct cut c;

    cut_open(&c);
    cut(&c, "  One sentence. Another one.\n", &USUAL);
    cr_assert_eq(c.n, 1);
    cr_expect(str_eq(text_of(&c, 0), STR_LIT("One sentence. Another one.")));
    cr_expect_eq(c.v[0].page, 0);
    cr_expect_eq(c.v[0].heading.n, 0);
    cut_close(&c);
}

Test(chunk, of_white_space_is_none)
{
    struct cut c;

    cut_open(&c);
    cut(&c, " \n\t ", &USUAL);
    cr_expect_eq(c.n, 0);
    cut(&c, "", &(struct chunk_settings){0, 0, 254});
    cr_expect_eq(c.n, 0);
    cut_close(&c);
}

Test(chunk, repeats_whole_sentences_of_the_one_before)
{
    struct cut c;
    char *text = repeat("The bank holds capital against its risks. ", 60);

    cut_open(&c);
    cut(&c, text, &USUAL);
    cr_assert_geq(c.n, 2);
    check_promises(&c, &USUAL, "sentences");
    cr_expect_lt(c.v[1].start, c.v[0].end, "there is an overlap");
    cr_expect(str_starts(text_of(&c, 1), STR_LIT("The bank")));
    cr_expect_geq(count_chars(text_of(&c, 0)), 900);
    mem_free(text);
    cut_close(&c);
}

Test(chunk, gives_a_short_tail_to_the_chunk_before)
{
    struct cut c;
    char *text = repeat("The bank holds capital against its risks. ", 26); /* 1,091 characters */

    cut_open(&c);
    cut(&c, text, &USUAL);
    cr_expect_eq(c.n, 1);
    mem_free(text);
    cut_close(&c);
}

/* Headings are the lines that begin with '#'. */
static void mark_headings(struct cut *c, const char *text)
{
    size_t n = 0;
    const char *p = text;

    c->doc.headings = ARENA_ARRAY(c->mem, struct heading_mark, 100);
    for (; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (*p == '#')
            c->doc.headings[n++] = (struct heading_mark){
                (uint32_t)(p - text), (uint32_t)(p - text) + (uint32_t)strcspn(p, "\n"),
                (int32_t)strspn(p, "#")};
    c->doc.n_headings = n;
}

#define SENTENCE "The bank must hold capital against all of its risks at any time. "
#define FIVE     SENTENCE SENTENCE SENTENCE SENTENCE SENTENCE
#define TEN      FIVE FIVE

Test(chunk, begins_at_a_heading_and_knows_its_path)
{
    struct cut c;
    const char *text = "# Capital\n\n" TEN "\n\n## Minimum\n\n" TEN "\n\n# Liquidity\n\n" FIVE;

    cut_open(&c);
    mark_headings(&c, text);
    cut(&c, text, &USUAL);
    check_promises(&c, &USUAL, "headings");
    cr_assert_eq(c.n, 3);
    cr_expect(str_starts(text_of(&c, 1), STR_LIT("## Minimum")));
    cr_expect(str_eq(c.v[0].heading, STR_LIT("# Capital")));
    cr_expect(str_eq(c.v[1].heading, STR_LIT("# Capital > ## Minimum")));
    cr_expect(str_eq(c.v[2].heading, STR_LIT("# Liquidity")));
    cut_close(&c);
}

Test(chunk, joins_small_sections_of_one_parent)
{
    struct cut c;
    const char *text = "# Part\n\n## A\n\n" TEN "\n\n## B\n\nShort.\n\n## C\n\nShort too.\n\n"
                       "# Next\n\nOther.";

    cut_open(&c);
    mark_headings(&c, text);
    cut(&c, text, &USUAL);
    cr_assert_eq(c.n, 3);
    cr_expect(str_eq(text_of(&c, 1), STR_LIT("## B\n\nShort.\n\n## C\n\nShort too.")));
    cr_expect(str_starts(text_of(&c, 2), STR_LIT("# Next")), "another parent, another chunk");
    cut_close(&c);
}

Test(chunk, never_ends_with_a_heading)
{
    struct cut c;
    const char *text = "# Part\n\n" FIVE "\n\n## A\n\n" TEN FIVE FIVE;

    cut_open(&c);
    mark_headings(&c, text);
    cut(&c, text, &USUAL);
    check_promises(&c, &USUAL, "heading at the end");
    for (size_t i = 0; i < c.n; i++)
        cr_expect(!str_ends(text_of(&c, i), STR_LIT("## A")));
    cut_close(&c);
}

Test(chunk, gives_a_few_words_before_a_heading_to_that_heading)
{
    struct cut c;
    struct str rule = STR_LIT("The bank shall hold capital. "), head = STR_LIT("Scope");
    struct heading_mark h[2] = {{0, 0, 3}, {0, 0, 2}};
    struct buf text;

    cut_open(&c);
    buf_init(&text);
    buf_add_str(&text, "Notes\n\nSee above.\n\n");
    h[0] = (struct heading_mark){0, 5, 3};
    for (int i = 0; i < 35; i++)
        buf_add_view(&text, rule);
    buf_add_str(&text, "\n\n");
    c.doc.pages = (struct page_mark[]){{0, 1}, {(uint32_t)text.n, 2}};
    c.doc.n_pages = 2;
    buf_add_str(&text, "Example Bank\n\n");
    h[1] = (struct heading_mark){(uint32_t)text.n, (uint32_t)(text.n + head.n), 2};
    buf_add_view(&text, head);
    buf_add_str(&text, "\n\nThe rule applies to every bank.");
    c.doc.headings = h;
    c.doc.n_headings = 2;
    cut(&c, buf_view(&text).p, &USUAL);
    cr_expect(str_starts(text_of(&c, c.n - 1), STR_LIT("Example Bank\n\nScope\n\nThe rule")),
              "%.*s", STR_ARGS(text_of(&c, c.n - 1)));
    cr_expect(str_eq(c.v[c.n - 1].heading, head), "and is called by it");
    buf_done(&text);
    cut_close(&c);
}

Test(chunk, has_text_of_one_page_only)
{
    struct cut c;
    const char *text = "First page. It ends\n\non the second. Third.";
    struct page_mark pages[] = {{0, 1}, {21, 2}, {36, 3}};

    cut_open(&c);
    c.doc.pages = pages;
    c.doc.n_pages = 3;
    cut(&c, text, &USUAL);
    check_promises(&c, &USUAL, "pages");
    cr_assert_eq(c.n, 3);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(c.v[i].page, i + 1);
    cut_close(&c);
}

Test(chunk, cuts_a_sentence_that_the_model_cannot_see_whole)
{
    struct cut c;
    struct chunk_settings s = {1000, 150, 64};
    char *text = repeat("capital and liquidity and ", 40);

    cut_open(&c);
    cut(&c, text, &s);
    check_promises(&c, &s, "long sentence");
    for (size_t i = 0; i + 1 < c.n; i++)
        cr_expect_eq(c.doc.text.p[c.v[i].end], ' ', "between words");
    mem_free(text);
    cut_close(&c);
}

Test(chunk, cuts_words_without_end)
{
    static const char *const parts[] = {"a", "é", "資", "x1-", "\xF0\x9F\x98\x80"};
    struct cut c;

    cut_open(&c);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *text = repeat(parts[i], 20000);

        cut(&c, text, &USUAL);
        check_promises(&c, &USUAL, parts[i]);
        mem_free(text);
    }
    cut_close(&c);
}

Test(chunk, of_size_0_is_the_whole_document)
{
    struct cut c;
    char *text = repeat("The bank holds capital against its risks. ", 1000);

    cut_open(&c);
    cut(&c, text, &(struct chunk_settings){0, 0, 254});
    cr_assert_eq(c.n, 1);
    cr_expect_eq(c.v[0].start, 0);
    cr_expect_eq(c.v[0].end, strlen(text) - 1);
    mem_free(text);
    cut_close(&c);
}

Test(chunk, refuses_settings_that_cannot_be)
{
    struct cut c;

    cut_open(&c);
    c.doc.text = STR_LIT("Text.");
#define REFUSED(code, ...)                                                                         \
    cr_expect_eq(                                                                                  \
        chunk_document(&c.doc, &(struct chunk_settings){__VA_ARGS__}, c.w, c.mem, &c.v, &c.n),     \
        code)
    REFUSED(ERR_LIMIT, CHUNK_CHARS_MAX + 1, 0, 254);
    REFUSED(ERR_ARGUMENT, 100, 100, 254);
    REFUSED(ERR_ARGUMENT, 100, 10, 3);
    cut_close(&c);
}

Test(chunk, of_too_many_chunks_is_refused)
{
    struct cut c;
    char *text = repeat("a. B\n\n", CHUNKS_PER_DOCUMENT_MAX / 2 + 1);

    cut_open(&c);
    c.doc.text = str_of(text);
    cr_expect_eq(
        chunk_document(&c.doc, &(struct chunk_settings){1, 0, 254}, c.w, c.mem, &c.v, &c.n),
        ERR_LIMIT);
    mem_free(text);
    cut_close(&c);
}

Test(chunk, passes_over_marks_that_lie)
{
    struct cut c;
    struct heading_mark lies[] = {
        {30, 20, 1}, {2, 5, -3}, {2, 400, 1}, {9999, 10000, 2}, {0, 0, 1}};
    struct page_mark pages[] = {{20, 2}, {3, 1}, {20, 9}, {5000, 4}};

    cut_open(&c);
    c.doc.headings = lies;
    c.doc.n_headings = 5;
    c.doc.pages = pages;
    c.doc.n_pages = 4;
    cut(&c, "One two three four five six seven eight nine ten.", &USUAL);
    check_promises(&c, &USUAL, "lies");
    cut_close(&c);
}

Test(chunk, keeps_its_promises_on_random_text)
{
    static const char *const parts[] = {
        "capital",      " ",      ". ", "\n\n", "| a | b |\n",
        "12 U.S.C. 84", "資本",   "é",  "\n- ", "unbelievablylongword",
        "。",           "\n# H\n"};
    static const struct chunk_settings settings[] = {
        {1000, 150, 254}, {100, 30, 254}, {40, 39, 16}, {1, 0, 16}, {5000, 100, 20}};
    unsigned seed = 11;
    struct cut c;

    for (int round = 0; round < 300; round++) {
        const struct chunk_settings *s = &settings[round % 5];
        struct buf b;
        struct chunk *first;
        size_t n_first;

        buf_init(&b);
        cut_open(&c);
        while (b.n < (size_t)(round * 20))
            buf_add_str(&b, parts[rand_r(&seed) % (sizeof parts / sizeof *parts)]);
        buf_add_str(&b, ".");
        mark_headings(&c, b.p);
        cut(&c, b.p, s);
        check_promises(&c, s, "random");
        first = c.v;
        n_first = c.n;
        cut(&c, b.p, s);
        cr_assert_eq(n_first, c.n, "the same text gives the same chunks");
        for (size_t i = 0; i < n_first; i++)
            cr_assert(first[i].start == c.v[i].start && first[i].end == c.v[i].end);
        cut_close(&c);
        buf_done(&b);
    }
}

Test(chunk, of_megabytes_takes_seconds, .timeout = 120)
{
    static const char *const parts[] = {"a ", "資", "aaaaaaaaaa", ". ", "The end. ", "\n", "- b\n"};
    struct cut c;

    cut_open(&c);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *text = repeat(parts[i], (1u << 20) / strlen(parts[i]));

        c.doc.text = str_of(text);
        cr_expect_geq(chunk_document(&c.doc, &USUAL, c.w, c.mem, &c.v, &c.n), 0);
        mem_free(text);
    }
    cut_close(&c);
}

/* ---- real texts ---- */

static int n_files;

static int check_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    struct cut c;
    struct buf b;
    const char *dot = strrchr(path, '.');

    (void)st;
    (void)ftw;
    if (type != FTW_F || !dot || (strcmp(dot, ".txt") != 0 && strcmp(dot, ".md") != 0))
        return 0;
    buf_init(&b);
    cut_open(&c);
    cr_assert_eq(file_read(path, 16u << 20, &b), ERR_OK);
    mark_headings(&c, b.n < 100000 ? b.p : "");
    cut(&c, b.p, &USUAL);
    check_promises(&c, &USUAL, path);
    n_files++;
    cut_close(&c);
    buf_done(&b);
    return 0;
}

Test(chunk, keeps_its_promises_on_the_demo_library)
{
    char path[1024];
    const char *shared = getenv("RAGD_SHARED");

    snprintf(path, sizeof path, "%s/data/demo", shared ? shared : "../shared");
    if (access(path, R_OK) != 0)
        cr_skip_test("needs ../shared/data");
    nftw(path, check_file, 16, FTW_PHYS);
    cr_expect_geq(n_files, 30);
}

Test(chunk, without_a_tokenizer_chunks_are_no_longer_than_with_one)
{
    struct cut c, guessed;
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 400; i++)
        buf_addf(&b, "Institution %d shall maintain own funds of %d.%d %% at all times. ", i, i % 9,
                 i % 10);
    cut_open(&c);
    cut_open(&guessed);
    wordpiece_close(guessed.w);
    guessed.w = NULL;
    cut(&guessed, b.p, &USUAL);
    cr_assert_gt(guessed.n, 1);
    c.doc = guessed.doc;
    c.v = guessed.v;
    c.n = guessed.n;
    check_promises(&c, &USUAL, "guessed");
    cut_close(&c);
    cut_close(&guessed);
    buf_done(&b);
}
