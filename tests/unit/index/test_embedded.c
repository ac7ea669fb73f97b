#include <math.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "unit/index/embedded_fixture.h"

TestSuite(embedded, .init = setup, .fini = teardown);

Test(embedded, finds_what_was_put_by_words_and_by_vector_and_fetches_it)
{
    struct arena *mem = arena_new(0);
    struct snapshot *s;
    struct passage p[10];
    struct hits h;

    cr_assert_eq(put("a", "Banks keep capital.", 0), ERR_OK, "%s", err_text());
    cr_assert_eq(put("b", "Rivers have banks too.", 1), ERR_OK);
    s = snap();
    cr_expect_eq(snapshot_chunks(s), 2);
    cr_expect_eq(snapshot_documents(s), 2);

    h = search(s, SEARCH_KEYWORD, "capital bank", 0, mem);
    cr_assert_eq(h.n, 2);
    cr_expect_gt(h.v[0].keyword_score, h.v[1].keyword_score);
    cr_expect(isnan(h.v[0].vector_score));

    h = search(s, SEARCH_VECTOR, "", 1, mem);
    cr_assert_eq(h.n, 2);
    cr_expect_float_eq(h.v[0].vector_score, 1, 1e-6);
    cr_assert_eq(snapshot_fetch(s, &h, mem, p), ERR_OK, "%s", err_text());
    cr_expect_str_eq(arena_strndup(mem, p[0].document.p, p[0].document.n), "b");
    cr_expect(str_eq(p[0].text, STR_LIT("Rivers have banks too.")));

    h = search(s, SEARCH_HYBRID, "capital zebra yacht violin", 1, mem);
    cr_assert_eq(h.n, 2);
    cr_expect_float_eq(h.v[0].score, 0.5, 1e-6, "the words of a whole question weigh as much");
    cr_expect_float_eq(h.v[1].score, 0.5, 1e-6);
    h = search(s, SEARCH_HYBRID, "capital", 1, mem);
    cr_expect_float_eq(h.v[0].score, 0.8, 1e-6, "a single word weighs less");
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, is_the_same_after_opening_again)
{
    struct arena *mem = arena_new(0);
    struct hits before, after;
    uint64_t epoch;
    struct snapshot *s;

    put("a", "one two three", 0);
    put("b", "two three four", 1);
    put("c", "three four five", 2);
    put("b", "two six", 3);
    s = snap();
    before = search(s, SEARCH_HYBRID, "two three", 0, mem);
    epoch = snapshot_epoch(s);
    snapshot_unref(s);
    retriever_close(r);
    open_retriever();
    s = snap();
    after = search(s, SEARCH_HYBRID, "two three", 0, mem);
    cr_expect_eq(snapshot_epoch(s), epoch);
    cr_assert_eq(after.n, before.n);
    for (size_t i = 0; i < after.n; i++) {
        cr_expect_eq(after.v[i].chunk_id, before.v[i].chunk_id);
        cr_expect_eq(after.v[i].document_id, before.v[i].document_id);
        cr_expect_eq(after.v[i].score, before.v[i].score);
    }
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, fetch_says_gone_when_the_row_is)
{
    struct arena *mem = arena_new(0);
    struct str key = STR_LIT("a");
    struct passage p[1];
    struct snapshot *s;
    struct hits h;

    put("a", "text", 0);
    s = snap();
    h = search(s, SEARCH_KEYWORD, "text", 0, mem);
    cr_assert_eq(retriever_remove(r, "t", "c", &key, 1, NULL), ERR_OK);
    cr_expect_eq(snapshot_fetch(s, &h, mem, p), ERR_GONE);
    snapshot_unref(s);
    arena_free(mem);
}

