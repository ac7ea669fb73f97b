#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"
#include "index/bitmap.h"
#include "index/flat.h"

#define DIM 24
#define N   333

Test(flat, finds_the_best_allowed_vectors)
{
    struct arena *mem = arena_new(0);
    float *v = mem_alloc_aligned(N * DIM * sizeof *v), query[DIM];
    uint64_t ids[N], allowed[(N + 63) / 64];
    struct flat f = {v, ids, N, DIM};

    srand(3);
    for (size_t i = 0; i < N * DIM; i++)
        v[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    for (size_t i = 0; i < DIM; i++)
        query[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    for (size_t i = 0; i < N; i++)
        ids[i] = 1000 + i;
    for (int filtered = 0; filtered < 2; filtered++) {
        struct topk best;

        memset(allowed, 0, sizeof allowed);
        for (size_t i = 0; i < N; i++)
            if (i < 64 || i % 3 == 0) /* a full word, then a third; two words are left empty */
                if (i < 128 || i >= 256)
                    bitmap_set(allowed, i);
        topk_init(&best, 10, mem);
        flat_search(&f, query, filtered ? allowed : NULL, 7, &best);
        topk_sort(&best);
        cr_assert_eq(best.n, 10);
        for (uint32_t i = 0; i < N; i++) { /* whoever is better than the last is in it */
            bool in = false;

            for (size_t b = 0; b < best.n; b++)
                in |= best.v[b].slot == i;
            if (filtered && !bitmap_get(allowed, i))
                cr_assert_not(in);
            else
                cr_assert(in || flat_score(&f, query, i) <= best.v[9].score + 1e-6f);
        }
        cr_expect_eq(best.v[0].view, 7);
        cr_expect_eq(best.v[0].chunk_id, 1000 + best.v[0].slot);
        cr_expect_eq(best.v[0].score, flat_score(&f, query, best.v[0].slot), "bit for bit");
    }
    mem_free(v);
    arena_free(mem);
}

Test(flat, of_nothing_finds_nothing)
{
    struct arena *mem = arena_new(0);
    float query[DIM] = {1};
    struct topk best;

    topk_init(&best, 3, mem);
    flat_search(&(struct flat){NULL, NULL, 0, DIM}, query, NULL, 0, &best);
    cr_expect_eq(best.n, 0);
    arena_free(mem);
}
