#include <criterion/criterion.h>
#include <math.h>

#include "base/err.h"
#include "index/lexical.h"
#include "index/ranking.h"

#define DIM 4

static struct index_context context = {.dim = DIM, .k1 = 1.2, .b = 0.75};
static struct snapshot *snap;
static struct arena *mem;

static void add(struct segment_builder *b, int i, const char *text, float x, float y)
{
    float length = sqrtf(x * x + y * y);
    float v[DIM] = {x / length, y / length};

    segment_add_document(b, &(struct document_row){.id = i,
                                                   .key = str_of(arena_printf(mem, "d%d", i)),
                                                   .metadata = STR_LIT("{}")});
    segment_add_chunk(b, &(struct chunk_row){.id = (uint64_t)i, .text = str_of(text)}, v);
}

static struct segment_builder *builder(void)
{
    return segment_builder_new(DIM, 0, context.analyzers, NULL);
}

/* Chunks 1, 2 and 4 are the same notice, 4 in a segment of its own; 3 says something else. */
static void setup(void)
{
    const char *notice = "this notice stands below each page of the report";
    struct snapshot *empty = snapshot_empty(&context, 1), *first;
    struct segment_builder *b;

    mem = arena_new(0);
    cr_assert_eq(analyzers_new(&context.analyzers, &(struct word_settings){.language = ""}),
                 ERR_OK);
    b = builder(); /* 3 documents against 1: the two are not merged */
    add(b, 1, notice, 1, 0.01f);
    add(b, 2, notice, 1, 0.02f);
    add(b, 3, "capital of the bank", 1, 2);
    first = snapshot_next(empty, &(struct change){.epoch = 2, .added = segment_finish(b)}, NULL);
    b = builder();
    add(b, 4, notice, 1, 0.03f);
    snap = snapshot_next(first, &(struct change){.epoch = 3, .added = segment_finish(b)}, NULL);
    snapshot_unref(first);
    snapshot_unref(empty);
}

static void teardown(void)
{
    snapshot_unref(snap);
    analyzers_free(context.analyzers);
    arena_free(mem);
}

TestSuite(ranking, .init = setup, .fini = teardown);

static struct hits run(struct search_spec spec)
{
    static const float vector[DIM] = {1, 0, 0, 0};
    struct hits hits;

    spec.vector = vector;
    if (!spec.text.n)
        spec.text = STR_LIT("notice capital");
    cr_assert_eq(snapshot_search(snap, &spec, mem, &hits), ERR_OK, "%s", err_text());
    return hits;
}

Test(ranking, shows_what_repeats_once_and_gives_its_place_to_the_next)
{
    for (int mode = SEARCH_HYBRID; mode <= SEARCH_KEYWORD; mode++) {
        struct hits all = run((struct search_spec){.mode = mode, .k = 2});
        struct hits h = run((struct search_spec){.mode = mode, .k = 2, .collapse = true});

        cr_assert_eq(all.n, 2);
        cr_expect_eq(all.v[0].duplicates, 0);
        cr_assert_eq(h.n, 2, "mode %d", mode);
        cr_expect_eq(h.v[0].duplicates + h.v[1].duplicates, 2, "mode %d", mode);
        cr_expect((h.v[0].chunk_id == 3) != (h.v[1].chunk_id == 3), "mode %d", mode);
    }
}

Test(ranking, compares_words_across_segments)
{
    struct hits h = run((struct search_spec){.mode = SEARCH_VECTOR, .k = 4, .collapse = true});

    cr_assert_eq(h.n, 2);
    cr_expect_eq(h.v[0].chunk_id, 1);
    cr_expect_eq(h.v[0].duplicates, 2);
}

Test(ranking, mmr_shows_something_else_earlier_and_keeps_its_score)
{
    struct hits plain = run((struct search_spec){.mode = SEARCH_VECTOR, .k = 4});
    struct hits h = run((struct search_spec){.mode = SEARCH_VECTOR, .k = 2, .diversity = 0.6});

    cr_expect_eq(plain.v[3].chunk_id, 3);
    cr_assert_eq(h.n, 2);
    cr_expect_eq(h.v[0].chunk_id, 1);
    cr_expect_eq(h.v[1].chunk_id, 3);
    cr_expect_eq(h.v[1].score, plain.v[3].score);
    cr_expect_eq(h.v[1].vector_score, plain.v[3].vector_score);
}

