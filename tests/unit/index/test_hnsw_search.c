#include <criterion/criterion.h>

#include "index/flat.h"
#include "index/hnsw_parts.h"
#include "unit/index/vectors.h"

#define DIM 32
#define N   6000

static size_t allow_any(uint64_t *allowed, double part)
{
    uint64_t state = 5;
    size_t n = 0;

    memset(allowed, 0, bitmap_words(N) * sizeof *allowed);
    for (size_t i = 0; i < N; i++)
        if ((test_random(&state) + 1) / 2 < part) {
            bitmap_set(allowed, i);
            n++;
        }
    return n;
}

/* Those of whole clusters: near to some questions, far from the others. */
static size_t allow_clusters(uint64_t *allowed, size_t n_clusters)
{
    size_t n = 0;

    memset(allowed, 0, bitmap_words(N) * sizeof *allowed);
    for (size_t i = 0; i < N; i++)
        if (i * 2654435761u % 40 < n_clusters) {
            bitmap_set(allowed, i);
            n++;
        }
    return n;
}

static void expect_only_allowed(const struct hnsw *h, const float *v, const uint64_t *allowed,
                                size_t n_allowed)
{
    struct hnsw_query q = {v, v, 10, 40, allowed, n_allowed, NULL, false};
    struct vector_hit out[10];
    size_t n = hnsw_search(h, &q, out, NULL);

    cr_expect_eq(n, n_allowed < 10 ? n_allowed : 10);
    for (size_t i = 0; i < n; i++)
        cr_expect(bitmap_get(allowed, out[i].slot));
}

Test(hnsw_search, keeps_its_recall_under_any_filter)
{
    static const double parts[] = {1, 0.5, 0.1, 0.01, 0.001};
    float *v = vectors_of(0, N, DIM);
    struct hnsw_input in = {v, NULL, N, DIM};
    struct hnsw *h = build_of(&in, 1);
    uint64_t allowed[(N + 63) / 64];

    for (size_t i = 0; i < 5; i++) {
        size_t n = allow_any(allowed, parts[i]);

        expect_only_allowed(h, v, allowed, n);
        cr_expect_geq(recall_of(h, &in, allowed, n, 40, 40), 0.98, "%g", parts[i]);
    }
    for (size_t n_clusters = 1; n_clusters <= 16; n_clusters *= 4) {
        size_t n = allow_clusters(allowed, n_clusters);

        expect_only_allowed(h, v, allowed, n);
        cr_expect_geq(recall_of(h, &in, allowed, n, 40, 40), 0.98, "%zu clusters: %g", n_clusters,
                      recall_of(h, &in, allowed, n, 40, 40));
    }
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_search, of_no_allowed_one_finds_nothing)
{
    float *v = vectors_of(0, 100, DIM);
    struct hnsw_input in = {v, NULL, 100, DIM};
    struct hnsw *h = build_of(&in, 1);
    uint64_t none[2] = {0};
    struct hnsw_query q = {v, v, 10, 10, none, 0, NULL, false};
    struct vector_hit out[10];

    cr_expect_eq(hnsw_search(h, &q, out, NULL), 0);
    cr_expect_eq(hnsw_scan(h, &q, out, NULL), 0);
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_search, gives_cosines_to_the_bit_and_counts_its_work)
{
    float *v = vectors_of(0, 1000, DIM), query[DIM];
    struct hnsw_input in = {v, NULL, 1000, DIM};
    struct hnsw *h = build_of(&in, 1);
    struct flat f = {v, NULL, 1000, DIM};
    struct hnsw_query q = {query, v, 10, 1, NULL, 0, NULL, false};
    struct hnsw_stats s;
    struct vector_hit out[10];

    vector_of(77777, DIM, query);
    cr_assert_eq(hnsw_search(h, &q, out, &s), 10, "ef is k at least");
    for (size_t i = 0; i < 10; i++)
        cr_expect_eq(out[i].score, flat_score(&f, query, out[i].slot));
    cr_expect_gt(s.hops, 1);
    cr_expect(s.visited > s.hops && s.visited < 1000);
    cr_expect_geq(s.rescored, 10);
    hnsw_free(h);
    mem_free(v);
}
