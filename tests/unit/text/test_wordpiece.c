#include "text/wordpiece.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "golden_tokens.h"
#include "text/wordpiece_table.h"

static struct wordpiece *open_model(void)
{
    const char *dir = golden_model();
    struct wordpiece *w;

    if (!dir)
        cr_skip_test("needs models/all-MiniLM-L6-v2");
    cr_assert_eq(wordpiece_open(&w, dir), ERR_OK, "%s", err_text());
    return w;
}

/* A tokenizer of a few tokens; ids count from 0 in the order given. */
static struct wordpiece *open_small(const char *lines, const char *config)
{
    char dir[] = "/tmp/ragd-wordpiece-XXXXXX", path[64], config_path[64];
    struct wordpiece *w;

    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/vocab.txt", dir);
    snprintf(config_path, sizeof(config_path), "%s/tokenizer_config.json", dir);
    cr_assert_eq(file_write_atomic(path, lines, strlen(lines)), ERR_OK);
    cr_assert_eq(file_write_atomic(config_path, config, strlen(config)), ERR_OK);
    cr_assert_eq(wordpiece_open(&w, dir), ERR_OK, "%s", err_text());
    unlink(path);
    unlink(config_path);
    rmdir(dir);
    return w;
}

/* "id[start,end) id[start,end)", which reads well in a test. */
static const char *show(const struct wordpiece *w, struct str text)
{
    static char line[4096];
    struct tokens t = {0};
    int at = 0;

    line[0] = '\0';
    wordpiece_encode_all(w, text, &t);
    for (size_t i = 0; i < t.n && at < (int)sizeof(line) - 40; i++)
        at += snprintf(line + at, sizeof(line) - (size_t)at, "%s%d[%u,%u)", i ? " " : "", t.v[i].id,
                       t.v[i].start, t.v[i].end);
    mem_free(t.v);
    return line;
}

#define EXPECT(w, text, want) cr_expect_str_eq(show((w), STR_LIT(text)), (want))

Test(wordpiece, cuts_words_into_the_longest_pieces)
{
    struct wordpiece *w = open_model();

    EXPECT(w, "hello world", "7592[0,5) 2088[6,11)");
    EXPECT(w, "unaffable", "14477[0,3) 20961[3,6) 3468[6,9)");
    EXPECT(w, "Hello, World!", "7592[0,5) 1010[5,6) 2088[7,12) 999[12,13)");
    EXPECT(w, "$4.5", "1002[0,1) 1018[1,2) 1012[2,3) 1019[3,4)");
    EXPECT(w, "", "");
    EXPECT(w, " \t\r\n", "");
    wordpiece_close(w);
}

Test(wordpiece, remembers_where_normalized_characters_stood)
{
    struct wordpiece *w = open_model();

    EXPECT(w, "Caf\u00e9 ok", "7668[0,5) 7929[6,8)");
    EXPECT(w, "cafe\u0301 ok", "7668[0,4) 7929[7,9)"); /* a dropped accent belongs to nobody */
    EXPECT(w, "a\u200bb", "11113[0,5)");               /* zero width space is dropped */
    EXPECT(w, "\u0130stanbul", "9960[0,9)");           /* two bytes become one */
    EXPECT(w, "\u4e2d\u6587 ab", "1746[0,3) 1861[3,6) 11113[7,9)");
    EXPECT(w, "a\u2014b", "1037[0,1) 1517[1,4) 1038[4,5)"); /* a dash stands alone */
    EXPECT(w, "a\u00a0b", "1037[0,1) 1038[3,4)");
    EXPECT(w, "\ud55c a", "1469[0,3) 30006[0,3) 30021[0,3) 1037[4,5)");
    wordpiece_close(w);
}

Test(wordpiece, knows_special_tokens_in_raw_text_as_the_reference_does)
{
    struct wordpiece *w = open_model();

    EXPECT(w, "hello [SEP] world", "7592[0,5) 102[6,11) 2088[12,17)");
    EXPECT(w, "x[MASK]y", "1060[0,1) 103[1,7) 1061[7,8)");
    EXPECT(w, "\u00e9[CLS]", "1041[0,2) 101[2,7)");
    EXPECT(w, "[sep]", "1031[0,1) 19802[1,4) 1033[4,5)");
    EXPECT(w, "[[SEP]]", "1031[0,1) 102[1,6) 1033[6,7)");
    EXPECT(w, "[SEP", "1031[0,1) 19802[1,4)");
    wordpiece_close(w);
}

