#include <criterion/criterion.h>
#include <string.h>

#include "index/hnsw_link.h"
#include "unit/index/vectors.h"

Test(hnsw_link, sorts_best_first)
{
    struct walk_entry v[] = {{3, 1}, {9, 2}, {3, 0}, {-4, 5}};

    link_sort(v, 4);
    cr_expect_eq(v[0].node, 2);
    cr_expect_eq(v[1].node, 0, "equal scores by node");
    cr_expect_eq(v[2].node, 1);
    cr_expect_eq(v[3].node, 5);
}

Test(hnsw_link, sets_and_shortens_a_list)
{
    uint32_t links[6] = {HNSW_NONE, HNSW_NONE, HNSW_NONE, HNSW_NONE, HNSW_NONE, HNSW_NONE};
    int32_t scores[6];
    uint8_t n_links[1] = {0};
    struct build_level level = {1, 4, 6, links, scores, n_links};
    struct walk_entry v[] = {{3, 1}, {9, 2}, {5, 4}}, got[6];

    link_set(&level, 0, v, 3);
    cr_assert_eq(link_get(&level, 0, got), 3);
    cr_expect_eq(got[0].node, 2);
    cr_expect_eq(got[2].node, 1);
    link_set(&level, 0, v, 1);
    cr_expect_eq(links[0], 1);
    cr_expect_eq(links[1], HNSW_NONE);
    cr_expect_eq(links[2], HNSW_NONE);
}

/* The owner at 0 degrees, others at 10, 11, -12 and 40: the one at 10 hides those behind it. */
Test(hnsw_link, chooses_what_is_not_hidden)
{
    static const float degrees[] = {0, 10, 11, -12, 40};
    uint8_t codes[5 * 64];
    int8_t room[64], other[64];
    struct builder b = {.dim = 16, .n_bytes = 64, .codes = codes, .p = {.alpha = 1}};
    struct build_work w = {NULL, room, other};
    struct walk_entry c[4];
    struct codes_query q;

    b.one = (int32_t)(1 / codes_unit(16));
    for (size_t i = 0; i < 5; i++) {
        float angle = degrees[i] / 57.29578f, v[16];

        for (size_t j = 0; j < 16; j++)
            v[j] = 0.35355339f * (j % 2 ? cosf(angle) : sinf(angle));
        codes_encode(v, 16, codes + i * 64);
    }
    q = codes_query_of(codes, 16, room);
    for (uint32_t i = 0; i < 4; i++) {
        c[i].node = i + 1;
        simd_get()->codes_rows(q.bytes, q.bias, codes + (i + 1) * 64, 64, 1, &c[i].score);
    }
    link_sort(c, 4);
    cr_assert_eq(link_choose(&b, &w, c, 4, 4), 2);
    cr_expect_eq(c[0].node, 1);
    cr_expect_eq(c[1].node, 3);
    cr_expect_eq(link_choose(&b, &w, c, 2, 1), 1, "no more than asked for");
}
