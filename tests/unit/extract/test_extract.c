#include "extract/extract.h"

#include <ftw.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "made.h"
#include "support/figure.h"

static struct extractor *x;
static struct arena *mem;
static struct extracted_list list;

static void setup(void)
{
    struct extract_limits limits = {.timeout_ms = 20000, .memory_bytes = (int64_t)2 << 30};

    use_helper();
    mem = arena_new(0);
    extractor_new(&x, &limits);
}

static void teardown(void)
{
    extracted_list_done(&list);
    extractor_free(x);
    arena_free(mem);
}

TestSuite(extract, .init = setup, .fini = teardown, .timeout = 300);

static int run(const char *name, struct str bytes)
{
    extracted_list_done(&list);
    return extract(x, kind_of(name), name, bytes, mem, &list);
}

static bool gives(const char *name, struct str bytes, const char *text)
{
    int rc = run(name, bytes);
    bool same = rc == ERR_OK && list.n == 1 && str_eq(list.v[0].text, str_of(text));

    if (!same)
        cr_log_error("%s: %s", name, rc < 0 ? err_text() : list.v[0].text.p);
    return same;
}

static bool refused(const char *name, struct str bytes, const char *reason)
{
    int rc = run(name, bytes);

    if (rc == ERR_OK)
        cr_log_error("%s was taken", name);
    return rc < 0 && said(reason);
}

Test(extract, knows_kinds_by_their_endings)
{
    cr_expect_eq(kind_of("a/b.TXT"), KIND_TXT);
    cr_expect_eq(kind_of("x.markdown"), KIND_MD);
    cr_expect_eq(kind_of("x.htm"), KIND_HTML);
    cr_expect_eq(kind_of("x.jsonl"), KIND_JSONL);
    cr_expect_eq(kind_of("x.json"), KIND_JSON);
    cr_expect_eq(kind_of("x.exe"), KIND_UNKNOWN);
    cr_expect_eq(kind_of("txt"), KIND_UNKNOWN);
    cr_expect_str_eq(kind_name(KIND_DOCX), "docx");
    cr_expect_str_eq(kind_name((enum file_kind)99), "unknown");
}

Test(extract, reads_every_kind)
{
    static const char *const pages[] = {"Page text"};
    struct buf pdf, docx;

    buf_init(&pdf);
    buf_init(&docx);
    make_pdf(&pdf, pages, 1);
    make_docx(&docx, "<w:p><w:r><w:t>Word text</w:t></w:r></w:p>");
    cr_expect(gives("a.txt", STR_LIT("one  \r\ntwo\r\n\r\n\r\n\r\nthree\r"), "one\ntwo\n\nthree"));
    cr_expect(gives("a.md", STR_LIT("# One\ntwo"), "One\n\ntwo"));
    cr_expect(gives("a.html", STR_LIT("<p>One"), "One"));
    cr_expect(gives("a.csv", STR_LIT("a,b\n1,2"), "a: 1 | b: 2"));
    cr_expect(gives("a.json", STR_LIT("{\"text\":\"x\"}"), "x"));
    cr_expect(gives("a.jsonl", STR_LIT("{\"text\":\"x\"}\n"), "x"));
    cr_expect(gives("a.pdf", buf_view(&pdf), "Page text"));
    cr_expect(gives("a.docx", buf_view(&docx), "Word text"));
    buf_done(&pdf);
    buf_done(&docx);
}

Test(extract, refuses_empty_large_unknown_and_binary_files)
{
    struct extract_limits limits = {.file_bytes = 10};

    cr_expect(refused("a.txt", STR_LIT(""), "empty"));
    cr_expect(refused("a.txt", STR_LIT(" \n\t\n"), "no text"));
    cr_expect(refused("a.exe", STR_LIT("MZ"), "not read"));
    cr_expect(refused("a.csv", STR_LIT("a,b\n\0,x"), "binary"));
    extractor_free(x);
    extractor_new(&x, &limits);
    cr_expect(refused("a.txt", STR_LIT("more than ten bytes"), "over the limit of 10"));
}