Test(wordpiece, reads_invalid_utf8_as_nothing)
{
    struct wordpiece *w = open_model();

    EXPECT(w, "a\xFF\xFE b", "1037[0,1) 1038[4,5)");
    EXPECT(w, "he\xC3llo", "7592[0,6)");
    EXPECT(w, "\xED\xA0\x80", "");
    EXPECT(w, "b\xF0\x9F", "1038[0,1)");
    EXPECT(w, "a\0b", "11113[0,3)"); /* NUL is a control like others */
    wordpiece_close(w);
}

Test(wordpiece, gives_up_on_words_over_a_hundred_characters)
{
    struct wordpiece *w = open_model();
    char text[400];

    memset(text, 'a', sizeof(text));
    cr_expect_gt(wordpiece_count(w, (struct str){text, 100}), 1);
    cr_expect_str_eq(show(w, (struct str){text, 101}), "100[0,101)");
    for (int i = 0; i < 200; i += 2)
        memcpy(text + i, "\u00e9", 2); /* 100 characters of two bytes */
    cr_expect_gt(wordpiece_count(w, (struct str){text, 200}), 1);
    cr_expect_str_eq(show(w, (struct str){text, 201}), "100[0,201)");
    wordpiece_close(w);
}

Test(wordpiece, crosses_a_huge_word)
{
    struct wordpiece *w = open_model();
    size_t n = 3 << 20;
    char *text = mem_alloc(n);

    for (size_t i = 0; i < n; i += 3)
        memcpy(text + i, "\u0e01", 3); /* a letter of a script without spaces */
    cr_expect_str_eq(show(w, (struct str){text, n}), "100[0,3145728)");
    memset(text, 'a', n);
    cr_expect_str_eq(show(w, (struct str){text, n}), "100[0,3145728)");
    mem_free(text);
    wordpiece_close(w);
}

Test(wordpiece, frames_a_text_and_says_when_it_is_cut)
{
    struct wordpiece *w = open_model();
    struct token out[8];
    bool cut = true;

    cr_expect_eq(wordpiece_encode(w, STR_LIT("hello world"), out, 4, &cut), 4);
    cr_expect_not(cut);
    cr_expect_eq(out[0].id, 101);
    cr_expect_eq(out[0].end, 0);
    cr_expect_eq(out[2].id, 2088);
    cr_expect_eq(out[3].id, 102);
    cr_expect_eq(out[3].start, 11);
    cr_expect_eq(out[3].end, 11);

    cr_expect_eq(wordpiece_encode(w, STR_LIT("hello world  \u200b"), out, 4, &cut), 4);
    cr_expect_not(cut, "white space behind the cut is nothing left over");
    cr_expect_eq(wordpiece_encode(w, STR_LIT("hello world."), out, 4, &cut), 4);
    cr_expect(cut);
    cr_expect_eq(out[2].id, 2088);
    cr_expect_eq(out[3].id, 102);

    cr_expect_eq(wordpiece_encode(w, STR_LIT("unaffable"), out, 4, &cut), 4); /* inside a word */
    cr_expect(cut);
    cr_expect_eq(out[2].id, 20961);

    cr_expect_eq(wordpiece_encode(w, STR_LIT("hello"), out, 2, &cut), 2);
    cr_expect(cut);
    cr_expect_eq(wordpiece_encode(w, STR_LIT(""), out, 2, NULL), 2);
    wordpiece_close(w);
}

Test(wordpiece, appends_and_counts_alike)
{
    struct wordpiece *w = open_model();
    struct tokens t = {0};

    wordpiece_encode_all(w, STR_LIT("one"), &t);
    wordpiece_encode_all(w, STR_LIT("two three"), &t);
    cr_expect_eq(t.n, 3);
    cr_expect_eq(t.v[1].start, 0, "offsets are those of the text that was given");
    cr_expect_eq(wordpiece_count(w, STR_LIT("two three")), 2);
    cr_expect_eq(wordpiece_vocab_size(w), 30522);
    mem_free(t.v);
    wordpiece_close(w);
}

