#include <criterion/criterion.h>

#include "base/arena.h"
#include "index/code_scan.h"
#include "index/flat.h"
#include "index/topk.h"
#include "unit/index/vectors.h"

#define N 3000

static struct flat_codes codes_of(const float *v, size_t n, size_t dim)
{
    size_t n_bytes = codes_stride(dim);
    uint8_t *codes = mem_alloc_aligned(n * n_bytes + 1);
    float cut = 0;

    for (size_t i = 0; i < n; i++)
        cut = fmaxf(cut, codes_encode(v + i * dim, dim, codes + i * n_bytes));
    return (struct flat_codes){codes, v, n, dim, cut, NULL};
}

static void expect_the_exact_result(const struct flat_codes *f, const float *query,
                                    const uint64_t *allowed, size_t k)
{
    struct arena *mem = arena_new(0);
    uint64_t *ids = mem_calloc(f->n + 1, sizeof *ids);
    struct vector_hit *got = mem_alloc(k * sizeof *got);
    struct topk want;
    size_t n;

    for (size_t i = 0; i < f->n; i++)
        ids[i] = i;
    topk_init(&want, k, mem);
    flat_search(&(struct flat){f->vectors, ids, f->n, f->dim}, query, allowed, 0, &want);
    topk_sort(&want);
    n = flat_codes_search(f, query, allowed, k, got);
    cr_assert_eq(n, want.n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(got[i].slot, want.v[i].slot, "place %zu of %zu", i, k);
        cr_assert_eq(got[i].score, want.v[i].score);
    }
    mem_free(got);
    mem_free(ids);
    arena_free(mem);
}

static void compare_scans(size_t dim)
{
    static const size_t ks[] = {1, 10, 100, N, N + 5};
    float *v = vectors_of(0, N, dim), *query = mem_alloc(dim * sizeof *query);
    struct flat_codes f = codes_of(v, N, dim);
    uint64_t allowed[(N + 63) / 64] = {0};

    for (size_t i = 0; i < N; i++)
        if (i % 7 == 0 || (i > 500 && i < 700))
            bitmap_set(allowed, i);
    for (size_t i = 0; i < 20; i++) {
        vector_of(5000 + i, dim, query);
        for (size_t j = 0; j < (i < 2 ? 5 : 3); j++) {
            expect_the_exact_result(&f, query, NULL, ks[j]);
            expect_the_exact_result(&f, query, allowed, ks[j]);
        }
    }
    mem_free(v);
    mem_free(query);
    mem_free((void *)f.codes);
}

Test(code_scan, finds_what_the_exact_scan_finds)
{
    compare_scans(100);
}

Test(code_scan, finds_it_in_many_dimensions)
{
    compare_scans(384);
}

Test(code_scan, finds_it_although_the_clip_cuts)
{
    float *v = vectors_of(0, N, 64), query[64];
    struct flat_codes f;

    for (size_t i = 0; i < N; i++) {
        v[i * 64 + i % 2] += 1.2f;
        make_unit(v + i * 64, 64);
    }
    f = codes_of(v, N, 64);
    cr_assert_gt(f.cut, 0);
    for (size_t i = 0; i < 20; i++) {
        vector_of(5000 + i, 64, query);
        query[i % 2] += 1;
        make_unit(query, 64);
        expect_the_exact_result(&f, query, NULL, 10);
    }
    mem_free(v);
    mem_free((void *)f.codes);
}

Test(code_scan, ranks_copies_by_slot)
{
    float *v = vectors_of(0, 500, 64);
    struct flat_codes f;

    for (size_t i = 100; i < 400; i++)
        memcpy(v + i * 64, v + 64, 64 * sizeof *v);
    f = codes_of(v, 500, 64);
    expect_the_exact_result(&f, v + 64, NULL, 10);
    mem_free(v);
    mem_free((void *)f.codes);
}

Test(code_scan, of_nothing_finds_nothing)
{
    float v[64] = {1};
    uint64_t none = 0;
    struct flat_codes f = codes_of(v, 1, 64);
    struct vector_hit out[3];

    cr_expect_eq(flat_codes_search(&f, v, &none, 3, out), 0);
    cr_expect_eq(flat_codes_search(&f, v, NULL, 3, out), 1);
    mem_free((void *)f.codes);
    f.n = 0;
    cr_expect_eq(flat_codes_search(&f, v, NULL, 3, out), 0);
}

Test(code_scan, collects_all_that_are_near_the_kth)
{
    float v[64] = {1};
    int8_t room[64];
    struct codes_query q = codes_query(v, 64, room);
    struct code_collector c;

    code_collector_init(&c, &q, 0, 2);
    for (uint32_t i = 0; i < 10000; i++)
        code_collector_add(&c, (int32_t)(i * 37 % 10000) * 100000, i);
    code_collector_finish(&c);
    cr_expect_eq(c.n, 2);
    code_collector_done(&c);

    code_collector_init(&c, &q, 0, 2);
    for (uint32_t i = 0; i < 10000; i++)
        code_collector_add(&c, 7, i);
    code_collector_finish(&c);
    cr_expect_eq(c.n, 10000, "equal ones are all near");
    code_collector_done(&c);
}