Test(extract, titles_a_txt_file_by_its_first_line)
{
    static const char prose[] = "A bank holds enough liquid assets to survive thirty days.\n";
    char text[400];

    snprintf(text, sizeof text, "Liquidity in brief\n\nWhat it asks\n\n%s", prose);
    cr_assert_eq(run("a.txt", str_of(text)), ERR_OK);
    cr_expect(str_eq(list.v[0].title, STR_LIT("Liquidity in brief")));
    cr_assert_eq(list.v[0].n_headings, 2);
    cr_expect_eq(list.v[0].headings[0].level, 1);
    cr_assert_eq(run("a.txt", STR_LIT("Not alone in its block\nbut with this.\n")), ERR_OK);
    cr_expect_eq(list.v[0].title.n, 0);
    cr_assert_eq(run("a.txt", STR_LIT("It is a sentence.\n\nAnd another.\n")), ERR_OK);
    cr_expect_eq(list.v[0].title.n, 0);
    cr_assert_eq(run("a.txt", STR_LIT("Nothing comes after it\n")), ERR_OK);
    cr_expect_eq(list.v[0].title.n, 0);
}

Test(extract, takes_utf16_and_latin1)
{
    cr_expect(gives("a.txt", STR_LIT("\xFF\xFEh\0i\0"), "hi"));
    cr_expect(gives("a.md", STR_LIT("# caf\xE9\n"), "café"));
    cr_expect(gives("a.json", STR_LIT("\xEF\xBB\xBF{\"text\":\"x\"}"), "x"));
    cr_expect(gives("a.html", STR_LIT("\xFE\xFF\0<\0p\0>\0x"), "x"));
}

Test(extract, needs_a_helper_for_parsers_of_others_only)
{
    setenv("RAGD_HELPER", "/no/such/helper", 1);
    cr_expect(refused("a.html", STR_LIT("<p>x"), "RAGD_HELPER"));
    cr_expect(gives("a.txt", STR_LIT("x"), "x"));
}

Test(extract, refuses_half_a_megabyte_of_nested_div_within_the_limit)
{
    struct buf b;
    uint64_t start = clock_ns();

    buf_init(&b);
    while (b.n < 500000)
        buf_add_str(&b, "<div>");
    cr_expect(refused("a.html", buf_view(&b), "nested deeper"));
    cr_expect_lt(clock_ms_since(start), 20000);
    cr_expect(gives("b.html", STR_LIT("<p>next"), "next"));
    buf_done(&b);
}

Test(extract, lines_of_ten_megabytes_are_fine)
{
    static const char *const names[] = {"a.txt", "a.md", "a.html", "a.csv"};
    struct buf b;

    buf_init(&b);
    while (b.n < 10000000)
        buf_add_str(&b, "word and word, ");
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(run(names[i], buf_view(&b)), ERR_OK, "%s: %s", names[i], err_text());
    cr_expect(refused(names[3], buf_view(&b), "columns"));
    buf_done(&b);
}

#define DAMAGES 60

/* Cut and flipped copies of good files: any end but a crash, and the next good file is read. */
static void damage(const char *name, const struct buf *good)
{
    struct buf b;
    unsigned seed = 12345;

    buf_init(&b);
    for (int round = 0; round < DAMAGES; round++) {
        buf_clear(&b);
        buf_add_view(&b, buf_view(good));
        for (int k = 0; k < 8; k++) {
            seed = seed * 1103515245u + 12345u;
            b.p[(seed >> 8) % b.n] = (char)(seed >> 24);
        }
        if (round % 3 == 0)
            buf_cut(&b, (seed >> 8) % b.n);
        if (run(name, buf_view(&b)) == ERR_OK && list.n)
            cr_expect(utf8_valid(list.v[0].text.p, list.v[0].text.n));
    }
    cr_expect_eq(run(name, buf_view(good)), ERR_OK, "%s: %s", name, err_text());
    buf_done(&b);
}