Test(wordpiece, is_known_by_a_digest)
{
    struct wordpiece *a = open_small("[UNK]\n[CLS]\n[SEP]\nx\n", "{}");
    struct wordpiece *b = open_small("[UNK]\n[CLS]\n[SEP]\nx\n", "{}");
    struct wordpiece *c = open_small("[UNK]\n[CLS]\n[SEP]\ny\n", "{}");
    struct wordpiece *d = open_small("[UNK]\n[CLS]\n[SEP]\nx\n", "{\"do_lower_case\":false}");
    struct digest da = wordpiece_digest(a), db = wordpiece_digest(b), dc = wordpiece_digest(c),
                  dd = wordpiece_digest(d);

    cr_expect(digest_eq(&da, &db));
    cr_expect_not(digest_eq(&da, &dc));
    cr_expect_not(digest_eq(&da, &dd));
    wordpiece_close(a);
    wordpiece_close(b);
    wordpiece_close(c);
    wordpiece_close(d);
}

Test(wordpiece, keeps_case_and_accents_where_the_model_does)
{
    struct wordpiece *w = open_small("[UNK]\n[CLS]\n[SEP]\nCaf\u00e9\ncafe\n\u4e2d\n,\n",
                                     "{\"do_lower_case\":false}");

    EXPECT(w, "Caf\u00e9,cafe", "3[0,5) 6[5,6) 4[6,10)");
    EXPECT(w, "caf\u00e9", "0[0,5)");
    EXPECT(w, "cafe\u4e2dcafe\u0301", "4[0,4) 5[4,7) 0[7,13)");
    cr_expect_not(wordpiece_lower_case(w));
    wordpiece_close(w);
    w = open_small("[UNK]\n[CLS]\n[SEP]\nx\n", "{}");
    cr_expect(wordpiece_lower_case(w));
    wordpiece_close(w);
}

Test(wordpiece, fails_with_a_reason)
{
    struct wordpiece *w;

    cr_expect_eq(wordpiece_open(&w, "/nonexistent"), ERR_NOT_FOUND);
    cr_expect(strstr(err_text(), "/nonexistent"));
    wordpiece_close(NULL);
}

/* ---- frozen ---- */

/* Bytes aligned as wanted, with nothing behind them that may be read. */
static struct str aligned_copy(const char *p, size_t n)
{
    void *copy = NULL;

    cr_assert_eq(posix_memalign(&copy, 64, n ? n : 1), 0);
    if (n)
        memcpy(copy, p, n);
    return (struct str){copy, n};
}

static struct str freeze(const struct wordpiece *w)
{
    struct buf b;
    struct str bytes;

    buf_init(&b);
    wordpiece_freeze(w, &b);
    bytes = aligned_copy(b.p, b.n);
    buf_done(&b);
    return bytes;
}

static struct wordpiece *thaw(struct str bytes)
{
    struct wordpiece *w;

    cr_assert_eq(wordpiece_thaw(&w, bytes), ERR_OK, "%s", err_text());
    return w;
}

static const char small_vocabulary[] =
    "[UNK]\n[CLS]\n[SEP]\na\nab\nabc\n##b\n##bc\n##c\n##d\n\u00e9\n##\u00e9\n\u4e2d\n.\n";
static const char mixed_text[] = "abcd ab.bcd\u4e2d\u00e9\u0301b [SEP][UNK] abdcbabcbdc a\n\u00e9"
                                 "\u4e2d\u00e9bcd [CLS";