/* Its chunks have the same ids as before. */
Test(embedded, fetch_says_gone_when_the_row_is_another)
{
    struct arena *mem = arena_new(0);
    struct passage p[1];
    struct snapshot *s;
    struct hits h;

    put_row("", "a", "old title", "text", 0);
    s = snap();
    h = search(s, SEARCH_HYBRID, "text", 0, mem);
    cr_expect_eq(snapshot_fetch(s, &h, mem, p), ERR_OK);
    put_row("", "a", "new title", "text", 0);
    cr_expect_eq(snapshot_fetch(s, &h, mem, p), ERR_GONE);
    snapshot_unref(s);

    retriever_close(r);
    open_retriever();
    s = snap();
    h = search(s, SEARCH_HYBRID, "text", 0, mem);
    cr_assert_eq(snapshot_fetch(s, &h, mem, p), ERR_OK);
    cr_expect(str_eq(p[0].title, STR_LIT("new title")));
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, opened_under_another_fingerprint_finds_by_words_only)
{
    struct retriever_options o = {.store = store,
                                  .fingerprint = digest_of("other", 5),
                                  .dim = DIM,
                                  .words = {"english", true},
                                  .k1 = 1.2,
                                  .b = 0.75};
    struct arena *mem = arena_new(0);
    struct retriever_totals totals;
    struct snapshot *s;
    struct hits h;

    put("a", "some text", 0);
    retriever_close(r);
    cr_assert_eq(retriever_open_embedded(&r, &o), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_eq(search(s, SEARCH_VECTOR, "", 0, mem).n, 0);
    h = search(s, SEARCH_HYBRID, "text", 0, mem);
    cr_assert_eq(h.n, 1);
    cr_expect(isnan(h.v[0].vector_score));
    cr_expect_gt(retriever_bytes(r), 0);
    retriever_totals(r, &totals);
    cr_expect_eq(totals.collections, 1);
    cr_expect_eq(totals.documents, 1);
    cr_expect_eq(totals.chunks, 1);
    cr_expect_eq(totals.segments, 1);
    cr_expect_eq(totals.bytes, retriever_bytes(r));
    snapshot_unref(s);
    arena_free(mem);
}

/* Out of file descriptors there is one connection, and whoever wants a second waits for it. */
Test(embedded, opens_in_spite_of_a_damaged_vector)
{
    struct arena *mem = arena_new(0);
    struct snapshot *s;
    char path[96];
    sqlite3 *db;

    put("a", "some text", 0);
    put("b", "other text", 1);
    retriever_close(r);
    store_close(store);
    snprintf(path, sizeof path, "%s/ragd.db", dir);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE vectors SET sum = 1 WHERE id = 1", NULL, NULL, NULL), 0);
    sqlite3_close(db);
    cr_assert_eq(store_open(&store, dir), ERR_OK);
    open_retriever();
    s = snap();
    cr_expect_eq(search(s, SEARCH_VECTOR, "", 0, mem).n, 1);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "text", 0, mem).n, 2);
    snapshot_unref(s);

    put("a", "some text", 0);
    s = snap();
    cr_expect_eq(search(s, SEARCH_VECTOR, "", 0, mem).n, 2);
    snapshot_unref(s);
    retriever_close(r);
    open_retriever();
    s = snap();
    cr_expect_eq(search(s, SEARCH_VECTOR, "", 0, mem).n, 2, "and it is whole in the store again");
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, opens_with_one_connection, .timeout = 20)
{
    struct store_reader *reader;
    struct rlimit few;

    put("a", "one", 0);
    retriever_close(r);
    store_close(store);
    cr_assert_eq(store_open(&store, dir), ERR_OK);
    reader = store_reader_get(store); /* the first look opens the files of the log */
    cr_assert_eq(store_read_begin(reader), ERR_OK);
    store_read_end(reader);
    store_reader_put(store, reader);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = (rlim_t)dup(0); /* the next one that would be given out */
    close((int)few.rlim_cur);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    open_retriever();
    cr_expect_gt(retriever_epoch(r, "t", "c"), 0);
    few.rlim_cur = few.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
}

Test(embedded, a_snapshot_lends_its_analyzers)
{
    struct snapshot *s;
    struct analyzers *lender;
    struct word_analyzer *a;

    put("a", "frogs", 0);
    s = snap();
    lender = snapshot_analyzers(s);
    a = analyzers_get(lender);
    analyzers_put(lender, a);
    cr_expect_eq(analyzers_get(lender), a, "warm");
    analyzers_put(lender, a);
    cr_expect_str_eq(snapshot_words(s)->language, "english");
    snapshot_unref(s);
}

Test(embedded, refuses_an_unknown_language)
{
    struct retriever_options o = {.store = store, .dim = DIM, .words = {"klingon", true}};
    struct retriever *none = NULL;

    cr_expect_eq(retriever_open_embedded(&none, &o), ERR_ARGUMENT);
    cr_expect_null(none);
}

