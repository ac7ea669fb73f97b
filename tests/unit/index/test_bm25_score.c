#include <criterion/criterion.h>
#include <jansson.h>

#include "base/file.h"
#include "bm25_fixture.h"
#include "index/bitmap.h"

/* ---- against the reference (tests/golden/make_bm25.py) ---- */

static struct bm25 *golden_index(const json_t *documents)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    struct buf text;
    size_t d, w;
    json_t *doc, *word;

    buf_init(&text);
    json_array_foreach((json_t *)documents, d, doc) {
        buf_clear(&text);
        json_array_foreach(doc, w, word)
            buf_addf(&text, "%s ", json_string_value(word));
        add_text(b, a, buf_view(&text));
    }
    buf_done(&text);
    word_analyzer_free(a);
    return bm25_finish(&b, 1);
}

static void golden_query(const struct bm25 *idx, const struct bm25_norm *norm, const json_t *query)
{
    uint32_t terms[64];
    double weights[64];
    uint64_t *ids = mem_calloc(idx->n_chunks, sizeof *ids);
    float *scores = mem_calloc(idx->n_chunks, sizeof *scores);
    struct bm25_query q = {terms, weights, 0, *norm};
    struct arena *mem = arena_new(0);
    struct topk all;
    size_t i;
    json_t *word, *hit;

    json_array_foreach(json_object_get(query, "words"), i, word) {
        uint32_t term;

        if (!dict_find(idx->terms, str_of(json_string_value(word)), &term))
            continue;
        cr_assert_lt(q.n, 64);
        terms[q.n] = term;
        weights[q.n++] = bm25_idf(idx->n_chunks, bm25_df(idx, term));
    }
    topk_init(&all, idx->n_chunks, mem);
    bm25_search_all(idx, &q, &(struct bm25_chunks){.chunk_id = ids}, mem, &all);
    cr_expect_eq(all.n, json_array_size(json_object_get(query, "hits")));
    for (i = 0; i < all.n; i++)
        scores[all.v[i].slot] = all.v[i].score;
    json_array_foreach(json_object_get(query, "hits"), i, hit) {
        double want = json_number_value(json_array_get(hit, 1));
        size_t d = (size_t)json_integer_value(json_array_get(hit, 0));

        cr_expect_float_eq(scores[d], want, 1e-4, "document %zu: %g, not %g", d, scores[d], want);
    }
    arena_free(mem);
    mem_free(ids);
    mem_free(scores);
}

Test(bm25_score, scores_as_the_plain_formula)
{
    struct buf bytes;
    struct bm25_norm norm;
    struct bm25 *idx;
    json_t *golden, *query;
    size_t i;

    buf_init(&bytes);
    cr_assert_eq(file_read("tests/golden/bm25.json", 64u << 20, &bytes), ERR_OK, "%s", err_text());
    golden = json_loadb(bytes.p, bytes.n, 0, NULL);
    cr_assert_not_null(golden);
    idx = golden_index(json_object_get(golden, "documents"));
    norm = (struct bm25_norm){json_number_value(json_object_get(golden, "k1")),
                              json_number_value(json_object_get(golden, "b")),
                              (double)idx->n_words / idx->n_chunks};
    cr_assert_gt(json_array_size(json_object_get(golden, "queries")), 50);
    json_array_foreach(json_object_get(golden, "queries"), i, query)
        golden_query(idx, &norm, query);
    bm25_free(idx);
    json_decref(golden);
    buf_done(&bytes);
}

/* ---- the reference ---- */

Test(bm25_score, searching_all_skips_who_may_not_answer_and_breaks_ties_by_id)
{
    struct bm25_builder *b = bm25_builder_new();
    struct word_analyzer *a = plain_words();
    struct arena *mem = arena_new(0);
    const uint64_t ids[] = {50, 40, 30, 20, 10}, allowed[] = {0x1b}, dead[] = {0x08};
    const uint32_t terms[] = {0, BM25_NONE};
    const double weights[] = {2, 1};
    struct bm25_query q = {terms, weights, 2, {1.2, 0.75, 1}};
    struct bm25_chunks chunks = {allowed, 4, dead, ids, 7};
    struct topk best;
    struct bm25 *idx;

    for (int i = 0; i < 5; i++)
        add_text(b, a, i == 4 ? STR_LIT("y") : STR_LIT("x"));
    idx = bm25_finish(&b, 1);
    topk_init(&best, 10, mem);
    bm25_search_all(idx, &q, &chunks, mem, &best);
    topk_sort(&best);
    cr_assert_eq(best.n, 2, "slot 2 is not allowed, 3 is dead, 4 has no such word");
    cr_expect_eq(best.v[0].chunk_id, 40);
    cr_expect_eq(best.v[1].chunk_id, 50);
    cr_expect_eq(best.v[0].view, 7);
    cr_expect_float_eq(best.v[0].score, 2 / 2.2, 1e-6);
    arena_free(mem);
    bm25_free(idx);
    word_analyzer_free(a);
}