Test(wordpiece, is_the_same_after_freezing_and_thawing)
{
    struct wordpiece *w = open_small(small_vocabulary, "{\"do_lower_case\":false}"), *again;
    struct digest a = wordpiece_digest(w), b;
    struct str bytes = freeze(w), twice;
    char *before = mem_strdup(show(w, STR_LIT(mixed_text)));

    wordpiece_close(w); /* the bytes stand alone */
    again = thaw(bytes);
    b = wordpiece_digest(again);
    cr_expect(digest_eq(&a, &b));
    cr_expect_eq(wordpiece_vocab_size(again), 14);
    cr_expect_str_eq(show(again, STR_LIT(mixed_text)), before);
    cr_expect(strstr(before, "12["), "%s", before);
    twice = freeze(again);
    cr_expect(str_eq(bytes, twice));
    wordpiece_close(again);
    mem_free(before);
    free((char *)bytes.p);
    free((char *)twice.p);
}

Test(wordpiece, thaws_from_a_file_mapped_for_reading)
{
    struct wordpiece *w = open_small(small_vocabulary, "{}");
    char path[] = "/tmp/ragd-frozen-XXXXXX";
    struct str bytes = freeze(w);
    struct file_map map;

    cr_assert_geq(mkstemp(path), 0);
    cr_assert_eq(file_write_atomic(path, bytes.p, bytes.n), ERR_OK);
    cr_assert_eq(file_map_open(&map, path), ERR_OK);
    unlink(path);
    wordpiece_close(w);
    free((char *)bytes.p);
    w = thaw((struct str){(const char *)map.p, map.n});
    EXPECT(w, "ABC ab", "5[0,3) 4[4,6)");
    wordpiece_close(w);
    file_map_close(&map);
}

/* Whatever the bytes say: tokens that exist, at places of the text. */
static void expect_in_bounds(const struct wordpiece *w, struct str text)
{
    struct tokens t = {0};

    wordpiece_encode_all(w, text, &t);
    for (size_t i = 0; i < t.n; i++) {
        cr_assert(t.v[i].id >= 0 && (size_t)t.v[i].id < wordpiece_vocab_size(w));
        cr_assert(t.v[i].start <= t.v[i].end && t.v[i].end <= text.n);
    }
    cr_assert_eq(wordpiece_count(w, text), t.n);
    mem_free(t.v);
}

/* True when the bytes were refused. */
static bool survives(struct str bytes, struct str text)
{
    struct wordpiece *w = NULL;
    int rc = wordpiece_thaw(&w, bytes);

    if (rc < 0) {
        cr_assert_eq(rc, ERR_FORMAT);
        cr_assert_null(w);
        return true;
    }
    expect_in_bounds(w, text);
    wordpiece_close(w);
    return false;
}

Test(wordpiece, refuses_frozen_bytes_cut_anywhere)
{
    struct wordpiece *w = open_small(small_vocabulary, "{}");
    struct str bytes = freeze(w);

    for (size_t n = 0; n < bytes.n; n++) {
        struct str cut = aligned_copy(bytes.p, n);

        cr_assert(survives(cut, STR_LIT(mixed_text)), "cut at %zu", n);
        free((char *)cut.p);
    }
    wordpiece_close(w);
    free((char *)bytes.p);
}

Test(wordpiece, stays_in_bounds_with_every_byte_of_the_head_altered)
{
    enum { HEAD = 128 };
    struct wordpiece *w = open_small(small_vocabulary, "{}");
    struct str bytes = freeze(w);
    char *p = (char *)bytes.p;
    unsigned n_refused = 0;

    for (size_t at = 0; at < HEAD; at++) {
        char was = p[at];

        for (int c = 0; c < 256; c++) {
            p[at] = (char)c;
            n_refused += survives(bytes, STR_LIT(mixed_text));
        }
        p[at] = was;
    }
    cr_expect_gt(n_refused, 40 * 200, "most of the first 52 bytes must be right");
    wordpiece_close(w);
    free(p);
}

Test(wordpiece, stays_in_bounds_with_altered_bytes)
{
    enum { N_TIMES = 30000 };
    struct wordpiece *w = open_small(small_vocabulary, "{}");
    struct str bytes = freeze(w);
    char *p = (char *)bytes.p, *right = mem_dup(bytes.p, bytes.n);
    unsigned seed = 20240613, n_refused = 0;

    for (int i = 0; i < N_TIMES; i++) {
        for (int k = rand_r(&seed) % 4; k >= 0; k--)
            p[(size_t)rand_r(&seed) % bytes.n] ^= (char)(1 << rand_r(&seed) % 8);
        n_refused += survives(bytes, STR_LIT(mixed_text));
        memcpy(p, right, bytes.n);
    }
    cr_expect(n_refused > 0 && n_refused < N_TIMES, "%u refused", n_refused);
    mem_free(right);
    wordpiece_close(w);
    free(p);
}

