#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "index/filter.h"
#include "index/snapshot.h"

#define DIM 4

static struct index_context context = {.dim = DIM, .k1 = 1.2, .b = 0.75};
static struct snapshot *snap;
static struct arena *mem;

/* Ten documents of one chunk: number i says "w<i> common", its vector leans to axis i % 4, its
 * metadata is its parity; number 9 has no vector. */
static void setup(void)
{
    struct snapshot *empty = snapshot_empty(&context, 1);
    struct segment_builder *b;

    cr_assert_eq(analyzers_new(&context.analyzers, &(struct word_settings){.language = ""}),
                 ERR_OK);
    b = segment_builder_new(DIM, 0, context.analyzers, NULL);
    mem = arena_new(0);
    for (int i = 0; i < 10; i++) {
        float v[DIM] = {0};

        v[i % DIM] = 1 - 0.01f * (float)i;
        segment_add_document(
            b, &(struct document_row){.id = i + 1,
                                      .key = str_of(arena_printf(mem, "d%d", i)),
                                      .metadata = str_of(arena_printf(mem, "{\"odd\":%s}",
                                                                      i % 2 ? "true" : "false"))});
        segment_add_chunk(b,
                          &(struct chunk_row){.id = (uint64_t)i + 100,
                                              .page = i,
                                              .text = str_of(arena_printf(mem, "w%d common", i))},
                          i == 9 ? NULL : v);
    }
    snap = snapshot_next(empty, &(struct change){.epoch = 2, .added = segment_finish(b)}, NULL);
    snapshot_unref(empty);
}

static void teardown(void)
{
    snapshot_unref(snap);
    analyzers_free(context.analyzers);
    arena_free(mem);
}

TestSuite(search, .init = setup, .fini = teardown);

static struct hits run(enum search_mode mode, const char *text, const char *filter, int k)
{
    float vector[DIM] = {0, 1, 0, 0};
    struct search_spec spec = {.text = str_of(text), .vector = vector, .mode = mode, .k = k};
    struct filter *f = NULL;
    struct hits hits;

    cr_assert_eq(filter_from_text(&f, str_of(filter), mem), ERR_OK, "%s", err_text());
    spec.filter = f;
    cr_assert_eq(snapshot_search(snap, &spec, mem, &hits), ERR_OK, "%s", err_text());
    return hits;
}

Test(search, sorts_by_score_and_ties_by_chunk)
{
    struct hits h = run(SEARCH_VECTOR, "", "", 4);

    cr_assert_eq(h.n, 4);
    cr_expect_eq(h.v[0].chunk_id, 101);
    cr_expect_eq(h.v[1].chunk_id, 105);
    cr_expect_eq(h.v[2].chunk_id, 100, "all others have 0; the lowest id first");
    cr_expect_eq(h.v[3].chunk_id, 102);
    cr_expect_eq(h.n_allowed, 10);
    h = run(SEARCH_KEYWORD, "common", "", 3);
    cr_assert_eq(h.n, 3);
    cr_expect_eq(h.v[0].chunk_id, 100);
    cr_expect_eq(h.v[2].chunk_id, 102);
}

Test(search, filters_inside)
{
    struct hits h = run(SEARCH_KEYWORD, "common w3 w4", "odd=true and _page<5", 10);

    cr_assert_eq(h.n, 2);
    cr_expect_eq(h.v[0].chunk_id, 103);
    cr_expect_eq(h.v[1].chunk_id, 101);
    cr_expect_eq(h.n_allowed, 2);
    h = run(SEARCH_VECTOR, "", "odd=false", 10);
    cr_expect_eq(h.n, 5);
    h = run(SEARCH_HYBRID, "common", "odd=maybe", 10);
    cr_expect_eq(h.n, 0);
    cr_expect_eq(h.n_allowed, 0);
}

Test(search, says_how_it_was_done)
{
    struct hits h = run(SEARCH_HYBRID, "common zebra", "", 3);

    cr_expect_eq(h.plan.by_vector, PLAN_FLAT);
    cr_expect_eq(h.plan.n_visited, 9, "one chunk has no vector");
    cr_expect_eq(h.plan.n_words, 2);
    cr_expect_eq(h.plan.n_words_known, 1);
    cr_expect_eq(h.plan.n_word_candidates, 10);
    h = run(SEARCH_VECTOR, "", "odd=false", 3);
    cr_expect_eq(h.plan.by_vector, PLAN_FILTERED_SCAN);
    cr_expect_eq(h.plan.n_visited, 5);
    cr_expect_eq(h.plan.n_words, 0);
    h = run(SEARCH_KEYWORD, "common", "", 3);
    cr_expect_eq(h.plan.by_vector, PLAN_NONE);
    cr_expect_null(search_plan_name(PLAN_NONE));
    cr_expect_str_eq(search_plan_name(PLAN_FILTERED_WALK), "filtered-walk");
}

