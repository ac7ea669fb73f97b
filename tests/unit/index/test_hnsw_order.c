#include <criterion/criterion.h>

#include "base/err.h"
#include "index/hnsw_order.h"
#include "unit/index/vectors.h"

#define DIM 32

static double mean_gap(const struct hnsw *h)
{
    double sum = 0;
    size_t n = 0;

    for (uint32_t i = 0; i < h->n; i++)
        for (size_t j = 0; j < h->level[0].degree; j++) {
            uint32_t to = h->level[0].links[i * h->level[0].degree + j];

            if (to == HNSW_NONE)
                break;
            sum += fabs((double)to - (double)i);
            n++;
        }
    return sum / (double)n;
}

Test(hnsw_order, puts_neighbours_near_each_other)
{
    float *v = vectors_of(0, 4000, DIM);
    struct hnsw_input in = {v, NULL, 4000, DIM};
    struct hnsw *h = build_of(&in, 1);

    cr_expect_lt(mean_gap(h), 4000.0 / 3 * 0.8, "%g: at random a third of all", mean_gap(h));
    cr_expect_eq(hnsw_check(h), ERR_OK, "%s", err_text());
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_order, keeps_levels_in_front)
{
    float *v = vectors_of(0, 4000, DIM);
    struct hnsw_input in = {v, NULL, 4000, DIM};
    struct hnsw *h = build_of(&in, 1);

    cr_assert_gt(h->n_levels, 1);
    cr_expect_eq(h->level[0].n, 4000);
    cr_expect(h->level[1].n > 150 && h->level[1].n < 400);
    for (size_t l = 1; l < h->n_levels; l++)
        for (size_t i = 0; i < h->level[l].n * h->level[l].degree; i++)
            cr_assert(h->level[l].links[i] == HNSW_NONE || h->level[l].links[i] < h->level[l].n);
    hnsw_free(h);
    mem_free(v);
}
