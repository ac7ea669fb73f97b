#include "index/summaries.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/err.h"
#include "index/filter.h"

#define DIM       4
#define DOCUMENTS 30
#define CHUNKS    4

static struct index_context context = {.dim = DIM, .k1 = 1.2, .b = 0.75};
static struct snapshot *snap;
static struct arena *mem;

static struct document_row row(int i)
{
    return (struct document_row){
        .id = i + 1,
        .key = str_of(arena_printf(mem, "d%02d", i)),
        .metadata = str_of(arena_printf(mem, "{\"odd\":%s}", i % 2 ? "true" : "false"))};
}

static void add_chunk(struct segment_builder *b, uint64_t id, enum chunk_kind kind,
                      const char *text, int axis, float lean)
{
    float v[DIM] = {0};

    v[axis] = sqrtf(1 - lean * lean);
    v[3] = lean;
    segment_add_chunk(b, &(struct chunk_row){.id = id, .kind = kind, .text = str_of(text)}, v);
}

/* Document i has chunks 100 i .. 100 i + 3, all about "common" things on axis 0. Number 7 is about
 * penguins (axis 1), and only its summary says so; number 9 has no summary, and a chunk of its own
 * about penguins. */
static void setup(void)
{
    struct snapshot *empty = snapshot_empty(&context, 1);
    struct segment_builder *chunks, *summaries;

    cr_assert_eq(analyzers_new(&context.analyzers, &(struct word_settings){.language = ""}),
                 ERR_OK);
    mem = arena_new(0);
    chunks = segment_builder_new(DIM, 0, context.analyzers, NULL);
    summaries = segment_builder_new(DIM, 0, context.analyzers, NULL);
    for (int i = 0; i < DOCUMENTS; i++) {
        struct document_row d = row(i);

        segment_add_document(chunks, &d);
        for (int c = 0; c < CHUNKS; c++) {
            bool own = i == 9 && c == 2;

            add_chunk(chunks, (uint64_t)(100 * i + c), CHUNK_TEXT,
                      own ? "common penguin colony" : "common words here", own, 0.01f * (float)i);
        }
        if (i == 9)
            continue;
        segment_add_document(summaries, &d);
        add_chunk(summaries, (uint64_t)(100 * i + 50), CHUNK_SUMMARY,
                  i == 7 ? "penguin penguin" : "other common things", i == 7, 0.01f * (float)i);
    }
    snap = snapshot_next(empty,
                         &(struct change){.epoch = 2,
                                          .added = segment_finish(chunks),
                                          .summaries = segment_finish(summaries)},
                         NULL);
    snapshot_unref(empty);
}

static void teardown(void)
{
    snapshot_unref(snap);
    analyzers_free(context.analyzers);
    arena_free(mem);
}

TestSuite(summaries, .init = setup, .fini = teardown);

static const float penguins[DIM] = {0.1f, 0.99f, 0, 0};

static struct hits run(struct snapshot *s, enum search_mode mode, const float *vector,
                       const char *filter, int k)
{
    struct search_spec spec = {
        .text = STR_LIT("common penguin"), .vector = vector, .mode = mode, .k = k};
    struct filter *f = NULL;
    struct hits hits;

    cr_assert_eq(filter_from_text(&f, str_of(filter), mem), ERR_OK, "%s", err_text());
    spec.filter = f;
    cr_assert_eq(snapshot_search(s, &spec, mem, &hits), ERR_OK, "%s", err_text());
    return hits;
}

static size_t n_of(const struct hits *h, uint64_t document)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++)
        n += h->v[i].document_id == document + 1;
    return n;
}

Test(summaries, choose_documents_whose_chunks_alone_would_not_be_found)
{
    struct hits plain = run(snap, SEARCH_HYBRID, penguins, "", 5);
    struct hits h = run(snap, SEARCH_SUMMARY, penguins, "", 40);

    cr_expect_eq(n_of(&plain, 7), 0);
    cr_expect_eq(n_of(&h, 7), CHUNKS, "its chunks say nothing of it, its summary does");
    cr_expect_eq(n_of(&h, 9), CHUNKS, "without a summary its own chunks count");
    cr_expect_eq(h.v[0].chunk_id, 902);
    cr_expect_eq(h.plan.n_documents, DOCUMENTS);
}

Test(summaries, only_chunks_of_the_chosen_documents_answer)
{
    struct hits h = run(snap, SEARCH_SUMMARY, penguins, "", 10);
    size_t n_documents = 0;

    cr_assert_eq(h.n, 10);
    cr_expect_eq(h.plan.n_documents, SUMMARY_DOCUMENTS);
    cr_expect_eq(h.n_allowed, SUMMARY_DOCUMENTS * CHUNKS);
    cr_expect_eq(h.plan.by_vector, PLAN_FILTERED_SCAN);
    for (uint64_t i = 0; i < DOCUMENTS; i++)
        n_documents += n_of(&h, i) > 0;
    cr_expect_leq(n_documents, SUMMARY_DOCUMENTS);
    for (size_t i = 0; i < h.n; i++)
        cr_expect_neq(h.v[i].chunk_id % 100, 50, "a summary is no hit");
}