Test(search, finds_a_chunk_without_a_vector_by_its_words)
{
    struct hits h = run(SEARCH_VECTOR, "", "", 100);

    cr_expect_eq(h.n, 9);
    h = run(SEARCH_HYBRID, "w9 zebra yacht violin", "", 100);
    cr_assert_eq(h.n, 10);
    cr_expect_eq(h.v[0].chunk_id, 101, "the best by meaning and the best by words are equal");
    cr_expect(isnan(h.v[0].keyword_score));
    cr_expect_eq(h.v[1].chunk_id, 109);
    cr_expect(isnan(h.v[1].vector_score));
}

/* 150 chunks of which number 149, the farthest from the question, alone has its word. */
Test(search, a_hit_has_its_cosine_though_its_vector_is_beyond_the_candidates)
{
    struct snapshot *empty = snapshot_empty(&context, 1);
    struct segment_builder *b = segment_builder_new(DIM, 0, context.analyzers, NULL);
    float question[DIM] = {0.3f, 0.7f, 0.1f, 0.2f};
    struct search_spec spec = {.text = STR_LIT("rare zebra yacht violin"),
                               .vector = question,
                               .mode = SEARCH_HYBRID,
                               .k = 5};
    struct search_spec all = {.vector = question, .mode = SEARCH_VECTOR, .k = SEARCH_K_MAX};
    struct snapshot *many;
    struct hits h, exact;

    for (int i = 0; i < 150; i++) {
        float v[DIM] = {0.1f, 1 - 0.01f * (float)i, 0.3f, 0.7f};

        segment_add_document(
            b, &(struct document_row){.id = i + 1, .key = str_of(arena_printf(mem, "m%d", i))});
        segment_add_chunk(b,
                          &(struct chunk_row){.id = (uint64_t)i + 1,
                                              .text = i == 149 ? STR_LIT("rare") : STR_LIT("no")},
                          v);
    }
    many = snapshot_next(empty, &(struct change){.epoch = 2, .added = segment_finish(b)}, NULL);
    cr_assert_eq(snapshot_search(many, &all, mem, &exact), ERR_OK);
    cr_assert_eq(snapshot_search(many, &spec, mem, &h), ERR_OK);
    cr_expect_eq(h.v[1].chunk_id, 150, "as good as the best by meaning");
    cr_expect_float_eq(h.v[1].score, FUSION_KEYWORD_WEIGHT, 1e-6, "a cosine below 0 adds nothing");
    cr_expect_eq(exact.v[149].chunk_id, 150);
    cr_expect_eq(h.v[1].vector_score, exact.v[149].vector_score, "bit for bit");
    snapshot_unref(many);
    snapshot_unref(empty);
}

Test(search, a_word_twice_in_the_question_counts_twice)
{
    struct hits once = run(SEARCH_KEYWORD, "w3", "", 1);
    struct hits twice = run(SEARCH_KEYWORD, "w3 w3", "", 1);

    cr_expect_float_eq(twice.v[0].score, 2 * once.v[0].score, 1e-6);
}

Test(search, of_unknown_words_finds_nothing)
{
    cr_expect_eq(run(SEARCH_KEYWORD, "nosuch", "", 5).n, 0);
    cr_expect_eq(run(SEARCH_KEYWORD, "", "", 5).n, 0);
}

Test(search, more_hits_begin_with_the_same)
{
    struct hits few = run(SEARCH_HYBRID, "w3 common w7", "", 3);
    struct hits many = run(SEARCH_HYBRID, "w3 common w7", "", 100);

    cr_assert_eq(few.n, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(few.v[i].chunk_id, many.v[i].chunk_id);
}

Test(search, refuses_what_makes_no_sense)
{
    float nan_vector[DIM] = {NAN};
    struct search_spec spec = {.mode = SEARCH_VECTOR, .k = 1};
    struct hits hits;

    cr_expect_eq(snapshot_search(snap, &spec, mem, &hits), ERR_ARGUMENT, "no vector");
    spec.vector = nan_vector;
    cr_expect_eq(snapshot_search(snap, &spec, mem, &hits), ERR_ARGUMENT);
    spec.mode = SEARCH_KEYWORD;
    spec.k = 0;
    cr_expect_eq(snapshot_search(snap, &spec, mem, &hits), ERR_ARGUMENT);
    spec.k = SEARCH_K_MAX + 1;
    cr_expect_eq(snapshot_search(snap, &spec, mem, &hits), ERR_ARGUMENT);
}