/* Nodes of an allowed kind in any order: pieces may end inside a character. */
Test(wordpiece, stays_in_bounds_with_a_trie_of_noise)
{
    enum { N_TIMES = 300, NODES_AT = 128, N_NODES_AT = 12 };
    struct wordpiece *w = open_small(small_vocabulary, "{}");
    struct str bytes = freeze(w);
    char *p = (char *)bytes.p, text[600];
    unsigned seed = 7, n_taken = 0;
    uint32_t n_nodes;

    memcpy(&n_nodes, p + N_NODES_AT, sizeof(n_nodes));
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, i % 198 ? "\u00fe" : " .", 2); /* words of 98 letters, two bytes each */
    for (int i = 0; i < N_TIMES; i++) {
        for (uint32_t k = 0; k < n_nodes; k++) {
            uint32_t base = (uint32_t)rand_r(&seed) % (n_nodes - 255);
            uint32_t node[2] = {base | (uint32_t)(rand_r(&seed) % 2 ? 0xC3 : 0xBE) << 24,
                                (uint32_t)rand_r(&seed) % 14};

            memcpy(p + NODES_AT + 8 * k, node, sizeof(node));
        }
        n_taken += !survives(bytes, (struct str){text, sizeof(text)});
    }
    cr_expect_eq(n_taken, N_TIMES);
    wordpiece_close(w);
    free(p);
}

Test(wordpiece, refuses_frozen_bytes_of_another_version_or_place)
{
    struct wordpiece *w = open_small(small_vocabulary, "{}"), *none = NULL;
    struct str bytes = freeze(w);
    void *shifted = NULL;

    cr_assert_eq(posix_memalign(&shifted, 64, bytes.n + 8), 0);
    memcpy((char *)shifted + 8, bytes.p, bytes.n);
    cr_expect_eq(wordpiece_thaw(&none, (struct str){(char *)shifted + 8, bytes.n}), ERR_FORMAT);
    cr_expect(strstr(err_text(), "aligned"), "%s", err_text());
    ((char *)bytes.p)[8]++;
    cr_expect_eq(wordpiece_thaw(&none, bytes), ERR_FORMAT);
    cr_expect(strstr(err_text(), "version 0x10002"), "%s", err_text());
    cr_expect_null(none);
    wordpiece_close(w);
    free((char *)bytes.p);
    free(shifted);
}

/* ---- against the reference ----
 *
 * Whole sets of texts are tokenized thawed, which is opened and one step more. */

static struct wordpiece *open_thawed(struct str *bytes)
{
    struct wordpiece *w = open_model();

    *bytes = freeze(w);
    wordpiece_close(w);
    return thaw(*bytes);
}

static void close_thawed(struct wordpiece *w, struct str bytes)
{
    wordpiece_close(w);
    free((char *)bytes.p);
}

static void add_ids(struct buf *out, const struct tokens *t)
{
    int32_t end = -1;

    for (size_t i = 0; i < t->n; i++)
        buf_add(out, &t->v[i].id, sizeof(int32_t)); /* the test machines are little endian */
    buf_add(out, &end, sizeof(end));
}

/* Compares one text after the other with a golden line. */
struct comparison {
    const struct wordpiece *w;
    struct buf ids;
    struct tokens tokens;
    size_t n_texts, n_tokens;
};

static void compare_text(struct comparison *c, struct str text)
{
    c->tokens.n = 0;
    wordpiece_encode_all(c->w, text, &c->tokens);
    add_ids(&c->ids, &c->tokens);
    c->n_texts++;
    c->n_tokens += c->tokens.n;
}

