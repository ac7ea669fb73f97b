#include <criterion/criterion.h>

#include "index/flat.h"
#include "index/hnsw_parts.h"
#include "unit/index/vectors.h"

#define DIM 256 /* four lines: the first is a third, the first two are a half */
#define N   3000
#define K   40

/* Every third slot, so about a thousand: enough for parts. */
static size_t allow_most(uint64_t *allowed)
{
    size_t n = 0;

    memset(allowed, 0, bitmap_words(N) * sizeof *allowed);
    for (size_t i = 0; i < N; i++)
        if (i % 5) {
            bitmap_set(allowed, i);
            n++;
        }
    return n;
}

static double recall_of_scans(const struct hnsw *h, const struct hnsw_input *in,
                              struct hnsw_query *q, struct hnsw_stats *all)
{
    float query[DIM];
    struct vector_hit out[K];
    struct hnsw_stats stats;
    size_t found = 0;

    *all = (struct hnsw_stats){0};
    q->vector = query;
    for (size_t i = 0; i < 20; i++) {
        vector_of(50000 + i, DIM, query);
        cr_assert_eq(hnsw_scan(h, q, out, &stats), q->k);
        for (size_t j = 0; j < q->k; j++) {
            cr_assert(!q->allowed || bitmap_get(q->allowed, out[j].slot));
            found += n_nearer(in, query, q->allowed, out[j].score) < q->k;
        }
        all->visited += stats.visited;
    }
    return (double)found / (double)(20 * q->k);
}

Test(hnsw_scan, reads_to_the_end_only_what_begins_well_and_finds_nearly_all)
{
    float *v = vectors_of(0, N, DIM);
    struct hnsw_input in = {v, NULL, N, DIM};
    struct hnsw *h = build_of(&in, 1);
    uint64_t allowed[(N + 63) / 64];
    struct hnsw_query q = {.vectors = v, .allowed = allowed, .n_allowed = allow_most(allowed)};
    struct hnsw_stats stats;

    for (q.k = 10; q.k <= K; q.k += 30) {
        double recall = recall_of_scans(h, &in, &q, &stats);

        cr_expect_geq(recall, 0.98, "%zu: %g", q.k, recall);
        cr_expect_lt(stats.visited, 20 * q.n_allowed * 2 / 3, "%zu: %zu", q.k, stats.visited);
    }
    hnsw_free(h);
    mem_free(v);
}

Test(hnsw_scan, is_exact_when_asked_to_be_and_where_little_is_allowed)
{
    float *v = vectors_of(0, N, DIM);
    struct hnsw_input in = {v, NULL, N, DIM};
    struct hnsw *h = build_of(&in, 1);
    uint64_t allowed[(N + 63) / 64] = {0};
    struct hnsw_query q = {.vectors = v, .k = 10, .exact = true};
    struct hnsw_stats stats;

    cr_expect_eq(recall_of_scans(h, &in, &q, &stats), 1);
    cr_expect_eq(stats.visited, 20 * N);
    for (size_t i = 0; i < N; i += 7)
        bitmap_set(allowed, i);
    q = (struct hnsw_query){.vectors = v, .k = 10, .allowed = allowed, .n_allowed = (N + 6) / 7};
    cr_expect_eq(recall_of_scans(h, &in, &q, &stats), 1);
    cr_expect_eq(stats.visited, 20 * q.n_allowed);
    hnsw_free(h);
    mem_free(v);
}

/* Vectors that differ behind the first half only. */
static float *late_vectors(size_t n)
{
    float *v = vectors_of(0, n, DIM);

    for (size_t i = 0; i < n; i++) {
        uint64_t noise = i + 1;

        for (size_t j = 0; j < DIM / 2; j++)
            v[i * DIM + j] = 0.02f * test_random(&noise);
        make_unit(v + i * DIM, DIM);
    }
    return v;
}

Test(hnsw_scan, where_the_beginning_says_nothing_all_are_read)
{
    float *v = late_vectors(N);
    struct hnsw_input in = {v, NULL, N, DIM};
    struct hnsw *h = build_of(&in, 1);
    struct hnsw_query q = {.vectors = v, .k = 10};
    struct hnsw_stats stats;
    double recall = recall_of_scans(h, &in, &q, &stats);

    cr_expect_geq(recall, 0.98, "%g", recall);
    cr_expect_geq(stats.visited, 20 * N * 3 / 4, "%zu", stats.visited);
    hnsw_free(h);
    mem_free(v);
}

/* All sums alike: nothing is above anything. */
Test(hnsw_scan, of_vectors_that_are_all_the_same_it_finds_the_first_by_id)
{
    float *v = vectors_of(0, N, DIM);
    struct hnsw_input in = {v, NULL, N, DIM};
    struct hnsw_query q = {.vectors = v, .vector = v, .k = 10};
    struct vector_hit out[10];
    struct hnsw *h;

    for (size_t i = 1; i < N; i++)
        memcpy(v + i * DIM, v, DIM * sizeof *v);
    h = build_of(&in, 1);
    cr_assert_eq(hnsw_scan(h, &q, out, NULL), 10);
    for (size_t i = 0; i < 10; i++)
        cr_expect_eq(out[i].slot, i);
    hnsw_free(h);
    mem_free(v);
}