Test(ranking, the_order_of_words_counts_where_it_should)
{
    struct search_spec spec = {.mode = SEARCH_HYBRID};

    cr_expect(ranking_is_lexical(&spec));
    spec.fusion = FUSION_RRF;
    cr_expect_not(ranking_is_lexical(&spec));
    spec.rerank = RERANK_LEXICAL;
    cr_expect(ranking_is_lexical(&spec));
    spec = (struct search_spec){.mode = SEARCH_KEYWORD};
    cr_expect_not(ranking_is_lexical(&spec), "the plain formula");
}

static double score_of(const struct hits *h, uint64_t chunk_id)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].chunk_id == chunk_id)
            return h->v[i].score;
    return NAN;
}

/* All pairs of the question stand in chunk 3: the whole bonus for them, of the best score. */
Test(ranking, asked_for_it_the_order_of_words_counts_in_every_mode)
{
    double all_pairs = LEXICAL_W_ADJACENT + LEXICAL_W_NEAR + LEXICAL_W_SKIP;

    for (int mode = SEARCH_VECTOR; mode <= SEARCH_KEYWORD; mode++) {
        struct search_spec spec = {.mode = mode, .k = 4, .text = STR_LIT("of the bank")};
        struct hits plain = run(spec), h;

        spec.rerank = RERANK_LEXICAL;
        h = run(spec);
        cr_expect_float_eq(score_of(&h, 3), score_of(&plain, 3) + all_pairs * plain.v[0].score,
                           1e-5, "mode %d", mode);
        for (size_t i = 1; i < h.n; i++)
            cr_expect_geq(h.v[i - 1].score, h.v[i].score, "mode %d", mode);
    }
}

Test(ranking, asking_for_more_never_reorders_the_first)
{
    struct search_spec spec = {.mode = SEARCH_HYBRID, .k = 4, .text = STR_LIT("the report")};
    struct hits four = run(spec), two;

    spec.k = 2;
    two = run(spec);
    cr_assert_eq(two.n, 2);
    for (size_t i = 0; i < two.n; i++) {
        cr_expect_eq(two.v[i].chunk_id, four.v[i].chunk_id);
        cr_expect_eq(two.v[i].score, four.v[i].score);
    }
}

Test(ranking, both_work_together)
{
    struct hits h = run(
        (struct search_spec){.mode = SEARCH_HYBRID, .k = 3, .diversity = 0.5, .collapse = true});

    cr_assert_eq(h.n, 2);
    cr_expect_eq(h.v[0].duplicates + h.v[1].duplicates, 2);
}

Test(ranking, looks_deeper_only_when_asked)
{
    struct search_spec spec = {.mode = SEARCH_VECTOR, .k = 10};

    cr_expect_eq(ranking_pool(&spec), 10);
    spec.mode = SEARCH_HYBRID;
    cr_expect_eq(ranking_pool(&spec), LEXICAL_CANDIDATES);
    cr_expect_eq(ranking_depth(&spec), FUSION_CANDIDATES);
    spec.collapse = true;
    cr_expect_eq(ranking_pool(&spec), FUSION_CANDIDATES);
    spec.k = 50;
    cr_expect_eq(ranking_pool(&spec), 200);
    spec.collapse = false;
    spec.diversity = 0.1;
    cr_expect_eq(ranking_pool(&spec), 200);
}

Test(ranking, a_diversity_that_is_none_is_refused)
{
    struct search_spec spec = {.mode = SEARCH_KEYWORD, .k = 1, .diversity = 1.5};
    struct hits hits;

    cr_expect_eq(snapshot_search(snap, &spec, mem, &hits), ERR_ARGUMENT);
    cr_expect(strstr(err_text(), "from 0 to 1"));
    spec.diversity = NAN;
    cr_expect_eq(snapshot_search(snap, &spec, mem, &hits), ERR_ARGUMENT);
}
