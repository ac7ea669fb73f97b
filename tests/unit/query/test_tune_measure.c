#include "query/tune_measure.h"

#include "support/tune_world.h"

Test(tune_measure, a_rank_is_that_of_the_nearest_document)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct snapshot *snap = NULL;
    struct document_row doc;
    struct store_reader *reader;
    struct tune_question q = {0};
    struct tune_rank rank;
    uint64_t documents[2] = {0, UINT64_MAX}; /* the second is nowhere */
    float *v;

    WORLD_OPEN(&w);
    tune_world_fill(&w, false);
    reader = store_reader_get(w.engine->store);
    cr_assert_eq(store_find_document(reader, 1, STR_LIT("subject-3"), false, mem, &doc), ERR_OK);
    store_reader_put(w.engine->store, reader);
    documents[0] = (uint64_t)doc.id;
    q.text = str_of(tune_question(3, mem));
    q.documents = documents;
    q.n_documents = 2;
    cr_assert_eq(embed_query(w.engine->embedder, NULL, q.text, mem, &v), ERR_OK);
    cr_assert_eq(retriever_snapshot(w.engine->retriever, "default", "default", &snap), ERR_OK);
    cr_assert_eq(tune_rank(snap, &q, v, SEARCH_VECTOR, &rank), ERR_OK, "%s", err_text());
    cr_expect_eq(rank.reciprocal, 1);
    cr_expect_eq(rank.recall, 0.5f);
    for (size_t i = 0; i < embedder_info(w.engine->embedder)->dim; i++)
        v[i] = -v[i];
    cr_assert_eq(tune_rank(snap, &q, v, SEARCH_VECTOR, &rank), ERR_OK);
    cr_expect_eq(rank.reciprocal, 0, "past ten");
    cr_expect_eq(rank.recall, 0);
    snapshot_unref(snap);
    arena_free(mem);
    world_close(&w);
}

/* n questions at rank 2, which go to rank 1 or, every `worse`-th, out of sight. */
static struct tune_result judged(size_t n, size_t worse, float hybrid_after)
{
    struct tune_ranks before[200], after[200];
    struct tune_result r = {0};

    for (size_t i = 0; i < n; i++) {
        before[i] = (struct tune_ranks){{0.5f, 1}, {0.5f, 1}};
        after[i] = (struct tune_ranks){{worse && i % worse == 0 ? 0 : 1, 1}, {hybrid_after, 1}};
    }
    tune_judge(before, after, n, &r);
    return r;
}

Test(tune_measure, the_gain_is_the_mean_of_both_modes_beside_its_error)
{
    struct tune_result r = judged(200, 4, 0.5f); /* by vectors 3/4 gain a half, 1/4 lose it */

    cr_expect_float_eq(r.vector.mrr_before, 0.5f, 1e-5f);
    cr_expect_float_eq(r.vector.mrr_after, 0.75f, 1e-5f);
    cr_expect_float_eq(r.gain, 0.125, 1e-6);
    cr_expect_float_eq(r.error, sqrt((0.0625 - 0.015625) / 199), 1e-6);
    cr_expect(r.helps);
}

Test(tune_measure, a_gain_within_chance_does_not_help)
{
    struct tune_result r = judged(20, 2, 0.5f);

    cr_expect_float_eq(r.gain, 0, 1e-6);
    cr_expect_not(r.helps);
    r = judged(9, 3, 0.5f);
    cr_expect_gt(r.gain, 0);
    cr_expect_not(r.helps, "gain %g, error %g", r.gain, r.error);
}

Test(tune_measure, what_makes_a_mode_worse_does_not_help)
{
    struct tune_result r = judged(200, 0, 0.4f);

    cr_expect_gt(r.gain, 0.1);
    cr_expect_not(r.helps);
}