Test(extract, damaged_files_harm_nobody)
{
    static const char *const pages[] = {"Page text\nmore", "Second page"};
    struct buf b;

    buf_init(&b);
    make_pdf(&b, pages, 2);
    damage("a.pdf", &b);
    buf_clear(&b);
    make_docx(&b, "<w:p><w:r><w:t>Word text</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc>"
                  "</w:tr></w:tbl>");
    damage("a.docx", &b);
    buf_clear(&b);
    buf_add_str(&b, "<html><table><tr><td>a<ul><li>b</ul></table><h1>c</h1><pre> d\n</pre>");
    damage("a.html", &b);
    buf_clear(&b);
    buf_add_str(&b,
                "---\na: [1, \"x\"]\n---\n# h\n\n| a | b |\n|---|---|\n| c | d |\n\n- x\n  1. y\n");
    damage("a.md", &b);
    buf_clear(&b);
    buf_add_str(&b, "a,b\n\"x\ny\",2\n3,\"4\"\"\"\n");
    damage("a.csv", &b);
    buf_done(&b);
    figure("R14 | pdf, docx, html, md and csv, cut and flipped %d times each | 0 crashes, 0 hangs, "
           "the next file is read",
           DAMAGES);
}

/* ---- real files ---- */

static struct str folded(struct str s)
{
    char *p = arena_alloc(mem, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        bool blank = strchr(" \n\t", s.p[i]) != NULL;

        if (!blank || (n && p[n - 1] != ' '))
            p[n++] = blank ? ' ' : s.p[i];
    }
    p[n] = '\0';
    return (struct str){p, n};
}

/* The folded text of a document, extracted once. */
static struct str text_of(const char *data, const char *doc)
{
    static struct {
        char name[200];
        struct str text;
    } seen[64];
    static size_t n_seen;
    char path[5000];
    struct buf b;

    for (size_t i = 0; i < n_seen; i++)
        if (strcmp(seen[i].name, doc) == 0)
            return seen[i].text;
    cr_assert_lt(n_seen, 64);
    buf_init(&b);
    snprintf(path, sizeof(path), "%s/%s", data, doc);
    cr_assert_eq(file_read(path, 1 << 28, &b), ERR_OK, "%s", err_text());
    cr_assert_eq(run(doc, buf_view(&b)), ERR_OK, "%s: %s", doc, err_text());
    snprintf(seen[n_seen].name, sizeof(seen[0].name), "%s", doc);
    seen[n_seen].text = folded(list.v[0].text);
    buf_done(&b);
    return seen[n_seen++].text;
}

static void check_gold(const char *data, const json_t *gold)
{
    const char *doc = json_string_value(json_object_get(gold, "doc"));
    struct str want = folded(str_of(json_string_value(json_object_get(gold, "text"))));
    struct str text = text_of(data, doc);

    cr_expect(memmem(text.p, text.n, want.p, want.n) != NULL, "%s lacks: %s", doc, want.p);
}

Test(extract, real_documents_hold_their_gold_texts_word_for_word)
{
    char data[4096], path[4200];
    struct buf b;

    shared_data(data);
    if (!data[0])
        cr_skip_test("needs ../shared/data");
    buf_init(&b);
    snprintf(path, sizeof(path), "%s/demo-questions.jsonl", data);
    cr_assert_eq(file_read(path, 1 << 24, &b), ERR_OK);
    for (char *line = strtok(b.p, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *q = json_loads(line, 0, NULL);
        size_t i;
        json_t *gold;

        json_array_foreach(json_object_get(q, "gold"), i, gold)
            check_gold(data, gold);
        json_decref(q);
    }
    buf_done(&b);
}
