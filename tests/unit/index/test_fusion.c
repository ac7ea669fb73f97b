#include <criterion/criterion.h>
#include <math.h>

#include "index/fusion.h"

static struct topk list(struct candidate *v, size_t n)
{
    return (struct topk){v, n, n};
}

Test(fusion, mixes_shares_of_the_best)
{
    struct arena *mem = arena_new(0);
    struct candidate v[] = {{.8f, 0, 0, 10}, {.6f, 0, 1, 11}, {.4f, 0, 2, 12}};
    struct candidate w[] = {{8, 0, 1, 11}, {6, 0, 3, 13}, {4, 0, 0, 10}};
    struct topk vectors = list(v, 3), words = list(w, 3);
    struct fused *out;

    cr_assert_eq(
        fusion(FUSION_MIX, &(struct fusion_lists){&vectors, &words, 5, NULL, NULL}, 10, mem, &out),
        4);
    cr_expect_eq(out[0].at.chunk_id, 11);
    cr_expect_float_eq(out[0].at.score, 0.5 + 0.5 * 0.75, 1e-6);
    cr_expect_eq(out[1].at.chunk_id, 10);
    cr_expect_float_eq(out[1].at.score, 0.5 * 0.5 + 0.5, 1e-6);
    cr_expect_eq(out[2].at.chunk_id, 13);
    cr_expect_float_eq(out[2].at.score, 0.5 * 0.75, 1e-6);
    cr_expect(isnan(out[2].vector_score));
    cr_expect_eq(out[2].keyword_score, 6);
    cr_expect_eq(
        fusion(FUSION_MIX, &(struct fusion_lists){&vectors, &words, 5, NULL, NULL}, 2, mem, &out),
        2, "cut at k");
    arena_free(mem);
}

static void know_cosine(void *arg, struct fused *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i].vector_score))
            v[i].vector_score = *(float *)arg;
}

Test(fusion, what_only_the_words_brought_counts_by_its_cosine_too)
{
    struct arena *mem = arena_new(0);
    struct candidate v[] = {{.8f, 0, 0, 10}, {.6f, 0, 1, 11}};
    struct candidate w[] = {{8, 0, 2, 12}, {6, 0, 1, 11}};
    struct topk vectors = list(v, 2), words = list(w, 2);
    float cosine = .48f;
    struct fusion_lists lists = {&vectors, &words, 5, know_cosine, &cosine};
    struct fused *out;

    cr_assert_eq(fusion(FUSION_MIX, &lists, 10, mem, &out), 3);
    cr_expect_eq(out[0].at.chunk_id, 12);
    cr_expect_float_eq(out[0].at.score, 0.5 + 0.5 * 0.6, 1e-6);
    cr_expect_float_eq(out[0].vector_score, .48f, 1e-6);
    cr_expect_eq(out[1].at.chunk_id, 11);
    cr_expect_eq(out[2].at.chunk_id, 10);
    cr_expect(isnan(out[2].keyword_score));
    cr_assert_eq(fusion(FUSION_RRF, &lists, 10, mem, &out), 3);
    cr_expect_eq(out[0].at.chunk_id, 11, "ranks are of the lists alone");
    arena_free(mem);
}

Test(fusion, few_words_weigh_less)
{
    cr_expect_float_eq(fusion_keyword_weight(9), 0.5, 1e-9);
    cr_expect_float_eq(fusion_keyword_weight(4), 0.5, 1e-9);
    cr_expect_float_eq(fusion_keyword_weight(3), 0.4, 1e-9);
    cr_expect_float_eq(fusion_keyword_weight(1), 0.2, 1e-9);
    cr_expect_gt(fusion_keyword_weight(0), 0);
}

Test(fusion, by_rank_adds_reciprocals)
{
    struct arena *mem = arena_new(0);
    struct candidate v[] = {{.9f, 0, 0, 10}, {.7f, 0, 1, 11}};
    struct candidate w[] = {{8, 0, 1, 11}, {6, 0, 3, 13}};
    struct topk vectors = list(v, 2), words = list(w, 2);
    struct fused *out;

    cr_assert_eq(
        fusion(FUSION_RRF, &(struct fusion_lists){&vectors, &words, 5, NULL, NULL}, 10, mem, &out),
        3);
    cr_expect_eq(out[0].at.chunk_id, 11);
    cr_expect_float_eq(out[0].at.score, 1.0 / 62 + 1.0 / 61, 1e-7);
    cr_expect_eq(out[1].at.chunk_id, 10);
    cr_expect_float_eq(out[1].at.score, 1.0 / 61, 1e-7);
    arena_free(mem);
}

Test(fusion, takes_empty_lists_and_equal_scores)
{
    struct arena *mem = arena_new(0);
    struct candidate v[] = {{.5f, 0, 0, 11}, {.5f, 0, 1, 12}};
    struct topk vectors = list(v, 2), none = list(NULL, 0);
    struct fused *out;

    cr_assert_eq(
        fusion(FUSION_MIX, &(struct fusion_lists){&vectors, &none, 5, NULL, NULL}, 10, mem, &out),
        2);
    cr_expect_eq(out[0].at.chunk_id, 11, "ties by chunk id");
    cr_expect_float_eq(out[0].at.score, 0.5, 1e-6);
    cr_expect_float_eq(out[1].at.score, 0.5, 1e-6);
    cr_expect_eq(
        fusion(FUSION_MIX, &(struct fusion_lists){&none, &none, 5, NULL, NULL}, 10, mem, &out), 0);
    arena_free(mem);
}
