#include <criterion/criterion.h>
#include <stdlib.h>

#include "index/topk.h"

static int reference(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->chunk_id < y->chunk_id ? -1 : 1;
}

Test(topk, keeps_what_sorting_everything_would_put_first)
{
    struct arena *mem = arena_new(0);
    struct candidate all[500];
    struct topk t;

    srand(7);
    for (size_t k = 1; k <= 600; k = k * 3 + 1) {
        topk_init(&t, k, mem);
        for (uint32_t i = 0; i < 500; i++) { /* few scores, so many ties */
            all[i] = (struct candidate){(float)(rand() % 20), 0, i, (i * 7919u) % 500};
            topk_push(&t, all[i]);
        }
        topk_sort(&t);
        qsort(all, 500, sizeof *all, reference);
        cr_assert_eq(t.n, k < 500 ? k : 500);
        for (size_t i = 0; i < t.n; i++) {
            cr_assert_eq(t.v[i].score, all[i].score);
            cr_assert_eq(t.v[i].chunk_id, all[i].chunk_id);
        }
    }
    arena_free(mem);
}

Test(topk, lets_everything_in_until_it_is_full)
{
    struct arena *mem = arena_new(0);
    struct topk t;

    topk_init(&t, 2, mem);
    cr_expect_lt(topk_threshold(&t), -1e30);
    topk_push(&t, (struct candidate){.score = 3});
    topk_push(&t, (struct candidate){.score = 5, .chunk_id = 1});
    cr_expect_eq(topk_threshold(&t), 3);
    arena_free(mem);
}
