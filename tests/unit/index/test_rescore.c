#include <criterion/criterion.h>

#include "index/flat.h"
#include "index/rescore.h"
#include "unit/index/vectors.h"

#define DIM 20

Test(rescore, gives_exact_cosines_best_first)
{
    float *v = vectors_of(0, 50, DIM), query[DIM];
    struct code_candidate c[50];
    struct vector_hit out[10];
    struct rescore r = {query, v, DIM, 1, 1e9f, NULL};
    struct flat f = {v, NULL, 50, DIM};
    size_t n_scored = 1;

    vector_of(999, DIM, query);
    for (uint32_t i = 0; i < 50; i++)
        c[i] = (struct code_candidate){0, (i * 7) % 50};
    cr_assert_eq(rescore_best(&r, c, 50, 10, out, &n_scored), 10);
    cr_expect_eq(n_scored, 51);
    for (size_t i = 0; i < 10; i++) {
        cr_expect_eq(out[i].score, flat_score(&f, query, out[i].slot), "bit for bit");
        cr_expect(i == 0 || out[i - 1].score >= out[i].score);
    }
    cr_expect_eq(rescore_best(&r, c, 3, 10, out, NULL), 3, "there are but three");
    cr_expect_eq(rescore_best(&r, c, 0, 10, out, NULL), 0);
    mem_free(v);
}

Test(rescore, puts_equal_scores_in_the_order_of_slots)
{
    float v[6 * DIM] = {0}, query[DIM] = {1};
    struct code_candidate c[] = {{0, 5}, {0, 2}, {0, 4}, {0, 0}};
    struct vector_hit out[3];

    for (size_t i = 0; i < 6; i++)
        v[i * DIM] = 1;
    cr_assert_eq(rescore_best(&(struct rescore){query, v, DIM, 1, 1, NULL}, c, 4, 3, out, NULL), 3);
    cr_expect_eq(out[0].slot, 0);
    cr_expect_eq(out[1].slot, 2);
    cr_expect_eq(out[2].slot, 4);
}

Test(rescore, puts_equal_scores_in_the_order_of_ids_where_there_are_some)
{
    static const uint64_t ids[] = {9, 8, 3, 7, 1, 6};
    float v[6 * DIM] = {0}, query[DIM] = {1};
    struct code_candidate c[] = {{0, 5}, {0, 2}, {0, 4}, {0, 0}};
    struct vector_hit out[3];

    for (size_t i = 0; i < 6; i++)
        v[i * DIM] = 1;
    cr_assert_eq(rescore_best(&(struct rescore){query, v, DIM, 1, 1, ids}, c, 4, 3, out, NULL), 3);
    cr_expect_eq(out[0].slot, 4);
    cr_expect_eq(out[1].slot, 2);
    cr_expect_eq(out[2].slot, 5);
}

Test(rescore, does_not_read_what_is_out_of_reach)
{
    float *v = vectors_of(0, 40, DIM), query[DIM];
    struct code_candidate c[40];
    struct vector_hit out[2];
    size_t n_scored = 0;

    vector_of(0, DIM, query);
    for (uint32_t i = 0; i < 40; i++)
        c[i] = (struct code_candidate){i < 4 ? 1000 : -1000, i};
    rescore_best(&(struct rescore){query, v, DIM, 0.001f, 0.01f, NULL}, c, 40, 2, out, &n_scored);
    cr_expect_eq(n_scored, 4);
    mem_free(v);
}
