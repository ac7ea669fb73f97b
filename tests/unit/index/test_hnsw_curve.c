#include <criterion/criterion.h>

#include "index/hnsw_parts.h"
#include "unit/index/vectors.h"

#define DIM 32

Test(hnsw_curve, rises_and_gives_an_ef_that_keeps_its_word)
{
    float *v = vectors_of(0, 4000, DIM);
    struct hnsw_input in = {v, NULL, 4000, DIM};
    struct hnsw *h = build_of(&in, 1);
    size_t ef = hnsw_ef_for(h, 0.95f);

    for (size_t i = 1; i < HNSW_CURVE; i++)
        cr_expect(h->curve[i].recall >= h->curve[i - 1].recall - 0.01f);
    cr_expect_geq(recall_of(h, &in, NULL, 0, ef, 100), 0.92);
    cr_expect_leq(hnsw_ef_for(h, 0.5f), ef);
    cr_expect_geq(hnsw_ef_for(h, 0.99f), ef);
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_curve, is_straight_between_its_points_and_bounded_beyond)
{
    struct hnsw *h = hnsw_new();

    for (size_t i = 0; i < HNSW_CURVE; i++)
        h->curve[i] = (struct hnsw_curve_point){(uint32_t)(10 * (i + 1)), 0.5f + 0.04f * (float)i};
    cr_expect_eq(hnsw_ef_for(h, 0), 10);
    cr_expect_eq(hnsw_ef_for(h, 0.52f), 15);
    cr_expect_gt(hnsw_ef_for(h, 0.97f), 120);
    cr_expect_eq(hnsw_ef_for(h, 1), HNSW_MAX_EF);
    hnsw_free(h);
}