/* A document "long" of n chunks, "part 0.", "part 1.", ... that overlap by a byte. */
static void put_long(int n)
{
    struct arena *mem = arena_new(0);
    struct chunk_row *chunks = ARENA_ARRAY(mem, struct chunk_row, n);
    struct vector_row *rows = ARENA_ARRAY(mem, struct vector_row, n);
    static const float vector[DIM] = {1};
    struct upsert u = {.document = {.key = STR_LIT("long"),
                                    .root = STR_LIT(""),
                                    .uri = STR_LIT(""),
                                    .title = STR_LIT("t"),
                                    .metadata = STR_LIT("{}"),
                                    .hash = digest_of(&n, sizeof n),
                                    .text = STR_LIT("")},
                       .chunks = chunks,
                       .vectors = rows,
                       .n_chunks = (size_t)n};
    struct upsert_result result;
    char *text = arena_alloc(mem, (size_t)n * 8 + 1);

    for (int i = 0; i < n; i++)
        memcpy(text + i * 8, arena_printf(mem, "part %02d.", i), 8);
    u.document.text = str_of(text);
    for (int i = 0; i < n; i++) {
        struct chunk_row *c = &chunks[i];

        c->id = 1000 + (uint64_t)i;
        c->ordinal = i;
        c->start = (uint32_t)(i ? i * 8 - 1 : 0);
        c->end = (uint32_t)(i + 1) * 8;
        c->text = str_sub(u.document.text, c->start, c->end);
        c->text_hash = digest_of(c->text.p, c->text.n);
        rows[i] = (struct vector_row){.text_hash = c->text_hash, .vector = vector, .dim = DIM};
    }
    cr_assert_eq(retriever_upsert(r, "t", "c", &u, 1, mem, &result), ERR_OK, "%s", err_text());
    cr_assert_eq(result.rc, ERR_OK, "%s", result.reason);
    arena_free(mem);
}

static void expect_passages(const struct passage *p, size_t n, const char *want)
{
    char got[256] = "";

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(got);

        snprintf(got + len, sizeof got - len, "%s%s%d:%u", i ? " " : "",
                 p[i].is_neighbour ? "+" : "", (int)p[i].ordinal, p[i].source);
    }
    cr_expect_str_eq(got, want);
}

static struct hits hits_at(struct snapshot *s, const int *ordinals, size_t n, struct arena *mem)
{
    struct hits all = search(s, SEARCH_VECTOR, "", 0, mem), h = {.n = n};

    h.v = ARENA_ARRAY(mem, struct hit, n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < all.n; k++)
            if (all.v[k].chunk_id == 1000 + (uint64_t)ordinals[i])
                h.v[i] = all.v[k];
    return h;
}

Test(embedded, widening_puts_neighbours_behind_their_hit_each_chunk_once)
{
    struct arena *mem = arena_new(0);
    struct passage p[3], *wide;
    struct snapshot *s;
    struct hits h;
    size_t n;

    put_long(9);
    s = snap();
    h = hits_at(s, (const int[]){4, 0, 6}, 3, mem);
    cr_assert_eq(snapshot_fetch(s, &h, mem, p), ERR_OK, "%s", err_text());
    cr_assert_eq(snapshot_widen(s, p, 3, 1, mem, &wide, &n), ERR_OK, "%s", err_text());
    expect_passages(wide, n, "4:0 +3:0 +5:0 0:1 +1:1 6:2 +7:2");
    cr_expect_eq(wide[1].start, 23);
    cr_expect(str_eq(wide[1].text, STR_LIT(".part 03.")));
    cr_expect_eq(wide[1].hit.chunk_id, wide[0].chunk_id, "it stands beside that hit");
    cr_assert_eq(snapshot_widen(s, p, 3, 3, mem, &wide, &n), ERR_OK);
    expect_passages(wide, n, "4:0 +1:0 +2:0 +3:0 +5:0 +7:0 0:1 6:2 +8:2");
    cr_assert_eq(snapshot_widen(s, p, 3, 0, mem, &wide, &n), ERR_OK);
    expect_passages(wide, n, "4:0 0:1 6:2");
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, widening_says_gone_when_the_document_is_or_is_another)
{
    struct arena *mem = arena_new(0);
    struct str key = STR_LIT("long");
    struct passage p[1], *wide = NULL;
    struct snapshot *s;
    struct hits h;
    size_t n;

    put_long(3);
    s = snap();
    h = hits_at(s, (const int[]){1}, 1, mem);
    cr_assert_eq(snapshot_fetch(s, &h, mem, p), ERR_OK, "%s", err_text());
    put_long(4);
    cr_expect_eq(snapshot_widen(s, p, 1, 1, mem, &wide, &n), ERR_GONE);
    cr_assert_eq(retriever_remove(r, "t", "c", &key, 1, NULL), ERR_OK);
    cr_expect_eq(snapshot_widen(s, p, 1, 1, mem, &wide, &n), ERR_GONE);
    cr_expect_null(wide);
    snapshot_unref(s);
    arena_free(mem);
}