static void compare_end(struct comparison *c, const struct golden *g)
{
    cr_expect_eq(c->n_texts, g->n_texts, "%s", g->name);
    cr_expect_eq(c->n_tokens, g->n_tokens, "%s", g->name);
    cr_expect(golden_same(g, &c->ids), "ids differ in %s %s", g->kind, g->name);
    buf_clear(&c->ids);
    c->n_texts = c->n_tokens = 0;
}

static void compare_done(struct comparison *c)
{
    buf_done(&c->ids);
    mem_free(c->tokens.v);
}

/* Every code point, with what stands around it. */
static void compare_code_points(const char *kind, const char *before, const char *after)
{
    struct str bytes;
    struct wordpiece *w = open_thawed(&bytes);
    struct comparison c = {.w = w};
    struct golden g;
    FILE *f = fopen(GOLDEN_TOKENS, "r");
    unsigned n_blocks = 0;
    char text[8];

    cr_assert_not_null(f);
    buf_init(&c.ids);
    for (; golden_next(f, kind, &g); n_blocks++) {
        uint32_t first = (uint32_t)strtoul(g.name + 2, NULL, 16);

        for (uint32_t cp = first; cp < first + GOLDEN_BLOCK; cp++) {
            size_t n = strlen(before);

            if (cp >= 0xD800 && cp < 0xE000)
                continue;
            memcpy(text, before, n);
            n += utf8_encode(cp, text + n);
            memcpy(text + n, after, strlen(after));
            compare_text(&c, (struct str){text, n + strlen(after)});
        }
        compare_end(&c, &g);
    }
    cr_expect_eq(n_blocks, 0x110000 / GOLDEN_BLOCK);
    fclose(f);
    compare_done(&c);
    close_thawed(w, bytes);
}

Test(wordpiece, agrees_on_every_code_point_alone)
{
    compare_code_points("alone", "", "");
}

Test(wordpiece, agrees_on_every_code_point_between_letters)
{
    compare_code_points("between", "a", "b");
}

/* A tokenizer whose only tokens are "x" and the characters that canonical order moves spells out
 * the normalized text. */
static struct wordpiece *open_speller(struct buf *lines)
{
    char utf8[4];

    buf_add_str(lines, "[UNK]\n[CLS]\n[SEP]\nx\n");
    for (size_t i = 0; i < wordpiece_n_orders; i++) {
        buf_add_str(lines, "##");
        buf_add(lines, utf8, utf8_encode(wordpiece_orders[i].cp, utf8));
        buf_add_char(lines, '\n');
    }
    return open_small(lines->p, "{}");
}

static void spell(const struct wordpiece *w, struct buf *out, uint32_t a, uint32_t b,
                  uint32_t accent)
{
    struct tokens t = {0};
    char text[16] = "x", utf8[4];
    size_t n = 1;

    n += utf8_encode(a, text + n);
    if (accent)
        n += utf8_encode(accent, text + n);
    n += utf8_encode(b, text + n);
    wordpiece_encode_all(w, (struct str){text, n}, &t);
    cr_assert_eq(t.n, 3);
    cr_assert_eq(t.v[0].id, 3);
    buf_add_char(out, 'x');
    for (int i = 1; i < 3; i++) {
        cr_assert(t.v[i].start < t.v[i].end && t.v[i].end <= n);
        buf_add(out, utf8, utf8_encode(wordpiece_orders[t.v[i].id - 4].cp, utf8));
    }
    buf_add_char(out, '\0');
    mem_free(t.v);
}

Test(wordpiece, sorts_combining_characters_as_the_reference_does)
{
    static const uint32_t accents[] = {0x0301, 0x034F, 0};
    struct buf lines, out;
    struct wordpiece *w;
    struct golden g;
    FILE *f = fopen(GOLDEN_TOKENS, "r");

    buf_init(&lines);
    buf_init(&out);
    w = open_speller(&lines);
    cr_assert(f && golden_next(f, "ordered", &g));
    cr_assert_eq(g.n_texts, 3 * wordpiece_n_orders * wordpiece_n_orders);
    for (size_t a = 0; a < wordpiece_n_orders; a++)
        for (size_t b = 0; b < wordpiece_n_orders; b++)
            for (int k = 0; k < 3; k++)
                spell(w, &out, wordpiece_orders[a].cp, wordpiece_orders[b].cp, accents[k]);
    cr_expect(golden_same(&g, &out));
    fclose(f);
    buf_done(&lines);
    buf_done(&out);
    wordpiece_close(w);
}