Test(summaries, go_by_words_without_a_vector)
{
    struct hits h = run(snap, SEARCH_SUMMARY, NULL, "", 40);

    cr_expect_eq(n_of(&h, 7), CHUNKS);
    cr_expect_eq(h.plan.by_vector, PLAN_NONE);
    cr_expect(isnan(h.v[0].vector_score));
}

Test(summaries, a_filter_narrows_both_steps)
{
    struct hits h = run(snap, SEARCH_SUMMARY, penguins, "odd=false", 40);

    cr_expect_eq(n_of(&h, 7) + n_of(&h, 9), 0);
    cr_expect_gt(h.n, 0);
    h = run(snap, SEARCH_SUMMARY, penguins, "_page=5", 10);
    cr_expect_eq(h.n, 0);
}

Test(summaries, move_no_number_of_the_chunks)
{
    struct hits h = run(snap, SEARCH_HYBRID, penguins, "", 100);

    cr_expect_eq(snapshot_chunks(snap), DOCUMENTS * CHUNKS);
    cr_expect_eq(snapshot_documents(snap), DOCUMENTS);
    cr_expect_eq(snapshot_df(snap, STR_LIT("penguin")), 1);
    cr_expect_eq(h.n_allowed, DOCUMENTS * CHUNKS);
    for (size_t i = 0; i < h.n; i++)
        cr_expect_neq(h.v[i].chunk_id % 100, 50);
}

Test(summaries, are_hits_for_who_asks_by_kind)
{
    struct hits h = run(snap, SEARCH_HYBRID, penguins, "_kind=summary", 5);

    cr_assert_eq(h.n, 5);
    cr_expect_eq(h.v[0].chunk_id, 750);
    cr_expect_eq(h.n_allowed, DOCUMENTS - 1);
    h = run(snap, SEARCH_KEYWORD, NULL, "_kind=text", 200);
    cr_expect_eq(h.n, DOCUMENTS * CHUNKS);
    h = run(snap, SEARCH_VECTOR, penguins, "_kind in (text, summary)", 3);
    cr_assert_eq(h.n, 3);
    cr_expect(h.v[0].score >= h.v[1].score && h.v[1].score >= h.v[2].score);
    cr_expect_eq(h.v[0].chunk_id == 750 || h.v[1].chunk_id == 750, true);
    h = run(snap, SEARCH_SUMMARY, penguins, "_kind=summary", 5);
    cr_expect_eq(h.n, 0, "this mode answers with chunks");
}

Test(summaries, go_with_their_documents)
{
    struct str keys[] = {STR_LIT("d07"), STR_LIT("d09")};
    struct snapshot *next =
        snapshot_next(snap, &(struct change){.epoch = 3, .keys = keys, .n_keys = 2}, NULL);
    struct hits h = run(next, SEARCH_KEYWORD, NULL, "_kind=summary and odd=true", 40);

    cr_expect_eq(h.n, DOCUMENTS / 2 - 2);
    cr_expect_eq(snapshot_df(next->summaries, STR_LIT("penguin")), 0);
    h = run(next, SEARCH_SUMMARY, penguins, "", 200);
    cr_expect_eq(h.n, (DOCUMENTS - 2) * CHUNKS);
    cr_expect_eq(n_of(&h, 7), 0);
    snapshot_unref(next);
}

Test(summaries, a_collection_without_any_goes_by_its_chunks)
{
    struct snapshot *empty = snapshot_empty(&context, 1), *plain;
    struct segment_builder *b = segment_builder_new(DIM, 0, context.analyzers, NULL);
    struct document_row d = row(1);
    struct hits h;

    segment_add_document(b, &d);
    add_chunk(b, 5, CHUNK_TEXT, "common penguin", 1, 0);
    plain = snapshot_next(empty, &(struct change){.epoch = 2, .added = segment_finish(b)}, NULL);
    cr_expect_null(plain->summaries);
    h = run(plain, SEARCH_SUMMARY, penguins, "", 3);
    cr_assert_eq(h.n, 1);
    cr_expect_eq(h.v[0].chunk_id, 5);
    h = run(plain, SEARCH_HYBRID, penguins, "_kind=summary", 3);
    cr_expect_eq(h.n, 0);
    h = run(empty, SEARCH_SUMMARY, penguins, "", 3);
    cr_expect_eq(h.n, 0);
    snapshot_unref(plain);
    snapshot_unref(empty);
}