/* Every text of ours; returns how many. */
static size_t compare_own_texts(const struct wordpiece *w)
{
    struct token *out = mem_alloc(2048 * sizeof(*out));
    struct buf file;
    const char *line, *end;
    size_t n_texts = 0;

    buf_init(&file);
    cr_assert_eq(file_read("tests/golden/texts.jsonl", 4 << 20, &file), ERR_OK);
    for (line = file.p; (end = strchr(line, '\n')); line = end + 1, n_texts++) {
        json_t *row, *ids;
        struct str text = {"", 0};
        size_t n;

        cr_assert_eq(json_parse(&row, (struct str){line, (size_t)(end - line)}, "texts"), ERR_OK);
        json_get_str(row, "text", &text);
        ids = json_object_get(row, "ids");
        n = wordpiece_encode(w, text, out, 2048, NULL);
        cr_expect_eq(n, json_array_size(ids), "text %zu", n_texts);
        for (size_t i = 0; i < n; i++)
            cr_expect_eq(out[i].id, json_integer_value(json_array_get(ids, i)), "text %zu",
                         n_texts);
        json_decref(row);
    }
    buf_done(&file);
    mem_free(out);
    return n_texts;
}

Test(wordpiece, agrees_on_our_own_texts)
{
    struct wordpiece *w = open_model();

    cr_expect_geq(compare_own_texts(w), 520);
    wordpiece_close(w);
}

Test(wordpiece, agrees_on_our_own_texts_when_thawed)
{
    struct wordpiece *opened = open_model(), *w;
    struct digest a = wordpiece_digest(opened), b;
    struct str bytes;

    w = open_thawed(&bytes);
    b = wordpiece_digest(w);
    cr_expect(digest_eq(&a, &b));
    cr_expect_geq(compare_own_texts(w), 520);
    wordpiece_close(opened);
    close_thawed(w, bytes);
}

static void compare_record(struct comparison *c, struct str line)
{
    static const char *const members[] = {"title", "text"};
    json_t *row;

    cr_assert_eq(json_parse(&row, line, "record"), ERR_OK, "%s", err_text());
    for (int i = 0; i < 2; i++) {
        struct str text = {"", 0};

        json_get_str(row, members[i], &text);
        if (text.n)
            compare_text(c, text);
    }
    json_decref(row);
}

static void compare_shared(const char *kind)
{
    const char *shared = golden_shared();
    struct comparison c = {0};
    struct wordpiece *w;
    struct str bytes;
    struct golden g;
    struct buf file;
    char path[1024];
    unsigned n_files = 0;
    FILE *f;

    if (!shared)
        cr_skip_test("needs ../shared/data");
    c.w = w = open_thawed(&bytes);
    f = fopen(GOLDEN_TOKENS, "r");
    cr_assert_not_null(f);
    buf_init(&file);
    buf_init(&c.ids);
    for (; golden_next(f, kind, &g); n_files++) {
        buf_clear(&file);
        snprintf(path, sizeof(path), "%s/%s", shared, g.name);
        cr_assert_eq(file_read(path, 64 << 20, &file), ERR_OK, "%s", err_text());
        if (strcmp(kind, "file") == 0) {
            compare_text(&c, buf_view(&file));
        } else {
            const char *line = file.p, *end;

            for (; (end = strchr(line, '\n')); line = end + 1)
                compare_record(&c, (struct str){line, (size_t)(end - line)});
        }
        compare_end(&c, &g);
    }
    cr_expect_gt(n_files, 5);
    fclose(f);
    buf_done(&file);
    compare_done(&c);
    close_thawed(w, bytes);
}

Test(wordpiece, agrees_on_all_records_of_the_shared_data)
{
    compare_shared("records");
}

Test(wordpiece, agrees_on_all_files_of_the_shared_demo)
{
    compare_shared("file");
}
